"""A client's connection: to the broker that it was given, or to one that it opens itself."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from stoker.brokers.connecting import anchored, connect
from stoker.brokers.protocol import Broker
from stoker.client.catalogue import Catalogue
from stoker.client.configured import configured
from stoker.client.requesting import Requests
from stoker.jobs.codec import MAX_PAYLOAD
from stoker.jobs.errors import BrokerRefused


class Connected:
    """What the parts of a client stand on."""

    def __init__(
        self,
        broker: str | Broker,
        *,
        relative_to: Path | None = None,
        create: bool = False,
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        """`relative_to`: the folder of a relative SQLite path; else the working directory, now.
        `create` allows a database that is not there to be made. `max_payload` is in bytes.
        """
        if not isinstance(broker, str) and not hasattr(broker, "enqueue"):
            raise TypeError(f"a client takes a broker's URL, or a broker, not {broker!r}")
        self._url = anchored(broker, relative_to or Path.cwd()) if isinstance(broker, str) else None
        self._broker = None if isinstance(broker, str) else broker
        self._create = create
        self._requests = Requests(Catalogue(lambda: self.broker.types()), max_payload)

    @classmethod
    def from_config(cls, path: str | Path | None = None, *, create: bool = False) -> Self:
        """As config.yaml says (`broker`, `broker_file`, `max_payload`), and the environment over it.

        Without a path it is the one in the working directory, where there is one. Raises ConfigError.
        """
        found = configured(path, os.environ)
        return cls(found.broker, create=create, max_payload=found.max_payload)

    async def __aenter__(self) -> Self:
        if self._url is not None:
            if self._broker is not None:
                raise BrokerRefused("this client is connected already: make one for each use")
            broker = connect(self._url, create=self._create)
            await broker.__aenter__()
            self._broker = broker
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._url is not None and self._broker is not None:
            broker, self._broker = self._broker, None
            await broker.__aexit__(kind, error, traceback)

    @property
    def broker(self) -> Broker:
        """What it works on. Raises BrokerRefused if it is not connected."""
        if self._broker is None:
            raise BrokerRefused(
                "the client is not connected: use it as `async with Client(…) as stoker`"
            )
        return self._broker
