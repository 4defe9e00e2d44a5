"""`stoker version`."""

import platform

from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.jobs.version import __version__


def version(*, options: Printing = PRINTING) -> None:
    """Which Stoker this is."""
    python = platform.python_version()
    if options.json:
        from stoker.daemon.command_line.printing import print_json

        print_json({"stoker": __version__, "python": python})
    else:
        print(f"stoker {__version__}, Python {python}")
