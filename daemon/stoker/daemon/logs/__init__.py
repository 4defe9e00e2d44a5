"""Structured logs: one pipeline for Stoker's own lines, for structlog and for `logging`."""

from stoker.daemon.logs.current_job import enter_job
from stoker.daemon.logs.event_log import EventLog
from stoker.daemon.logs.pipeline import configure_logs

__all__ = ["EventLog", "configure_logs", "enter_job"]
