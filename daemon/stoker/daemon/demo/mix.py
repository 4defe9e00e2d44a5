"""What the demo enqueues, and what must become of each job."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from stoker.daemon.demo import handlers as demo
from stoker.daemon.demo.mailbox import REFUSED
from stoker.handlers.mail.notifying import notify
from stoker.handlers.mail.sending import send, send_outbox
from stoker.handlers.reports.generate import generate
from stoker.handlers.reports.period import Kind
from stoker.handlers.reports.writing import Format
from stoker.jobs.calls import Call
from stoker.jobs.state import State

LEAST = 2_000
"""Jobs, at least, in one demo."""
MONTHS = (date(2026, 1, 1), date(2026, 2, 1))
KINDS: tuple[Kind, ...] = ("daily", "weekly", "monthly")
FORMATS: tuple[Format, ...] = ("csv", "xlsx")
HOUR = 3600.0
SINGLES, SINGLE_KEYS = 30, 3
"""Calls that ask for unique jobs, and the jobs that they come to."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be enqueued, and how it must end."""

    group: str
    """The line of the summary that it belongs to."""
    call: Call[Any]
    state: State = State.COMPLETED
    attempts: int = 1
    reason: str | None = None
    crashes: int = 0
    recipient: str | None = None
    """To whom exactly one mail with this job's own Message-ID must come."""


MAILED = "mails sent"
REFUSED_MAILS = "mails refused for good"
NOTIFIED = "notifications"
DRAINED = "outbox drained"
REPORTED = "reports"
LATER = "delayed"
FLAKY = "failed, then retried"
HOPELESS = "failed for good"
STOPPED = "cancelled while running"
NEVER_RUN = "cancelled while waiting"
POISON = "poison"
EXPIRED = "expired"
THREADS = "in threads"
STEPS = "in steps"
SINGLE = "unique"


def mix(jobs: int) -> list[Planned]:
    """The whole mix, at least `jobs` of them; the rest over the fixed kinds are mails."""
    fixed = [*_reports(), *_mails_beside(), *_troubles(), *_kinds()]
    mails = [
        Planned(
            group=MAILED,
            call=send.bind(f"reader{number}@shop.example", f"Offer {number}", "A good one."),
            recipient=f"reader{number}@shop.example",
        )
        for number in range(max(jobs, LEAST) - len(fixed) + SINGLES - SINGLE_KEYS)
    ]
    return fixed + mails


def _reports() -> Iterator[Planned]:
    for month in MONTHS:
        for kind in KINDS:
            for format in FORMATS:
                yield Planned(group=REPORTED, call=generate.bind(kind, month, format))


def _mails_beside() -> Iterator[Planned]:
    # Two at once over one outbox: no mail may go out twice.
    for _ in range(2):
        yield Planned(group=DRAINED, call=send_outbox.bind())
    for number in range(150):
        parameters: dict[str, str | int | float] = {
            "name": f"Reader {number}",
            "amount": "12.00",
            "order": number,
        }
        yield Planned(
            group=NOTIFIED,
            call=notify.bind("receipt", f"buyer{number}@shop.example", parameters),
        )
    for number in range(5):
        call = send.bind(f"{REFUSED}@shop.example", f"Lost {number}", "Nobody reads this.")
        yield Planned(group=REFUSED_MAILS, call=call, state=State.FAILED, reason="not retryable")


def _troubles() -> Iterator[Planned]:
    for number in range(150):
        failures = 1 + number % 3
        yield Planned(group=FLAKY, call=demo.flaky.bind(failures), attempts=failures + 1)
    for _ in range(10):
        yield Planned(
            group=HOPELESS,
            call=demo.hopeless.bind(),
            state=State.FAILED,
            attempts=3,
            reason="attempts used up",
        )
    for _ in range(8):
        yield Planned(group=STOPPED, call=demo.until_cancelled.bind(), state=State.CANCELLED)
    for _ in range(2):
        yield Planned(
            group=POISON,
            call=demo.poison.bind(),
            state=State.FAILED,
            attempts=0,
            reason="poisoned",
            crashes=3,
        )


def _kinds() -> Iterator[Planned]:
    for number in range(200):
        yield Planned(group=LATER, call=demo.later.bind().options(delay=1 + number / 50))
    for _ in range(20):
        # Its time comes after its expiry, so it can never start.
        call = demo.later.bind().options(delay=2, expires=1)
        yield Planned(group=EXPIRED, call=call, state=State.SKIPPED, attempts=0, reason="expired")
    for _ in range(20):
        call = demo.later.bind().options(delay=HOUR)
        yield Planned(group=NEVER_RUN, call=call, state=State.CANCELLED, attempts=0)
    for number in range(60):
        yield Planned(group=THREADS, call=demo.digest_in_thread.bind(f"text {number}"))
    for _ in range(20):
        yield Planned(group=STEPS, call=demo.Tidy.bind())
    for number in range(SINGLES):
        # Several ask for one and the same job; the first stands for all.
        key = f"single {number % SINGLE_KEYS}"
        call = demo.single.bind(number).options(unique=key, delay=2)
        yield Planned(group=SINGLE, call=call)


def last_drain() -> Planned:
    """What is enqueued when all notifications lie in the outbox."""
    return Planned(group=DRAINED, call=send_outbox.bind())


def trickle(number: int) -> Call[Any]:
    """One more job, for a demo that goes on."""
    calls: tuple[Call[Any], ...] = (
        send.bind(f"reader{number}@shop.example", f"Offer {number}", "A good one."),
        demo.flaky.bind(number % 3),
        demo.digest_in_thread.bind(f"text {number}"),
        demo.later.bind().options(delay=3),
        generate.bind(KINDS[number % 3], MONTHS[number % 2], "csv"),
    )
    return calls[number % len(calls)]
