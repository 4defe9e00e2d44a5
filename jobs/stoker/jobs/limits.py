"""What a job may be: the checks that every way into a broker shares."""

from datetime import UTC, datetime

from stoker.jobs.codec import text_problem
from stoker.jobs.errors import InvalidJob
from stoker.jobs.ids import is_of_queue
from stoker.jobs.job import NewJob
from stoker.jobs.patterns import is_name

MAX_KEY = 200
MAX_TAGS = 20
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def check(job: NewJob) -> None:
    """Raise InvalidJob, naming the field and what would be right, if this cannot become a job."""
    for field, name in (("type", job.type), ("queue", job.queue)):
        if not is_name(name):
            raise InvalidJob(
                f"{field} {name!r} is no name: 1 to 128 letters, digits and '_', '.', ':', '-'"
            )
    if isinstance(job.priority, bool) or not 0 <= job.priority <= 9:
        raise InvalidJob(f"priority must lie between 0 and 9 (higher first), not {job.priority}")
    if job.max_attempts < 1:
        raise InvalidJob(f"max_attempts counts runs, so it is at least 1, not {job.max_attempts}")
    if job.timeout is not None and not job.timeout > 0:
        raise InvalidJob(f"timeout must be more than 0 seconds, not {job.timeout}")
    _check_id(job)
    _check_time(job)
    _check_texts(job)


def _check_id(job: NewJob) -> None:
    try:
        right = is_of_queue(job.id, job.queue)
    except (ValueError, AttributeError, TypeError):
        raise InvalidJob(f"id {job.id!r} is no UUID") from None
    if not right:
        raise InvalidJob(
            f"id {job.id} does not lead to queue {job.queue!r}: "
            f"make it with new_id({job.queue!r}) or derived_id({job.queue!r}, key, at)"
        )


def _check_time(job: NewJob) -> None:
    if job.at is not None:
        if job.at.tzinfo is None:
            raise InvalidJob(f"at={job.at.isoformat()} has no time zone: give an aware datetime")
        if job.at > LATEST:
            raise InvalidJob(f"at={job.at.isoformat()} lies beyond the year {LATEST.year}")


def _check_texts(job: NewJob) -> None:
    if len(job.tags) > MAX_TAGS:
        raise InvalidJob(f"a job has at most {MAX_TAGS} tags, not {len(job.tags)}")
    texts = [("tag", tag) for tag in job.tags]
    if job.unique is not None:
        texts.append(("unique key", job.unique.key))
    for what, text in texts:
        if not text or len(text) > MAX_KEY:
            raise InvalidJob(f"a {what} has 1 to {MAX_KEY} characters, not {len(text)}")
        if problem := text_problem(text):
            raise InvalidJob(f"the {what} {text!r} holds {problem}")
