"""What a broker is before it is entered, and after it was left: of no use, and says so."""

from collections.abc import Awaitable, Callable

import pytest

from stoker.brokers.conformance.fixtures import Opening
from stoker.brokers.conformance.making import new_job, take
from stoker.brokers.protocol import Broker
from stoker.jobs.clock import Offset
from stoker.jobs.errors import BrokerUnavailable
from stoker.jobs.operating import Query

CALLS: dict[str, Callable[[Broker], Awaitable[object]]] = {
    "enqueue": lambda broker: broker.enqueue([new_job()]),
    "claim": take,
    "find": lambda broker: broker.find(Query()),
    "promote": lambda broker: broker.promote(10),
    "settled": lambda broker: broker.settled(new_job().id, 1.0),
    "wakeups": lambda broker: anext(broker.wakeups()),
}


class OpeningPromises:
    @pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
    async def test_before_it_is_entered_it_is_unavailable(
        self, opening: Opening, offset: Offset, call: Callable[[Broker], Awaitable[object]]
    ) -> None:
        broker = opening(offset)
        with pytest.raises(BrokerUnavailable):
            await call(broker)

    @pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
    async def test_after_it_was_left_it_is_unavailable(
        self, opening: Opening, offset: Offset, call: Callable[[Broker], Awaitable[object]]
    ) -> None:
        async with opening(offset) as broker:
            await broker.migrate()
        with pytest.raises(BrokerUnavailable):
            await call(broker)
