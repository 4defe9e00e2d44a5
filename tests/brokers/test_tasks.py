import asyncio

import pytest

from stoker.brokers.tasks import begun


async def test_the_first_step_is_taken_at_once() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("begun")
        await asyncio.sleep(0)
        seen.append("ended")

    task = begun(work())
    assert seen == ["begun"]
    assert task is not None
    await task
    assert seen == ["begun", "ended"]


async def test_work_that_waits_for_nothing_needs_no_task() -> None:
    async def work() -> None:
        pass

    assert begun(work()) is None


async def test_what_it_waits_for_is_given_to_it() -> None:
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
    seen: list[int] = []

    async def work() -> None:
        seen.append(await first)
        seen.append(await second)

    task = begun(work())
    assert task is not None
    first.set_result(1)
    second.set_result(2)
    await task
    assert seen == [1, 2]


async def test_an_error_that_it_waits_for_is_raised_in_it() -> None:
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        try:
            await failing
        except OSError as error:
            seen.append(str(error))
        await asyncio.sleep(0)

    task = begun(work())
    assert task is not None
    failing.set_exception(OSError("gone"))
    await task
    assert seen == ["gone"]


async def test_its_own_error_is_the_tasks() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise OSError("gone")

    task = begun(work())
    assert task is not None
    with pytest.raises(OSError, match="gone"):
        await task


async def test_a_cancellation_reaches_it_where_it_first_waits() -> None:
    cleaned = False

    async def work() -> None:
        nonlocal cleaned
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned = True

    task = begun(work())
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned
