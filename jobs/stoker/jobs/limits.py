"""What a job may be: the checks that every way into a broker shares."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from stoker.jobs.codec import text_problem
from stoker.jobs.errors import InvalidJob
from stoker.jobs.ids import queue_byte
from stoker.jobs.job import NewJob
from stoker.jobs.patterns import is_name

MAX_KEY = 200
MAX_TAGS = 20
MAX_HEADERS = 16 * 1024
"""Characters of all headers of a job together."""
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LONGEST = 100 * 365.25 * 86400.0
"""Seconds that a delay, a timeout or an expiry may have: about a hundred years."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def check(job: NewJob) -> None:
    """Raise InvalidJob, naming the field and what would be right, if this cannot become a job."""
    for field, name in (("type", job.type), ("queue", job.queue)):
        if not isinstance(name, str) or not is_name(name):
            raise InvalidJob(
                f"{field} {name!r} is no name: 1 to 128 letters, digits and '_', '.', ':', '-'"
            )
    if not _whole(job.priority) or not 0 <= job.priority <= 9:
        raise InvalidJob(f"priority must lie between 0 and 9 (higher first), not {job.priority!r}")
    if not _whole(job.max_attempts) or job.max_attempts < 1:
        raise InvalidJob(f"max_attempts counts runs, so it is at least 1, not {job.max_attempts!r}")
    _check_id(job)
    _check_times(job)
    _check_unique(job)
    _check_tags(job)
    _check_headers(job)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_id(job: NewJob) -> None:
    # The common case, cheaply: every enqueue comes by here.
    if isinstance(job.id, str) and _ID.fullmatch(job.id) and job.id.endswith(_tail(job.queue)):
        return
    try:
        canonical = str(uuid.UUID(job.id))
    except (ValueError, AttributeError, TypeError):
        raise InvalidJob(f"id {job.id!r} is no UUID") from None
    if canonical != job.id:
        # Two spellings of one id would be two jobs.
        raise InvalidJob(f"id {job.id!r} must be written {canonical!r}")
    raise InvalidJob(
        f"id {job.id} does not lead to queue {job.queue!r}: "
        f"make it with IdSource().next({job.queue!r}) or derived_id({job.queue!r}, key, at) "
        "of stoker.jobs.ids"
    )


def _tail(queue: str) -> str:
    return f"{queue_byte(queue):02x}"


def _check_times(job: NewJob) -> None:
    if not 0 <= job.delay <= LONGEST:
        raise InvalidJob(f"delay must lie between 0 and {LONGEST:.0f} seconds, not {job.delay}")
    if job.timeout is not None and not 0 < job.timeout <= LONGEST:
        raise InvalidJob(f"timeout must be more than 0 and at most {LONGEST:.0f} s, not {job.timeout}")
    if job.expires is not None and not 0 <= job.expires <= LONGEST:
        raise InvalidJob(f"expires must lie between 0 and {LONGEST:.0f} seconds, not {job.expires}")
    if job.at is not None:
        if job.at.utcoffset() is None:
            raise InvalidJob(f"at={job.at.isoformat()} has no time zone: give an aware datetime")
        if job.at > LATEST:
            raise InvalidJob(f"at={job.at.isoformat()} lies beyond the year {LATEST.year}")


def _check_unique(job: NewJob) -> None:
    if job.unique is None:
        return
    _check_text("unique key", job.unique.key)
    scope = job.unique.scope
    if scope not in ("active", "waiting") and (isinstance(scope, str) or not 0 < scope <= LONGEST):
        raise InvalidJob(
            f"the scope of a unique key is 'active', 'waiting' or up to {LONGEST:.0f} s, not {scope!r}"
        )


def _check_tags(job: NewJob) -> None:
    if len(job.tags) > MAX_TAGS:
        raise InvalidJob(f"a job has at most {MAX_TAGS} tags, not {len(job.tags)}")
    for tag in job.tags:
        _check_text("tag", tag)


def _check_text(what: str, text: str) -> None:
    if not isinstance(text, str):
        raise InvalidJob(f"a {what} is a text, not {text!r}")
    if not text or len(text) > MAX_KEY:
        raise InvalidJob(f"a {what} has 1 to {MAX_KEY} characters, not {len(text)}")
    if problem := text_problem(text):
        raise InvalidJob(f"the {what} {text!r} holds {problem}")


def _check_headers(job: NewJob) -> None:
    size = 0
    for text in _header_texts(job):
        if not isinstance(text, str):
            raise InvalidJob(f"headers are texts, not {text!r}")
        if problem := text_problem(text):
            raise InvalidJob(f"the headers hold {problem}: {text!r}")
        size += len(text)
    if size > MAX_HEADERS:
        raise InvalidJob(f"the headers have {size:,} characters; at most {MAX_HEADERS:,} are allowed")


def _header_texts(job: NewJob) -> Iterator[str]:
    for name, value in (job.headers or {}).items():
        yield name
        yield value
