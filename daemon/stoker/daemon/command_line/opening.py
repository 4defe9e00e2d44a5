"""From a command's options to a configuration, a broker, a client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker
from stoker.client.client import Client
from stoker.daemon.command_line.options import Common
from stoker.daemon.configuration import Configuration, load
from stoker.jobs.errors import BrokerRefused


def configured(options: Common) -> Configuration:
    """The configuration that these options name. Raises ConfigError."""
    arguments = {} if options.broker is None else {"broker": options.broker}
    return load(options.config, arguments=arguments)


def broker_of(configuration: Configuration, *, create: bool = False) -> Broker:
    """Its broker, not yet entered. Raises BrokerRefused."""
    settings = configuration.settings
    return connect(
        settings.broker,
        relative_to=configuration.relative_to,
        create=create,
        max_log_entries=settings.max_log_entries,
    )


@asynccontextmanager
async def open_client(options: Common) -> AsyncIterator[Client]:
    """A client on the broker of these options.

    Raises BrokerRefused for a memory:// broker: it lives in one process, and this is another one.
    """
    configuration = configured(options)
    if configuration.settings.broker.startswith("memory:"):
        raise BrokerRefused(
            "a memory:// broker lives inside its own process, where no command can reach it: "
            "use sqlite:///var/stoker.db, say"
        )
    async with broker_of(configuration) as broker:
        yield Client(broker, max_payload=configuration.settings.max_payload)
