"""How a job is written: handlers, what they are given, and the ways they can end."""

from stoker.handlers.class_handler import Handler
from stoker.handlers.context import Context
from stoker.handlers.cron import Cron
from stoker.handlers.function_handler import handler
from stoker.handlers.middleware import Middleware
from stoker.handlers.resources import resource
from stoker.handlers.steps import step
from stoker.jobs.calls import Unique
from stoker.jobs.outcome import Cancel, Fail, Outcome, RetryAfter, Skip, Snooze
from stoker.jobs.retry import Retry

__all__ = [
    "Cancel",
    "Context",
    "Cron",
    "Fail",
    "Handler",
    "Middleware",
    "Outcome",
    "Retry",
    "RetryAfter",
    "Skip",
    "Snooze",
    "Unique",
    "handler",
    "resource",
    "step",
]
