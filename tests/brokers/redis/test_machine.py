from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import Opening
from stoker.brokers.conformance.machine import compare
from stoker.jobs.clock import Offset

STEPS = 1000
SETTINGS = settings(
    max_examples=40,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["redis", "valkey"])
def test_redis_does_what_memory_does(empty_redis: Callable[[str], str], engine: str) -> None:
    def openings() -> Opening:
        url = empty_redis(engine)

        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(url, offset=offset, max_log_entries=max_log_entries)

        return open

    assert compare(openings, SETTINGS) >= STEPS
