"""Jobs in an SQLite file: the embedded default, for any number of processes of one host."""

from stoker.brokers.sqlite.broker import SqliteBroker

__all__ = ["SqliteBroker"]
