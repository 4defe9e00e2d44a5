import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """asyncio only: redis-py's asyncio client rules trio out."""
    return "asyncio"
