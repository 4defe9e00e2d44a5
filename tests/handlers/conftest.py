import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stoker.handlers.collecting import as_handler
from stoker.handlers.context import Context
from stoker.handlers.executing import execute
from stoker.handlers.resources import Resources
from stoker.handlers.testing import FakeContext
from stoker.jobs.outcome import Ending

Run = Callable[..., Awaitable[Ending]]


@pytest.fixture
def ctx() -> FakeContext:
    return FakeContext()


@pytest.fixture
def run(ctx: FakeContext) -> Run:
    """Executes a handler on a payload, as the daemon does."""

    async def run(
        handler: Any,
        payload: bytes = b"{}",
        *,
        context: Context = ctx,
        resources: Resources | None = None,
        middleware: Any = (),
        max_result: int = 10_000,
    ) -> Ending:
        found = as_handler(handler)
        assert found is not None
        return await execute(
            found,
            context,
            payload,
            resources=resources or Resources(),
            middleware=middleware,
            in_thread=asyncio.to_thread,
            max_result=max_result,
        )

    return run
