import asyncio
from typing import Any

import anyio
import pytest

from stoker.daemon.supervision.supervisor import Budget, Strategy, Supervisor, TooManyRestarts


@pytest.fixture
def supervisor(players: Any, events: Any, clock: Any) -> Any:
    def make(children: Any = players, name: str = "family", **more: Any) -> Supervisor:
        return Supervisor(name, children, emit=events.append, clock=clock, **more)

    return make


async def test_a_child_starts_when_the_one_before_is_up(supervisor, players, diary) -> None:
    players[1].may_start.clear()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor().run)
            await diary.reads("two starts")
            assert diary == ["one starts", "one is up", "two starts"]
            players[1].may_start.set()
            await diary.reads("three is up")
            assert diary[3:] == ["two is up", "three starts", "three is up"]
            group.cancel_scope.cancel()


async def test_it_is_up_when_the_last_child_is(supervisor, diary, running) -> None:
    async with running(supervisor()):
        assert "three is up" in diary


async def test_a_child_is_stopped_when_the_one_after_has_ended(
    supervisor, players, diary, running
) -> None:
    players[1].may_end.clear()
    async with anyio.create_task_group() as group:

        async def let_two_end() -> None:
            await diary.reads("two is told to end")
            assert "one is told to end" not in diary
            players[1].may_end.set()

        group.start_soon(let_two_end)
        async with running(supervisor()):
            diary.clear()
    assert diary == [
        "three is told to end",
        "three ends",
        "two is told to end",
        "two ends",
        "one is told to end",
        "one ends",
    ]


async def test_one_for_one_restarts_the_fallen_alone(supervisor, players, diary, running) -> None:
    async with running(supervisor()):
        diary.clear()
        players[1].fall()
        await diary.reads("two is up")
        assert diary == ["two starts", "two is up"]


async def test_rest_for_one_restarts_the_fallen_and_those_after_it(
    supervisor, players, diary, running
) -> None:
    async with running(supervisor(strategy=Strategy.REST_FOR_ONE)):
        diary.clear()
        players[1].fall()
        await diary.reads("three is up")
        assert diary == [
            "three is told to end",
            "three ends",
            "two starts",
            "two is up",
            "three starts",
            "three is up",
        ]


async def test_one_for_all_restarts_everybody(supervisor, players, diary, running) -> None:
    async with running(supervisor(strategy=Strategy.ONE_FOR_ALL)):
        diary.clear()
        players[1].fall()
        await diary.reads("three is up")
        stopped = ["three is told to end", "three ends", "one is told to end", "one ends"]
        assert diary[:4] == stopped
        assert [line for line in diary if line.endswith("is up")] == [
            "one is up",
            "two is up",
            "three is up",
        ]


async def test_two_that_fall_at_once_are_both_restarted(supervisor, players, diary, running) -> None:
    async with running(supervisor()):
        players[0].fall()
        players[2].fall()
        await diary.reads("one is up", times=2)
        await diary.reads("three is up", times=2)
        assert diary.count("two is up") == 1


async def test_a_child_that_returns_is_done(supervisor, players, diary, running) -> None:
    async with running(supervisor()):
        players[0].leave()
        players[1].fall()
        await diary.reads("two is up", times=2)
        assert diary.count("one starts") == 1


async def test_a_child_that_is_cancelled_from_inside_has_fallen(
    supervisor, players, diary, running, events
) -> None:
    async with running(supervisor()):
        players[1].be_cancelled_from_inside()
        await diary.reads("two is up", times=2)
        [fell] = events
        assert (fell.child, fell.error) == ("two", "StokerError: it was cancelled from inside")


async def test_a_fall_is_told_with_the_one_error_inside_its_groups(
    supervisor, players, diary, running, events
) -> None:
    async with running(supervisor()):
        players[1].fall(ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("no")])]))
        await diary.reads("two is up", times=2)
    [fell] = events
    assert (fell.supervisor, fell.child, fell.error, fell.restarts) == (
        "family",
        "two",
        "ValueError: no",
        True,
    )
    assert "ValueError: no" in fell.traceback


# Budgets


async def test_more_falls_than_the_budget_allows_stop_everybody_and_raise(
    supervisor, players, diary, running
) -> None:
    with pytest.raises(TooManyRestarts, match="3 falls within 30 s, the last one of two: third"):
        async with running(supervisor(budget=Budget(restarts=2))):
            for number, which in enumerate(["first", "second"], start=2):
                players[1].fall(RuntimeError(which))
                await diary.reads("two is up", times=number)
            players[1].fall(RuntimeError("third"))
            await anyio.sleep_forever()
    ended = [line for line in diary if line.endswith("ends")]
    assert ended == ["three ends", "two ends", "one ends"]


async def test_the_last_fall_is_the_cause(supervisor, players, events) -> None:
    last = RuntimeError("last")
    players[0].starts_with = [last]
    with anyio.fail_after(10), pytest.raises(TooManyRestarts) as raised:
        await supervisor(budget=Budget(restarts=0)).run()
    assert raised.value.__cause__ is last


async def test_falls_before_the_window_are_forgotten(
    supervisor, players, diary, running, clock
) -> None:
    async with running(supervisor(budget=Budget(restarts=1, within=30.0))):
        for times in range(2, 6):
            players[0].fall()
            await diary.reads("one is up", times=times)
            clock.advance(30.1)


async def test_the_fall_that_is_one_too_many_is_not_said_to_be_mended(
    supervisor, players, diary, running, events
) -> None:
    with pytest.raises(TooManyRestarts):
        async with running(supervisor(budget=Budget(restarts=1))):
            players[1].fall()
            await diary.reads("two is up", times=2)
            players[1].fall()
            await anyio.sleep_forever()
    assert [event.restarts for event in events] == [True, False]


