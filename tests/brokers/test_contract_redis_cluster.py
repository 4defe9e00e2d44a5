import pytest

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import (
    BrokerContract,
    HintsContract,
    NoTransactionsContract,
    Opening,
)
from stoker.brokers.conformance.promises.timetable import TimetablePromises
from stoker.jobs.clock import Offset


class TestRedisCluster(BrokerContract, HintsContract, NoTransactionsContract):
    """On three nodes."""

    @pytest.fixture
    def opening(self, redis_cluster_url: str) -> Opening:
        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(redis_cluster_url, offset=offset, max_log_entries=max_log_entries)

        return open

    class TestTimetable(TimetablePromises):
        seen_while_moving = frozenset({0, 1})
