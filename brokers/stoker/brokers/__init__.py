"""Where jobs are kept: the Broker protocol, the brokers, and the kit that any broker must pass."""

from stoker.brokers.connecting import connect
from stoker.brokers.protocol import Broker

__all__ = ["Broker", "connect"]
