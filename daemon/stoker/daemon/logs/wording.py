"""What the other events say, one line each. Pure."""

from typing import Any, assert_never

from stoker.jobs.events import (
    CancelDelivered,
    ChildFell,
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    Event,
    JobsClaimed,
    LeaseLost,
    LoopStalled,
    ProcessEnded,
    Promoted,
    Pruned,
    ResourceNotClosed,
    RunEnded,
    RunStarted,
    Settled,
    SlotsPassed,
    StoreBack,
    StoreLost,
    SweepHeld,
    Swept,
    ThreadStuck,
    UnknownTypeReturned,
)

Line = tuple[str, str, dict[str, Any]]
"""Level, text, fields."""
MOST_IDS = 10
"""Ids that a line names."""

_WHERE = {
    "renew": "lease lost: the job was taken over while it ran, and the run is stopped",
    "self_fence": "lease not renewed in time: the run is stopped before another may begin",
    "settle": "lease lost: the run ended too late, and its outcome is not written",
    "report": "lease lost: the run's progress is not written",
}


def line(event: Event) -> Line | None:
    """The line for this event; None for runs and outages, which are counted elsewhere."""
    match event:
        case RunStarted() | RunEnded() | StoreLost() | StoreBack() | UnknownTypeReturned():
            return None
        case DaemonStarted(name, broker, mode, slots, types):
            fields = {"worker": name, "mode": mode, "broker": broker, "slots": slots, "types": types}
            return "info", "stoker started", fields
        case DaemonStopping(name, why, running):
            return "info", "stopping", {"worker": name, "why": why, "running": running}
        case DaemonStopped(name):
            return "info", "stoker stopped", {"worker": name}
        case JobsClaimed(lane, count, seconds):
            return "debug", "jobs claimed", {"lane": lane, "count": count, "duration": _round(seconds)}
        case Settled():
            return _settled(event)
        case LeaseLost(id, type, where):
            text = _WHERE.get(where, "lease lost")
            return "warning", text, {"job_id": id, "job_type": type, "where": where}
        case CancelDelivered(id, reason):
            return "info", "run told to cancel", {"job_id": id, "reason": reason}
        case Promoted(promoted, expired):
            if expired:
                return "info", "jobs expired before they started", {"count": expired}
            return "debug", "delayed jobs are due", {"count": promoted}
        case Swept(count, ids):
            fields = {"count": count, "job_ids": list(ids[:MOST_IDS])}
            return "warning", "jobs taken back from a worker that died or lost touch", fields
        case SweepHeld(seconds, why):
            return "info", "nothing is taken back for now", {"for": _round(seconds), "why": why}
        case SlotsPassed():
            return _slots_passed(event)
        case Pruned(count):
            return "debug", "ended jobs deleted, past their retention", {"count": count}
        case ChildFell(supervisor, child, error, restarts, traceback):
            text = f"actor fell, and is {'' if restarts else 'not '}started anew"
            fields = {"supervisor": supervisor, "actor": child, "error": error}
            return "error", text, fields | ({"stack": traceback} if traceback else {})
        case LoopStalled(seconds, id, type, stack):
            text = "event loop blocked: no other job of this process can go on"
            fields = {"duration": _round(seconds), "job_id": id, "job_type": type, "stack": stack}
            return "warning", text, fields
        case ThreadStuck(id, type, seconds):
            text = "thread does not end: this process drains, and is replaced"
            return "error", text, {"job_id": id, "job_type": type, "duration": _round(seconds)}
        case ProcessEnded():
            return _process_ended(event)
        case ResourceNotClosed(error):
            return "error", "resource failed to close", {"error": error}
    assert_never(event)


def _settled(event: Settled) -> Line:
    fields = {
        "accepted": event.accepted,
        "already": event.already,
        "lost": event.lost,
        "invalid": event.invalid,
        "duration": _round(event.seconds),
    }
    if event.invalid:
        return "error", "outcomes that the store cannot hold were not written", fields
    return "debug", "outcomes written", fields


def _slots_passed(event: SlotsPassed) -> Line:
    fields: dict[str, Any] = {"schedule": event.name, "job_type": event.type}
    if event.trouble is not None:
        return "error", "no job can be made of a schedule", fields | {"error": event.trouble}
    fields |= {"job_ids": list(event.jobs[:MOST_IDS]), "skipped": event.skipped}
    if event.missed:
        return "warning", "slots of a schedule were missed", fields | {"missed": event.missed}
    if event.skipped:
        return "info", "slots of a schedule were skipped", fields
    return "info", "slot of a schedule has come", fields


def _process_ended(event: ProcessEnded) -> Line:
    fields = {"role": event.role, "pid": event.pid, "code": event.code, "detail": event.detail}
    if event.expected:
        return "debug", "process ended", fields
    # What runs in an isolated child may kill it; that is the run's failure, told with the run.
    level = "error" if event.role == "worker" else "warning"
    return level, "process ended unexpectedly", fields


def _round(seconds: float) -> float:
    return round(seconds, 6)
