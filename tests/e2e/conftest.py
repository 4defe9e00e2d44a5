from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A folder with a database; whatever a test starts on it has ended when the test has."""
    async with Stage(tmp_path) as stage:
        yield stage
