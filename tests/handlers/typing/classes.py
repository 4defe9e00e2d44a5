"""What type checkers must say of `Handler`. Lines marked `# E` must be refused, and no others."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import assert_type

from stoker.handlers import Context, Handler, resource, step
from stoker.handlers.testing import FakeContext, Harness
from stoker.jobs.calls import Call


class Database: ...


@asynccontextmanager
async def open_database() -> AsyncGenerator[Database, None]:
    yield Database()


class Cleanup(Handler, name="maintenance.cleanup", queue="maintenance", timeout="5m"):
    async def execute(
        self, ctx: Context, days: int = 30, *, db: Database = resource(open_database)
    ) -> list[str]:
        return [str(days)]


class InThread(Handler, name="in.thread"):
    def execute(self, ctx: Context, days: int) -> str:
        return str(days)


class WithoutContext(Handler, name="without.context"):
    async def execute(self, days: int) -> str:
        return str(days)


class InThreadWithoutContext(Handler, name="in.thread.without.context"):
    def execute(self, days: int) -> float:
        return days


class Steps(Handler, name="steps"):
    @step
    async def first(self, ctx: Context) -> None:
        ctx.log("first")

    @step
    async def second(self, *, db: Database = resource(open_database)) -> None:
        assert_type(db, Database)


assert_type(Cleanup.bind(), Call[list[str]])
assert_type(Cleanup.bind(3), Call[list[str]])
assert_type(Cleanup.bind(days=3), Call[list[str]])
assert_type(InThread.bind(3), Call[str])
assert_type(WithoutContext.bind(3), Call[str])
assert_type(InThreadWithoutContext.bind(3), Call[float])
assert_type(Steps.bind(), Call[None])

harness = Harness([Cleanup, Steps])

Cleanup.bind("3")  # E
Cleanup.bind(FakeContext(), 3)  # E
InThread.bind()  # E
InThread.bind("3")  # E
InThread.bind(FakeContext(), 3)  # E
WithoutContext.bind()  # E
WithoutContext.bind("3")  # E
InThreadWithoutContext.bind(day=3)  # E
Steps.bind(1)  # E


async def direct() -> None:
    """Methods stay what they were."""
    assert_type(await Cleanup().execute(FakeContext(), 3, db=Database()), list[str])
    assert_type(InThread().execute(FakeContext(), 3), str)
    await Steps().first(FakeContext())
    await Cleanup().execute(FakeContext(), "3")  # E


class Wrong(Handler, name="wrong", priority="high"):  # E
    def execute(self) -> None: ...
