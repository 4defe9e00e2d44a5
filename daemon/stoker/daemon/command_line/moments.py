"""Times as people read them: how long ago, or how soon."""

from datetime import UTC, datetime

from stoker.jobs.durations import text


def relative(moment: datetime | None, now: datetime) -> str:
    """ "3m 20s ago", "in 2h", or "now"; empty for no time."""
    if moment is None:
        return ""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    span = text(float(round(abs(seconds))))
    return f"in {span}" if seconds > 0 else f"{span} ago"


def absolute(moment: datetime | None) -> str:
    """ "2026-01-31 12:00:03 UTC"; empty for no time."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def both(moment: datetime | None, now: datetime) -> str:
    """ "2026-01-31 12:00:03 UTC (3m ago)"; empty for no time."""
    return "" if moment is None else f"{absolute(moment)} ({relative(moment, now)})"


def between(begin: datetime | None, end: datetime | None) -> str:
    """How long it took: "1.2s"; empty if it is not known."""
    if begin is None or end is None:
        return ""
    return text(max(0.0, (end - begin).total_seconds()))
