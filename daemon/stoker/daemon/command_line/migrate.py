"""`stoker migrate`."""

from stoker.brokers.connecting import migrations, without_password
from stoker.daemon.command_line.opening import broker_of, configured
from stoker.daemon.command_line.options import COMMON, Common
from stoker.daemon.command_line.printing import print_line


async def migrate(*, sql: bool = False, options: Common = COMMON) -> None:
    """Prepare the broker: create or upgrade what it stores. Does nothing where nothing is to be done.

    Parameters
    ----------
    sql
        Only print the SQL of all steps, for whoever applies it by hand.
    """
    configuration = configured(options)
    url = configuration.settings.broker
    if sql:
        for step in migrations(url):
            print_line(step)
        return
    async with broker_of(configuration, create=True) as broker:
        await broker.migrate()
    print_line(f"{without_password(url)} is ready")
