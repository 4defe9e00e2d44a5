import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from stoker.daemon.children.attending import Wish
from stoker.daemon.children.pool import ChildPool
from stoker.jobs.events import Event, ProcessEnded
from stoker.jobs.job import Claim
from stoker.jobs.outcome import Crashed, Done, Ending, Raised, Released, Snoozed, Stopped, UnknownType

MakePool = Callable[..., ChildPool]
MakeClaim = Callable[..., Claim]
Run = Callable[..., Awaitable[Ending]]

WAITER = """
    @handler("wait", isolation="process")
    async def wait(ctx: Context):
        ctx.log(str(os.getpid()))
        try:
            await asyncio.sleep(3600)
        finally:
            ctx.log("cleaned up")
"""


@pytest.fixture
def run(heard: Any) -> Run:
    """Runs a claim in a pool, bounded."""

    async def run(
        children: ChildPool, claim: Claim, timeout: float | None = None, wish: Wish | None = None
    ) -> Ending:
        with anyio.fail_after(20):
            return await children.run(claim, timeout=timeout, sink=heard, cancelled=wish or Wish())

    return run


async def test_an_async_handler_gives_its_result(pool: MakePool, claim: MakeClaim, run: Run) -> None:
    children = pool("""
        @handler("add", isolation="process")
        async def add(a: int, b: int) -> dict:
            return {"sum": a + b, "pid": os.getpid()}
    """)
    result = result_of(await run(children, claim("add", b'{"a": 2, "b": 3}')))
    assert result["sum"] == 5
    assert result["pid"] != os.getpid()


async def test_a_def_handler_gives_its_result(pool: MakePool, claim: MakeClaim, run: Run) -> None:
    children = pool("""
        @handler("add", isolation="process")
        def add(a: int, b: int) -> int:
            return a + b
    """)
    assert result_of(await run(children, claim("add", b'{"a": 2, "b": 3}'))) == 5