# Starts that fail


async def test_a_child_that_falls_before_it_is_up_is_started_again_before_the_next(
    supervisor, players, diary, running
) -> None:
    players[1].starts_with = [RuntimeError("not yet"), RuntimeError("not yet")]
    async with running(supervisor()):
        assert diary[2:] == [
            "two starts",
            "two starts",
            "two starts",
            "two is up",
            "three starts",
            "three is up",
        ]


async def test_a_fall_before_it_was_up_is_charged_once(supervisor, players, diary, running) -> None:
    players[1].starts_with = [RuntimeError("not yet")]
    async with running(supervisor(budget=Budget(restarts=2))):
        players[1].fall()
        await diary.reads("two is up", times=2)


async def test_a_child_that_cannot_start_ends_those_before_it(supervisor, players, diary) -> None:
    players[1].starts_with = [RuntimeError("never")] * 3
    with anyio.fail_after(10), pytest.raises(TooManyRestarts, match="the last one of two: never"):
        await supervisor(budget=Budget(restarts=2)).run()
    assert diary[-2:] == ["one is told to end", "one ends"]
    assert (diary.count("two starts"), diary.count("three starts")) == (3, 0)


async def test_any_number_of_falls_fit_into_a_large_budget(supervisor, players, diary, running) -> None:
    players[0].starts_with = [RuntimeError("not yet") for _ in range(500)]
    async with running(supervisor(budget=Budget(restarts=500))):
        assert diary.count("one starts") == 501


# Stops


async def test_a_stop_while_a_child_starts_ends_it_and_those_before(supervisor, players, diary) -> None:
    players[1].may_start.clear()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor().run)
            await diary.reads("two starts")
            group.cancel_scope.cancel()
    assert diary[-2:] == ["one is told to end", "one ends"]
    assert "three starts" not in diary


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_stop_while_a_child_is_mended_starts_nobody_who_has_ended_in_order(
    strategy, supervisor, players, diary
) -> None:
    waits = players[2] if strategy is Strategy.REST_FOR_ONE else players[0]
    waits.may_end.clear()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            await group.start(supervisor(strategy=strategy).run)
            players[1].fall()
            await diary.reads(f"{waits.name} is told to end")
            group.cancel_scope.cancel()
            waits.may_end.set()
    # The fallen has not ended in order, so it is started once more for that.
    assert [diary.count(f"{name} starts") for name in ("one", "two", "three")] == [1, 2, 1]
    assert diary.count("two ends") == diary.count("one ends") == 1


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_one_that_has_fallen_when_the_stop_comes_is_started_once_more_to_end_in_order(
    which, supervisor, players, diary, running
) -> None:
    async with running(supervisor()):
        diary.clear()
        players[which].fall()
    ended = [line for line in diary if line.endswith("ends")]
    assert ended == ["three ends", "two ends", "one ends"]
    assert diary.count(f"{players[which].name} starts") == 1


async def test_one_that_falls_again_then_does_not_hold_the_stop(
    supervisor, players, diary, running
) -> None:
    async with running(supervisor()):
        players[1].starts_with = [RuntimeError("no more") for _ in range(10)]
        players[1].fall()
    assert diary[-2:] == ["one is told to end", "one ends"]


async def test_an_error_during_the_stop_is_told_and_stops_the_others_all_the_same(
    supervisor, players, diary, running, events
) -> None:
    players[1].last_words = RuntimeError("lost my hat")
    async with running(supervisor()):
        pass
    assert diary[-1] == "one ends"
    [fell] = events
    assert (fell.child, fell.error, fell.restarts) == ("two", "RuntimeError: lost my hat", False)


async def test_a_stop_goes_through_to_its_end_also_if_it_is_asked_for_twice(
    supervisor, players, diary
) -> None:
    players[2].may_end.clear()
    with anyio.fail_after(10):
        task = asyncio.ensure_future(supervisor().run())
        await diary.reads("three is up")
        task.cancel()
        await diary.reads("three is told to end")
        task.cancel()
        await anyio.lowlevel.checkpoint()
        players[2].may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert diary[-1] == "one ends"


# Trees


async def test_a_tree_stops_its_leaves_in_reverse(supervisor, players, diary, running) -> None:
    branch = supervisor(players[1:], "branch")
    async with running(supervisor([players[0], branch])):
        diary.clear()
    ended = [line for line in diary if line.endswith("ends")]
    assert ended == ["three ends", "two ends", "one ends"]


async def test_a_branch_that_gives_up_is_restarted_with_a_whole_budget(
    supervisor, players, diary, running, events
) -> None:
    branch = supervisor(players[1:], "branch", budget=Budget(restarts=1))
    async with running(supervisor([players[0], branch])):
        for times in (2, 3):
            ups = diary.count("two is up")
            players[1].fall()
            await diary.reads("two is up", times=ups + 1)
            await anyio.wait_all_tasks_blocked()
            assert diary.count("three is up") == times - 1
            players[1].fall()  # one too many for the branch
            await diary.reads("three is up", times=times)
    assert [event.child for event in events if event.supervisor == "family"] == ["branch", "branch"]
    assert diary.count("one starts") == 1


async def test_a_branch_that_is_stopped_by_a_fall_beside_it_is_not_told_as_fallen(
    supervisor, players, diary, running, events
) -> None:
    branch = supervisor(players[1:], "branch")
    async with running(supervisor([players[0], branch], strategy=Strategy.ONE_FOR_ALL)):
        players[0].fall()
        await diary.reads("three is up", times=2)
    assert [event.child for event in events] == ["one"]
