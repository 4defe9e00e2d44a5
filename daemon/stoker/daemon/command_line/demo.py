"""`stoker demo`."""

from stoker.daemon.command_line.options import COMMON, Common


def demo(*, once: bool = False, options: Common = COMMON) -> int:
    """See it work: a daemon, mails and reports, and a check that all came out right.

    All of it, broker, database and mail server, lives in a temporary folder and is gone afterwards;
    no configuration is read.

    Parameters
    ----------
    once
        End when all jobs have ended: status 0, or 1 if anything is not as it should be.
    """
    from stoker.daemon.demo.running import demo

    return demo(once=once)
