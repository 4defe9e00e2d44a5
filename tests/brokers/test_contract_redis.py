import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import (
    BrokerContract,
    HintsContract,
    NoTransactionsContract,
    Opening,
)
from stoker.jobs.clock import Offset


class TestRedis(BrokerContract, HintsContract, NoTransactionsContract):
    """On Redis and on Valkey."""

    @pytest.fixture
    def opening(self, redis_url: str) -> Opening:
        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(redis_url, offset=offset, max_log_entries=max_log_entries)

        return open
