"""Jobs in this process's memory: for tests, for trying out, and as the reference for other brokers."""

from stoker.brokers.memory.broker import MemoryBroker

__all__ = ["MemoryBroker"]