async def test_one_child_serves_job_after_job_with_its_resource_opened_once(
    pool: MakePool, claim: MakeClaim, run: Run, tmp_path: Any
) -> None:
    trace = tmp_path / "trace"
    children = pool(f"""
        @contextmanager
        def opened():
            Path({str(trace)!r}).open("a").write("open ")
            yield 7
            Path({str(trace)!r}).open("a").write("closed")

        @handler("whoami", isolation="process")
        async def whoami(*, number: int = resource(opened)) -> list:
            return [os.getpid(), number]
    """)
    answers = [result_of(await run(children, claim("whoami"))) for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert answers[0][1] == 7
    await children.close()
    assert trace.read_text() == "open closed"


async def test_progress_and_every_log_line_arrive_in_order_before_the_result(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool("""
        @handler("talk", isolation="process")
        def talk(ctx: Context):
            for i in range(500):
                ctx.log(f"line {i}")
            ctx.progress(50, "half \\ud800")
            ctx.log("last", "warning")
    """)
    await run(children, claim("talk"))
    assert heard.lines == [f"line {i}" for i in range(500)] + ["last"]
    assert heard.said[-2] == ("progress", 50.0, "half ?")
    assert heard.said[-1] == ("log", "last", "warning")


async def test_the_context_knows_job_worker_and_deadline(
    pool: MakePool, claim: MakeClaim, run: Run
) -> None:
    children = pool("""
        @handler("look", isolation="process")
        async def look(ctx: Context) -> list:
            return [ctx.job.id, ctx.job.attempts, ctx.worker, ctx.deadline is not None]
    """)
    job = claim("look", attempts=2)
    assert result_of(await run(children, job, timeout=60)) == [job.id, 2, "worker-1", True]


async def test_what_the_handler_raises_comes_back_as_its_ending(
    pool: MakePool, claim: MakeClaim, run: Run
) -> None:
    children = pool("""
        @handler("end", isolation="process")
        async def end(how: str):
            raise {"error": ValueError("no"), "snooze": Snooze(5), "exit": SystemExit(3),
                   "fail": Fail("done for"), "cancel": Cancel("by me")}[how]
    """)

    async def end(how: str) -> Ending:
        return await run(children, claim("end", msgspec.json.encode({"how": how})))

    error = await end("error")
    assert isinstance(error, Raised) and error.error == "ValueError: no" and error.traceback
    assert await end("snooze") == Snoozed(5)
    assert await end("fail") == Raised("done for", for_good=True)
    assert await end("cancel") == Stopped("by me")
    left = await end("exit")
    assert isinstance(left, Raised) and left.error == "SystemExit: 3"
    assert await run(children, claim("stranger")) == UnknownType()


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_timeout_kills_what_never_looks_up(
    kind: str, pool: MakePool, claim: MakeClaim, run: Run, events: list[Event]
) -> None:
    children = pool(
        f"""
        @handler("spin", isolation="process")
        {kind} spin(ctx: Context):
            ctx.log("spinning")
            while True:
                pass
        """,
        grace=0.2,
    )
    ending = await run(children, claim("spin"), timeout=0.1)
    assert ending == Raised("TimeoutError: ran longer than 100ms", timed_out=True)
    assert children.pids == []
    assert [(e.role, e.code, e.expected) for e in ends(events)] == [("isolated", -signal.SIGTERM, True)]


async def test_a_block_that_holds_the_interpreter_is_killed_as_well(
    pool: MakePool, claim: MakeClaim, run: Run, events: list[Event]
) -> None:
    children = pool(
        """
        @handler("block", isolation="process")
        async def block():
            all(itertools.repeat(1))
        """,
        grace=0.2,
    )
    ending = await run(children, claim("block"), timeout=0.1)
    assert isinstance(ending, Raised) and ending.timed_out
    assert [e.code for e in ends(events)] == [-signal.SIGKILL]


async def test_a_timeout_unwinds_an_async_handler_and_keeps_the_child(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool(WAITER)
    first = await run(children, claim("wait"), timeout=0.5)
    assert isinstance(first, Raised) and first.timed_out
    assert heard.lines[1:] == ["cleaned up"]
    assert [str(pid) for pid in children.pids] == heard.lines[:1]


async def test_a_cancel_is_raised_inside_an_async_handler(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool("""
        @handler("wait", isolation="process")
        async def wait(ctx: Context):
            ctx.log("here")
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                ctx.log(f"{ctx.cancelled} {ctx.cancel_reason}")
                raise
    """)
    assert await cancelled_while_running(run, children, claim("wait"), heard) == Stopped("why not")
    assert heard.lines[1] == "True why not"


async def test_a_cancel_shows_in_the_flag_of_a_def_handler_whose_ending_counts(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool("""
        @handler("poll", isolation="process")
        def poll(ctx: Context) -> str:
            ctx.log("here")
            while not ctx.cancelled:
                time.sleep(0.001)
            return ctx.cancel_reason
    """)
    wish = Wish()
    ending = await cancelled_while_running(run, children, claim("poll"), heard, wish)
    assert result_of(ending) == "why not"
    assert not wish.honoured


async def test_who_ignores_a_cancel_is_killed_within_the_grace(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any, events: list[Event]
) -> None:
    children = pool(
        """
        @handler("stay", isolation="process")
        async def stay(ctx: Context):
            ctx.log("here")
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    ctx.log("ignored")
        """,
        grace=0.3,
    )
    assert await cancelled_while_running(run, children, claim("stay"), heard) == Stopped("why not")
    assert heard.lines == ["here", "ignored"]
    assert [e.code for e in ends(events)] == [-signal.SIGKILL]


async def test_a_late_cancel_does_not_hit_the_next_run(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool("""
        @handler("quick", isolation="process")
        async def quick(ctx: Context) -> bool:
            await asyncio.sleep(0)
            return ctx.cancelled
    """)
    first = Wish()
    assert result_of(await run(children, claim("quick"), wish=first)) is False
    first.make("too late")
    assert result_of(await run(children, claim("quick"))) is False


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("ctypes.string_at(0)", "signal 11 (SIGSEGV)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal 9 (SIGKILL)"),
    ],
)
async def test_a_child_that_dies_by_itself_is_a_crash_of_its_job_alone(
    deed: str, words: str, pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool(f"""
        @handler("die", isolation="process")
        def die(ctx: Context):
            ctx.log("last words")
            {deed}

        @handler("live", isolation="process")
        async def live() -> str:
            return "alive"
    """)
    crash = await run(children, claim("die"))
    assert crash == Crashed(True, f"its child process ended with {words}")
    assert heard.lines == ["last words"]
    assert result_of(await run(children, claim("live"))) == "alive"


async def test_a_child_that_died_while_idle_is_nobodys_crash(
    pool: MakePool, claim: MakeClaim, run: Run
) -> None:
    children = pool("""
        @handler("whoami", isolation="process")
        async def whoami() -> int:
            return os.getpid()
    """)
    first = result_of(await run(children, claim("whoami")))
    os.kill(first, signal.SIGKILL)
    second = result_of(await run(children, claim("whoami")))
    assert second not in (first, os.getpid())


async def test_sigterm_from_elsewhere_does_not_touch_a_run(
    pool: MakePool, claim: MakeClaim, run: Run
) -> None:
    children = pool("""
        @handler("hit", isolation="process")
        def hit() -> str:
            os.killpg(0, signal.SIGTERM)
            os.killpg(0, signal.SIGINT)
            time.sleep(0.01)
            return "standing"
    """)
    assert result_of(await run(children, claim("hit"))) == "standing"


async def test_what_a_killed_run_has_started_ends_with_it(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any, gone: Any
) -> None:
    children = pool(
        """
        import subprocess

        @handler("start", isolation="process")
        def start(ctx: Context):
            process = subprocess.Popen(["sleep", "3600"])
            ctx.log(str(process.pid))
            process.wait()
        """,
        grace=0.2,
    )
    wish = Wish()
    running = asyncio.ensure_future(run(children, claim("start"), wish=wish))
    with anyio.fail_after(20):
        pidfd = os.pidfd_open(int(await heard.line()))
        wish.make(None)
        await running
        await gone(pidfd)


async def test_at_most_size_jobs_run_at_once_and_a_waiting_one_can_be_cancelled(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    children = pool(WAITER, size=2)
    wishes = [Wish() for _ in range(3)]
    with anyio.fail_after(20):
        running = [asyncio.ensure_future(run(children, claim("wait"), wish=wish)) for wish in wishes]
        assert await heard.line(0) != await heard.line(1)
        wishes[2].make("in vain")
        assert await running[2] == Stopped("in vain")
        for wish in wishes[:2]:
            wish.make("enough")
        assert await asyncio.gather(*running[:2]) == [Stopped("enough")] * 2
    assert len(heard.lines) == 4


async def test_a_module_that_does_not_import_is_not_blamed_on_the_job(
    pool: MakePool, claim: MakeClaim, run: Run, events: list[Event]
) -> None:
    children = pool("raise RuntimeError('no database')")
    ending = await run(children, claim("any"))
    assert isinstance(ending, Released) and not ending.started
    assert "RuntimeError: no database" in ending.reason
    (end,) = ends(events)
    assert not end.expected and "no database" in end.detail


async def test_a_child_that_dies_before_it_is_ready_is_not_blamed_on_the_job(
    pool: MakePool, claim: MakeClaim, run: Run, events: list[Event]
) -> None:
    children = pool("os._exit(9)")
    ending = await run(children, claim("any"))
    reason = "its child process ended with exit code 9 before it was ready"
    assert ending == Released(reason, started=False)
    assert [(e.code, e.expected) for e in ends(events)] == [(9, False)]


async def test_a_cancel_while_the_child_starts_is_honoured_at_once(
    pool: MakePool, claim: MakeClaim, run: Run, tmp_path: Path
) -> None:
    os.mkfifo(importing := tmp_path / "importing")
    children = pool(f"Path({str(importing)!r}).write_text('now'); time.sleep(3600)")
    wish = Wish()
    running = asyncio.ensure_future(run(children, claim("any"), wish=wish))
    with anyio.fail_after(20):
        assert await anyio.to_thread.run_sync(importing.read_text) == "now"
        wish.make("never mind")
        assert await running == Stopped("never mind")
    assert children.pids == []


async def test_a_solo_run_has_a_child_of_its_own_that_ends_with_it(
    pool: MakePool, claim: MakeClaim, heard: Any, events: list[Event]
) -> None:
    children = pool("""
        @handler("whoami")
        def whoami() -> int:
            return os.getpid()

        @handler("die")
        async def die():
            os._exit(1)
    """)
    with anyio.fail_after(20):
        ending = await children.run_solo(claim("whoami"), timeout=None, sink=heard, cancelled=Wish())
        assert children.pids == []
        assert [(e.role, e.pid, e.code, e.expected) for e in ends(events)] == [
            ("solo", result_of(ending), 0, True)
        ]
        crash = await children.run_solo(claim("die"), timeout=None, sink=heard, cancelled=Wish())
    assert crash == Crashed(True, "its child process ended with exit code 1")


async def test_after_close_neither_children_nor_descriptors_are_left(
    pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    before = descriptors()
    children = pool(WAITER, size=2)
    wish = Wish()
    finished = asyncio.ensure_future(run(children, claim("wait"), wish=wish))
    running = asyncio.ensure_future(run(children, claim("wait")))
    with anyio.fail_after(20):
        await heard.line(1)
        wish.make("enough")
        await finished
        await children.close()
        assert await running == Released("shutdown")
    assert children.pids == []
    assert descriptors() == before


async def test_middleware_surrounds_the_run_in_the_child(
    module: Callable[[str], str], pool: MakePool, claim: MakeClaim, run: Run, heard: Any
) -> None:
    around = module("""
        async def around(ctx, call_next):
            ctx.log("in")
            try:
                return [await call_next()]
            finally:
                ctx.log("out")
    """)
    children = pool(
        """
        @handler("one", isolation="process")
        async def one(ctx: Context) -> int:
            ctx.log("core")
            return 1
        """,
        middleware=(f"{around}:around",),
    )
    assert result_of(await run(children, claim("one"))) == [1]
    assert heard.lines == ["in", "core", "out"]


async def cancelled_while_running(
    run: Run, children: ChildPool, claim: Claim, heard: Any, wish: Wish | None = None
) -> Ending:
    wish = wish or Wish()
    running = asyncio.ensure_future(run(children, claim, wish=wish))
    with anyio.fail_after(20):
        await heard.line()
        wish.make("why not")
        return await running


def result_of(ending: Ending) -> Any:
    assert isinstance(ending, Done), ending
    assert ending.result is not None, ending.note
    return msgspec.json.decode(ending.result)


def ends(events: list[Event]) -> list[ProcessEnded]:
    return [event for event in events if isinstance(event, ProcessEnded)]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
