import asyncio

import pytest

from stoker.client.by_hand import by_hand
from stoker.jobs.errors import TransactionsUnsupported


def test_a_coroutine_that_never_suspends_is_run_where_it_stands() -> None:
    async def work() -> int:
        return 7

    assert by_hand(work(), None) == 7


def test_what_it_raises_is_raised() -> None:
    async def work() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        by_hand(work(), None)


def test_one_that_wants_to_wait_is_ended_and_refused() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append(True)

    class AsyncConnection: ...

    with pytest.raises(TransactionsUnsupported, match=r"AsyncConnection is no synchronous connection"):
        by_hand(work(), AsyncConnection())
    assert ended == [True]
