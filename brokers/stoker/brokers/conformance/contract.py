"""The promises of `stoker.brokers.protocol`, put together: a class for all brokers, and one for each
capability that a broker has or lacks.
"""

from typing import ClassVar

import pytest

from stoker.brokers.conformance.fixtures import Begin, Fixtures
from stoker.brokers.conformance.promises.bad_items import BadReportPromises, BadSettlementPromises
from stoker.brokers.conformance.promises.cancelling import (
    CancellingRunningPromises,
    CancellingWaitingPromises,
)
from stoker.brokers.conformance.promises.claiming import ClaimingPromises, QueuePromises
from stoker.brokers.conformance.promises.counting import CountingPromises
from stoker.brokers.conformance.promises.crew import CrewPromises
from stoker.brokers.conformance.promises.delays import ExpiringPromises, PromotingPromises
from stoker.brokers.conformance.promises.enqueueing import EnqueueingPromises
from stoker.brokers.conformance.promises.fencing import ExpiredLeasePromises, FencingPromises
from stoker.brokers.conformance.promises.hints import StoreHintPromises, WaitingPromises
from stoker.brokers.conformance.promises.locking import (
    OpenTransactionPromises,
    RowLockPromises,
)
from stoker.brokers.conformance.promises.log_lines import LogCapPromises, ReportingPromises
from stoker.brokers.conformance.promises.looking import (
    FilteringPromises,
    FindingPromises,
    GettingPromises,
)
from stoker.brokers.conformance.promises.moving import MovingPromises
from stoker.brokers.conformance.promises.opening import OpeningPromises
from stoker.brokers.conformance.promises.pausing import PausingPromises
from stoker.brokers.conformance.promises.racing import RacingPromises
from stoker.brokers.conformance.promises.reclaiming import (
    CountsOfEndingsPromises,
    ReclaimingPromises,
)
from stoker.brokers.conformance.promises.retention import RetentionPromises
from stoker.brokers.conformance.promises.retrying import RetryingPromises
from stoker.brokers.conformance.promises.schedulers import (
    ClockPromises,
    CrashingSchedulerPromises,
    RacingSchedulerPromises,
)
from stoker.brokers.conformance.promises.schedules import CatchupPromises, OverlapPromises
from stoker.brokers.conformance.promises.settling import ResendingPromises, SettlingPromises
from stoker.brokers.conformance.promises.slots import SlotPromises
from stoker.brokers.conformance.promises.timetable import DuePromises, TimetablePromises
from stoker.brokers.conformance.promises.transactions import (
    EnqueueInPromises,
    SettleInPromises,
    WithoutTransactionsPromises,
)
from stoker.brokers.conformance.promises.unique_keys import ReplacingPromises, UniqueKeyPromises
from stoker.brokers.protocol import Broker


class BrokerContract(Fixtures):
    """What every broker promises. A subclass gives the fixture `opening`.

    For each capability that the broker declares, inherit the class that tries it as well: so a gap
    shows where the tests are declared, and nowhere inside them.
    """

    tries: ClassVar[frozenset[str]] = frozenset()

    async def test_each_capability_that_is_declared_is_tried(self, broker: Broker) -> None:
        tried = frozenset[str]().union(*(vars(each).get("tries", ()) for each in type(self).__mro__))
        assert broker.capabilities == tried

    TestOpening = OpeningPromises
    TestEnqueueing = EnqueueingPromises
    TestUniqueKeys = UniqueKeyPromises
    TestReplacing = ReplacingPromises
    TestClaiming = ClaimingPromises
    TestQueues = QueuePromises
    TestMoving = MovingPromises
    TestSettling = SettlingPromises
    TestResending = ResendingPromises
    TestFencing = FencingPromises
    TestExpiredLeases = ExpiredLeasePromises
    TestReclaiming = ReclaimingPromises
    TestCountsOfEndings = CountsOfEndingsPromises
    TestCancellingWaiting = CancellingWaitingPromises
    TestCancellingRunning = CancellingRunningPromises
    TestRetrying = RetryingPromises
    TestPausing = PausingPromises
    TestPromoting = PromotingPromises
    TestExpiring = ExpiringPromises
    TestWaiting = WaitingPromises
    TestCounting = CountingPromises
    TestRetention = RetentionPromises
    TestReporting = ReportingPromises
    TestLogCap = LogCapPromises
    TestBadSettlements = BadSettlementPromises
    TestBadReports = BadReportPromises
    TestGetting = GettingPromises
    TestFinding = FindingPromises
    TestFiltering = FilteringPromises
    TestCrew = CrewPromises
    TestRacing = RacingPromises
    TestTimetable = TimetablePromises
    TestDue = DuePromises
    TestSlots = SlotPromises
    TestCatchup = CatchupPromises
    TestOverlap = OverlapPromises
    TestClocks = ClockPromises
    TestRacingSchedulers = RacingSchedulerPromises
    TestCrashingSchedulers = CrashingSchedulerPromises


class HintsContract:
    """For brokers whose store tells of changes."""

    tries: ClassVar[frozenset[str]] = frozenset({"hints"})
    TestStoreHints = StoreHintPromises


class TransactionsContract:
    """For brokers that join a caller's transaction. A subclass gives the fixture `begin`."""

    tries: ClassVar[frozenset[str]] = frozenset({"transactions"})

    @pytest.fixture
    def begin(self) -> Begin:
        raise NotImplementedError(f"{type(self).__name__} gives no fixture `begin`")

    TestEnqueueIn = EnqueueInPromises
    TestSettleIn = SettleInPromises
    TestOpenTransactions = OpenTransactionPromises


class RowLocksContract(TransactionsContract):
    """For those of them whose store locks rows: SQLite has one lock for all that is written."""

    TestRowLocks = RowLockPromises


class NoTransactionsContract:
    """For brokers that do not, and must say so."""

    TestWithoutTransactions = WithoutTransactionsPromises
