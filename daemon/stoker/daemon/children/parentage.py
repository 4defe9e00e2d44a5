"""What a child process does first: it binds its life to its parent's."""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends, whatever ends it; at once if it has ended already.

    Linux sends the signal when the parent's *thread* that spawned this process ends: children are to
    be spawned by a thread that lives as long as their process, such as the main one. Where the system
    has no such thing, the end of the parent's socket must do, which a block of the interpreter delays.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)  # it ended before we could ask to be told


def end_with_group() -> None:
    """Kill this process, and what it has started, if they form a group of their own."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def leave_interrupts_to_parent() -> None:
    """Let Ctrl-C pass: the parent decides.

    By a function and not by SIG_IGN, which programs started from here would inherit.
    """
    signal.signal(signal.SIGINT, lambda number, frame: None)


def be_first_out_of_memory() -> None:
    """Where memory runs out, let the system kill this process rather than the daemon (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
