"""Jobs in Redis or Valkey: a stream per queue and priority, for any number of hosts."""

from stoker.brokers.redis.broker import RedisBroker

__all__ = ["RedisBroker"]
