"""Jobs in a Postgres database: for any number of hosts, and inside the callers' own transactions."""

from stoker.brokers.postgres.broker import PostgresBroker

__all__ = ["PostgresBroker"]
