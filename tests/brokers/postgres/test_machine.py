from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings

from stoker.brokers import Broker, connect
from stoker.brokers.conformance import Opening
from stoker.brokers.conformance.machine import compare
from stoker.jobs.clock import Offset

STEPS = 1000
SETTINGS = settings(
    max_examples=30,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
def test_postgres_does_what_memory_does(empty_postgres: Callable[[], str]) -> None:
    def openings() -> Opening:
        url = empty_postgres()

        def open(offset: Offset, *, max_log_entries: int = 1000) -> Broker:
            return connect(url, offset=offset, max_log_entries=max_log_entries)

        return open

    assert compare(openings, SETTINGS) >= STEPS
