"""How a process ended, in words."""

import signal


def describe_end(code: int | None) -> str:
    """From what `wait` gives: "exit code 3", "signal 11 (SIGSEGV)"."""
    if code is None:
        return "no known exit code"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
