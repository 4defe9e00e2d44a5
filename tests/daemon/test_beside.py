import asyncio
from typing import Never

import pytest

from stoker.daemon.beside import beside


async def forever() -> Never:
    while True:
        await asyncio.Event().wait()


async def fall() -> Never:
    raise RuntimeError("fallen")


async def test_the_main_thing_ends_what_goes_on_beside_it() -> None:
    async def main() -> int:
        return 5

    assert await beside(main(), forever()) == 5


async def test_what_falls_beside_it_ends_the_main_thing() -> None:
    cleaned: list[bool] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    with pytest.raises(RuntimeError, match="fallen"):
        await beside(main(), fall())
    assert cleaned == [True]
