import asyncio
from collections.abc import Callable
from typing import Any

import anyio

from stoker.brokers.conformance.making import LEASE, ids_of, retake, start
from stoker.brokers.sqlite.broker import SqliteBroker
from stoker.jobs.clock import Offset


async def test_what_expires_while_a_reclaim_waits_for_the_lock_is_not_taken(
    broker: SqliteBroker, offset: Offset, connect: Callable[..., Any]
) -> None:
    claim = await start(broker)
    with connect(isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(retake(broker))
        await asyncio.sleep(0)  # it has been asked now
        offset.advance(2 * LEASE)
        other.execute("ROLLBACK")
    with anyio.fail_after(10):
        assert await waiting == []
    assert ids_of(await retake(broker)) == [claim.id]
