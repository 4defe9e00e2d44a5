import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stoker.handlers import Context, Handler, Retry, Skip, Snooze, resource, step
from stoker.handlers.testing import FakeContext
from stoker.jobs.errors import HandlerError
from stoker.jobs.outcome import Done, Raised, Skipped, Snoozed, Stopped


@contextmanager
def open_number() -> Iterator[int]:
    yield 5


@contextmanager
def open_text() -> Iterator[str]:
    yield "five"


class Cleanup(Handler, name="maintenance.cleanup"):
    """Fails in all but its second step."""

    @step
    async def tokens(self, ctx: Context) -> None:
        ctx.log("tokens")
        raise ValueError("no tokens")

    @step
    async def trash(self, ctx: Context) -> None:
        ctx.log("trash")

    @step
    async def files(self, ctx: Context) -> None:
        ctx.log("files")
        raise OSError("no files")


async def test_all_steps_run_in_order_whatever_fails(ctx: FakeContext, run: Any) -> None:
    await run(Cleanup)
    assert ctx.logs == ["tokens", "trash", "files"]


async def test_failures_are_raised_together(run: Any) -> None:
    ending = await run(Cleanup)
    assert isinstance(ending, Raised)
    assert ending.error == (
        "ExceptionGroup: 2 of 3 steps of maintenance.cleanup failed: "
        "ValueError: no tokens; OSError: no files"
    )
    assert ending.traceback is not None
    assert "in step 'tokens'" in ending.traceback
    assert "in step 'files'" in ending.traceback
    assert not ending.for_good


async def test_a_step_called_in_a_thread_does_the_same(ctx: FakeContext, run: Any) -> None:
    class Threaded(Handler, name="a"):
        @step
        def one(self, ctx: Context) -> None:
            ctx.log("one")
            raise ValueError("one")

        @step
        def two(self, ctx: Context) -> None:
            ctx.log("two")

    ending = await run(Threaded)
    assert ctx.logs == ["one", "two"]
    assert ending.error == "ValueError: one"


async def test_steps_share_the_instance_of_their_run(run: Any) -> None:
    class Counting(Handler, name="a"):
        count = 0

        @step
        async def one(self) -> None:
            self.count += 1

        @step
        async def two(self, ctx: Context) -> None:
            ctx.log(f"{self.count}")

    context = FakeContext()
    assert await run(Counting, context=context) == Done(b"null")
    assert await run(Counting, context=context) == Done(b"null")
    assert context.logs == ["1", "1"]


async def test_each_step_gets_its_own_resources(ctx: FakeContext, run: Any) -> None:
    class Sharing(Handler, name="a"):
        @step
        async def one(self, ctx: Context, *, it: int = resource(open_number)) -> None:
            ctx.log(f"{it}")

        @step
        async def two(self, ctx: Context, *, it: str = resource(open_text)) -> None:
            ctx.log(it)

    await run(Sharing)
    assert ctx.logs == ["5", "five"]


async def test_a_step_that_skips_had_nothing_to_do(run: Any) -> None:
    class Half(Handler, name="a"):
        @step
        async def one(self) -> None:
            raise Skip("nothing here")

        @step
        async def two(self) -> None: ...

    assert await run(Half) == Done(b"null")


async def test_the_job_is_skipped_if_every_step_is(run: Any) -> None:
    class Idle(Handler, name="a"):
        @step
        async def one(self) -> None:
            raise Skip("nothing here")

        @step
        async def two(self) -> None:
            raise Skip("nothing there")

    assert await run(Idle) == Skipped("nothing there")


async def test_an_outcome_alone_counts_though_it_came_from_a_step(run: Any) -> None:
    class Later(Handler, name="a"):
        @step
        async def one(self) -> None:
            raise Snooze("5m")

        @step
        async def two(self) -> None: ...

    assert await run(Later) == Snoozed(300.0)


async def test_a_cancelled_thread_ends_between_two_steps(ctx: FakeContext, run: Any) -> None:
    class Long(Handler, name="a"):
        @step
        def one(self, ctx: FakeContext) -> None:
            ctx.cancel("enough")

        @step
        def two(self, ctx: Context) -> None:
            ctx.log("two")

    assert await run(Long) == Stopped("enough")
    assert ctx.logs == []


async def test_a_cancelled_task_ends_within_its_step(ctx: FakeContext, run: Any) -> None:
    entered = asyncio.Event()

    class Long(Handler, name="a"):
        @step
        async def one(self) -> None:
            entered.set()
            await asyncio.Event().wait()

        @step
        async def two(self, ctx: Context) -> None:
            ctx.log("two")

    task = asyncio.create_task(run(Long))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ctx.logs == []


async def test_inherited_steps_run_first_and_an_overridden_one_keeps_its_place(
    ctx: FakeContext, run: Any
) -> None:
    class Base(Handler):
        @step
        async def one(self, ctx: Context) -> None:
            ctx.log("base one")

        @step
        async def two(self, ctx: Context) -> None:
            ctx.log("base two")

    class Real(Base, name="a"):
        @step
        async def three(self, ctx: Context) -> None:
            ctx.log("three")

        async def one(self, ctx: Context) -> None:
            ctx.log("one")

    await run(Real)
    assert ctx.logs == ["one", "base two", "three"]


async def test_the_policy_gives_up_only_if_no_failed_step_is_worth_another_try(run: Any) -> None:
    class Both(Handler, name="a", retry=Retry(give_up_on=(ValueError,))):
        @step
        async def one(self) -> None:
            raise ValueError("one")

        @step
        async def two(self) -> None:
            raise OSError("two")

    class Hopeless(Handler, name="b", retry=Retry(give_up_on=(ValueError,))):
        @step
        async def one(self) -> None:
            raise ValueError("one")

        @step
        async def two(self) -> None:
            raise ValueError("two")

    assert not (await run(Both)).for_good
    assert (await run(Hopeless)).for_good


def test_a_handler_of_steps_binds_without_arguments() -> None:
    assert Cleanup.bind().payload == b"{}"


def test_a_step_that_takes_a_job_argument_is_refused() -> None:
    with pytest.raises(HandlerError, match="a: step 'one' takes the job argument 'days'"):

        class Wrong(Handler, name="a"):
            @step
            async def one(self, ctx: Context, days: int) -> None: ...


def test_steps_of_both_kinds_are_refused() -> None:
    with pytest.raises(HandlerError, match="either all 'async def' or all 'def'"):

        class Wrong(Handler, name="a"):
            @step
            async def one(self) -> None: ...

            @step
            def two(self) -> None: ...


def test_only_methods_can_be_steps() -> None:
    with pytest.raises(HandlerError, match="@step marks a method, not int"):
        step(3)  # type: ignore[type-var]
