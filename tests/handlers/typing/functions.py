"""What type checkers must say of `@handler`. Lines marked `# E` must be refused, and no others."""

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import assert_type

from stoker.handlers import Context, Cron, Middleware, Retry, handler, resource
from stoker.handlers.middleware import Next
from stoker.handlers.protocol import AnyHandler
from stoker.handlers.testing import FakeContext, Harness
from stoker.jobs.calls import Call


class Report: ...


class Database: ...


@asynccontextmanager
async def open_database() -> AsyncGenerator[Database, None]:
    yield Database()


@contextmanager
def open_name() -> Generator[str, None, None]:
    yield "name"


async def timed(ctx: Context, call_next: Next) -> object:
    return await call_next()


layer: Middleware = timed


@handler("async.with_context", queue="reports", timeout="10m", retry=Retry(max_attempts=3))
async def generate(
    ctx: Context, kind: str, month: int | None = None, *, db: Database = resource(open_database)
) -> Report:
    assert_type(db, Database)
    assert_type(ctx.job.id, str)
    assert_type(ctx.cancelled, bool)
    return Report()


@handler("sync.with_context", cron=Cron("0 3 * * *", payload={"kind": "a"}), middleware=[timed])
def in_thread(ctx: Context, kind: str, *, name: str = resource(open_name)) -> int:
    return len(kind + name)


@handler("async.without_context")
async def plain(number: int, *, exact: bool) -> list[int]:
    return [number, exact]


@handler("sync.without_context")
def plain_in_thread(number: int = 0) -> str:
    return str(number)


@handler("async.nothing")
async def nothing() -> None: ...


@handler("async.only_context")
async def only_context(ctx: Context) -> None: ...


@handler("async.only_resource")
async def only_resource(*, db: Database = resource(open_database)) -> None: ...


# Binding: the context is no argument, resources are not required, the result is that of the await.
assert_type(generate.bind("a"), Call[Report])
assert_type(generate.bind("a", 3), Call[Report])
assert_type(generate.bind(kind="a", month=3), Call[Report])
assert_type(generate.bind("a").options(priority=9), Call[Report])
assert_type(in_thread.bind("a"), Call[int])
assert_type(plain.bind(1, exact=True), Call[list[int]])
assert_type(plain_in_thread.bind(), Call[str])
assert_type(plain_in_thread.bind(3), Call[str])
assert_type(nothing.bind(), Call[None])
assert_type(only_context.bind(), Call[None])
assert_type(only_resource.bind(), Call[None])

# What the daemon and the harness take.
found: AnyHandler = generate
other: AnyHandler = in_thread
harness = Harness([generate, in_thread, "app.jobs"], resources={open_database: Database()})

generate.bind()  # E
generate.bind(3)  # E
generate.bind("a", "3")  # E
generate.bind("a", 3, 4)  # E
generate.bind("a", wrong=1)  # E
generate.bind(FakeContext(), "a")  # E
in_thread.bind(b"a")  # E
in_thread.bind(FakeContext(), "a")  # E
plain.bind(1)  # E
plain.bind(1, True)  # E
plain_in_thread.bind("3")  # E
nothing.bind(1)  # E
only_context.bind(FakeContext())  # E
bound: Call[str] = generate.bind("a")  # E


async def direct() -> None:
    """The decorated function stays what it was."""
    ctx = FakeContext()
    assert_type(await generate(ctx, "a", db=Database()), Report)
    assert_type(in_thread(ctx, "a", name="b"), int)
    assert_type(await plain(1, exact=True), list[int])
    assert_type(plain_in_thread(1), str)
    await generate(ctx, 3, db=Database())  # E
    await generate("a")  # E
    await generate(ctx, "a", db="fake")  # E
    in_thread(ctx)  # E


# Options and resources.
handler("a", priority="high")  # E
handler("a", queues="a")  # E
handler("a", isolation="thread")  # E
handler("a", retry=3)  # E
handler()  # E
wrong: int = resource(open_database)  # E
resource(open_database())  # E
Cron("* * * * *", overlap="never")  # E


def needs_argument(url: str) -> Iterator[str]:
    yield url


resource(contextmanager(needs_argument))  # E
