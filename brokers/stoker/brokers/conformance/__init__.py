"""The kit that any broker must pass: every promise of the protocol, as a test to be inherited.

    class TestMine(BrokerContract, HintsContract, NoTransactionsContract):
        @pytest.fixture
        def opening(self, empty_store):
            return lambda offset, **options: MyBroker(empty_store, offset=offset, **options)

Beside it, `machine.compare` takes random steps with a broker and with the one in memory, and finds the
first that differs.

Needs the extra `stoker[testing]`. No test sleeps to let time pass: the broker adds the `Offset` that it
is given wherever it reads its server's clock, and the tests move it.
"""

from stoker.jobs.errors import MissingExtra

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingExtra("stoker.brokers.conformance", "testing") from error

# Of modules outside a test suite, pytest explains failed asserts only if it is told before the import.
pytest.register_assert_rewrite("stoker.brokers.conformance.promises")

from stoker.brokers.conformance.contract import (  # noqa: E402
    BrokerContract,
    HintsContract,
    NoTransactionsContract,
    RowLocksContract,
    TransactionsContract,
)
from stoker.brokers.conformance.fixtures import Begin, CallersTransaction, Opening  # noqa: E402

__all__ = [
    "Begin",
    "BrokerContract",
    "CallersTransaction",
    "HintsContract",
    "NoTransactionsContract",
    "Opening",
    "RowLocksContract",
    "TransactionsContract",
]
