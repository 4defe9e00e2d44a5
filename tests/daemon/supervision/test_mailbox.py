import anyio

from stoker.daemon.supervision.mailbox import Mailbox


async def test_letters_are_read_in_the_order_of_their_arrival() -> None:
    box: Mailbox[str] = Mailbox()
    for letter in "abc":
        box.put(letter)
    assert await box.peek(10) == ["a", "b", "c"]


async def test_no_more_are_read_than_asked_for() -> None:
    box: Mailbox[str] = Mailbox()
    for letter in "abc":
        box.put(letter)
    assert await box.peek(2) == ["a", "b"]


async def test_a_letter_stays_in_the_box_until_it_is_dropped() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("a")
    box.put("b")
    await box.peek(1)
    assert await box.peek(2) == ["a", "b"]
    box.drop(1)
    assert await box.peek(2) == ["b"]
    assert len(box) == 1


async def test_a_reader_of_an_empty_box_waits_for_the_next_letter() -> None:
    box: Mailbox[str] = Mailbox()
    read: list[list[str]] = []

    async def reader() -> None:
        read.append(await box.peek(10))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(reader)
            await anyio.wait_all_tasks_blocked()
            assert read == []
            box.put("a")
    assert read == [["a"]]


async def test_an_emptied_box_makes_the_next_reader_wait_again() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("a")
    await box.peek(1)
    box.drop(1)
    with anyio.move_on_after(0) as scope:
        await box.peek(1)
    assert scope.cancelled_caught


async def test_no_letter_is_lost_with_a_reader_that_falls() -> None:
    box: Mailbox[str] = Mailbox()

    async def reader() -> None:
        await box.peek(1)
        raise RuntimeError("stumbled")

    box.put("a")
    try:
        await reader()
    except RuntimeError:
        box.put("b")
    assert await box.peek(10) == ["a", "b"]
