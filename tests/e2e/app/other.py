"""The handlers of a daemon that knows less than the others."""

from stoker.handlers import handler


@handler("nothing")
async def nothing() -> None:
    """Does nothing."""
