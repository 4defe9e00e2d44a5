"""`stoker run`."""

from stoker.daemon.command_line.opening import configured
from stoker.daemon.command_line.options import COMMON, Common
from stoker.jobs.errors import HandlerError


async def run(*, options: Common = COMMON) -> int:
    """Run this host's daemon until a signal stops it: workers and upkeep, as the configuration says.

    The first SIGTERM or Ctrl-C lets running jobs end, for as long as shutdown_grace; a second one
    hurries. Status 0 after a stop, 1 if the daemon could not go on, 75 if it must be replaced.
    """
    from stoker.daemon.running import run_daemon

    configuration = configured(options)
    try:
        return await run_daemon(configuration)
    except HandlerError as error:
        raise HandlerError(configuration.located("handlers", str(error))) from error
