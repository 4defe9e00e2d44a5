"""What a person reads when a command fails, and with which status it ends."""

import sys

from cyclopts import CycloptsError, UnusedCliTokensError

from stoker.jobs.errors import MissingExtra, StokerError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130
"""As shells call a program that was ended by Ctrl-C."""
READER_GONE = 141
"""And one whose output nobody reads any longer."""

_EXTRAS = {
    "aiosmtpd": "demo",
    "aiosmtplib": "handlers",
    "rich": "daemon",
    "sqlalchemy": "handlers",
    "structlog": "daemon",
    "xlsxwriter": "handlers",
    "yaml": "daemon",
}
"""By library, the extra that it comes with."""


class WrongUsage(StokerError):
    """The arguments fit no use of the command; the text says what would."""


def say(text: str, status: int) -> int:
    """Write this to standard error; gives the status back."""
    print(f"stoker: {text}", file=sys.stderr)
    return status


def sentence(error: Exception) -> str:
    """One clear sentence for a person; several lines only where several things are wrong."""
    if (extra := _missing_extra(error)) is not None:
        return str(MissingExtra("this command", extra))
    if isinstance(error, StokerError | TimeoutError) and str(error):
        lines = str(error).splitlines()
        return lines[0] if len(lines) == 1 else "\n  ".join(["several things are wrong:", *lines])
    if isinstance(error, OSError) and error.strerror:
        of = f"{error.filename}: " if error.filename else ""
        return f"{of}{error.strerror.lower()}"
    return (
        f"internal error, {type(error).__name__}: {error}; with --debug the command shows where it was"
    )


def _missing_extra(error: BaseException | None) -> str | None:
    """The extra without which a module could not be imported, here or further down."""
    while error is not None and not isinstance(error, StokerError):
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            return _EXTRAS.get(error.name.partition(".")[0])
        error = error.__cause__
    return None


def usage(error: CycloptsError) -> str:
    """What was wrong with the arguments."""
    if isinstance(error, UnusedCliTokensError):
        what = " ".join(error.unused_tokens or ())
        text = f"there is no use for {what!r} here"
    else:
        text = " ".join(str(error).split())
        text = text[:1].lower() + (text[1:] if text.endswith("...") else text[1:].rstrip("."))
    command = " ".join(("stoker", *(error.command_chain or ())))
    return f"{text}; `{command} --help` says what there is"
