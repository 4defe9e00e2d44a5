import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import (
    BrokerContract,
    HintsContract,
    NoTransactionsContract,
    Opening,
)
from stoker.jobs.clock import Offset


class TestMemory(BrokerContract, HintsContract, NoTransactionsContract):
    @pytest.fixture
    def opening(self) -> Opening:
        opened: dict[int, Broker] = {}

        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            # Whoever wants to share jobs in memory shares the broker.
            if max_log_entries not in opened:
                opened[max_log_entries] = connect(
                    "memory://", offset=offset, max_log_entries=max_log_entries
                )
            return opened[max_log_entries]

        return open
