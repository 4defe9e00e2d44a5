import stoker.handlers
import stoker.handlers.testing

PUBLIC = [
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


def test_the_public_names_are_exactly_these() -> None:
    assert stoker.handlers.__all__ == PUBLIC
    for name in PUBLIC:
        assert hasattr(stoker.handlers, name)


def test_the_public_names_are_objects_and_not_modules_of_the_same_name() -> None:
    for name in PUBLIC:
        assert type(getattr(stoker.handlers, name)).__name__ != "module"
