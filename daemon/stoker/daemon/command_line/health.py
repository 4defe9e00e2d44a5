"""`stoker health`."""

import socket
from datetime import UTC, datetime

from stoker.daemon.command_line.failing import FAILED, say
from stoker.daemon.command_line.moments import relative
from stoker.daemon.command_line.opening import configured, open_client
from stoker.daemon.command_line.options import PRINTING, Printing
from stoker.daemon.command_line.printing import print_json, print_line
from stoker.daemon.liveness import is_fresh


async def health(*, anywhere: bool = False, options: Printing = PRINTING) -> int:
    """Ask whether a daemon of this configuration's service lives on this host: status 0 if so, else 1.

    A daemon says that it lives every lease; it is taken for dead after three.

    Parameters
    ----------
    anywhere
        On any host.
    """
    settings = configured(options).settings
    async with open_client(options) as client:
        workers = await client.workers()
    now = datetime.now(UTC)
    ours = [
        worker
        for worker in workers
        if worker.service == settings.service and (anywhere or worker.host == socket.gethostname())
    ]
    living = [worker for worker in ours if is_fresh(worker, now, settings.lease)]
    if options.json:
        print_json({"healthy": bool(living), "workers": living})
        return 0 if living else FAILED
    where = "any host" if anywhere else f"host {socket.gethostname()}"
    if not living:
        last = max((worker.seen_at for worker in ours if worker.seen_at), default=None)
        seen = (
            "none has been seen for a day"
            if last is None
            else f"the last was seen {relative(last, now)}"
        )
        return say(f"no daemon of service {settings.service} lives on {where}: {seen}", FAILED)
    for worker in living:
        print_line(f"{worker.name} lives, seen {relative(worker.seen_at, now)}")
    return 0
