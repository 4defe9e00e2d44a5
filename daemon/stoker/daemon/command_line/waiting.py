"""Why a waiting job is not running. Pure."""

from collections.abc import Iterator, Sequence

from stoker.daemon.command_line.facts import Facts, times
from stoker.daemon.command_line.moments import both, relative
from stoker.daemon.liveness import is_fresh
from stoker.jobs.operating import Worker
from stoker.jobs.patterns import QueueSet, matches
from stoker.jobs.state import State


def waits(facts: Facts) -> Iterator[str]:
    """What it waits for, then everything that stands in its way."""
    yield _what_for(facts)
    yield from _paused(facts)
    job, now = facts.job, facts.now
    if job.expires_at is not None and not facts.detail.history:
        yield f"If it has not begun by {both(job.expires_at, now)}, it is skipped."
    yield from _taken_by(facts)


def _what_for(facts: Facts) -> str:
    job, detail, now = facts.job, facts.detail, facts.now
    due = job.scheduled_at <= now
    when = "is due" if due else f"is due {relative(job.scheduled_at, now)}"
    last = detail.history[-1].outcome if detail.history else None
    if job.state is State.RETRYING:
        return f"Run {job.attempts} of {job.max_attempts} failed ({job.error}); the next {when}."
    if detail.returns:
        return (
            f"It was given back {times(detail.returns)} by workers that do not know its type, "
            f"{job.type}; it {when}."
        )
    if due:
        return f"It is ready to run, and has been due since {both(job.scheduled_at, now)}."
    if last == "snoozed":
        return f"Its handler asked for a later time: it {when}."
    if last == "crashed":
        return f"Its worker died under it {times(job.crashes)}, so it rests: it {when}."
    return f"It was enqueued for a later time: it {when}."


def _paused(facts: Facts) -> Iterator[str]:
    queue = facts.job.queue
    for pause in facts.pauses:
        if matches(queue, (pause.pattern,)):
            by = "" if pause.pattern == queue else f" by the pattern {pause.pattern}"
            why = f" ({pause.reason})" if pause.reason else ""
            yield (
                f"Its queue {queue} is paused{by} since {both(pause.since, facts.now)}{why}: "
                f"`stoker queues resume '{pause.pattern}'` lets it go on."
            )


def _taken_by(facts: Facts) -> Iterator[str]:
    """Who could take it, and why they do not."""
    job, now = facts.job, facts.now
    living = [one for one in facts.workers if one.slots and is_fresh(one, now, facts.lease)]
    working = [one for one in living if job.queue in _queues(one)]
    if not living:
        seen = max((one.seen_at for one in facts.workers if one.seen_at), default=None)
        last = f"; the last one was seen {relative(seen, now)}" if seen else ""
        yield f"No worker is alive{last}: `stoker run` starts one."
    elif not working:
        queues = sorted({queue for one in living for queue in one.queues})
        none = f"None of the {len(living)} living workers works"
        who = "The one living worker does not work" if len(living) == 1 else none
        yield f"{who} its queue {job.queue}, but {', '.join(queues)}."
    if job.type not in facts.types:
        yield (
            f"No daemon has published the type {job.type}: is its module among the `handlers` of one?"
        )
    if working and job.scheduled_at <= now:
        yield from _in_line(facts, working)


def _in_line(facts: Facts, working: Sequence[Worker]) -> Iterator[str]:
    """How full the workers and the queue are, for a job that is due."""
    job = facts.job
    slots, running = sum(one.slots for one in working), sum(one.running for one in working)
    ready = facts.queue.counts.ready if facts.queue is not None else 0
    if running >= slots:
        workers = "one worker" if len(working) == 1 else f"{len(working)} workers"
        yield f"All {slots} slots of the {workers} of its queue are taken."
    if ready > 1:
        yield (
            f"{ready:,} jobs are ready in its queue: higher priorities go first (its own is "
            f"{job.priority}, of 0 to 9), then those that have been due for longest."
        )
    elif running < slots and not any(matches(job.queue, (one.pattern,)) for one in facts.pauses):
        yield "A worker of its queue is free: it should begin within a second or so."


def _queues(worker: Worker) -> QueueSet:
    # "pdf (at most 2)" is how a worker announces a queue with a limit.
    patterns = [queue.partition(" ")[0] for queue in worker.queues]
    try:
        return QueueSet.parse(patterns)
    except ValueError:
        return QueueSet()
