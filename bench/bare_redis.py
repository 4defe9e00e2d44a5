"""What Redis or Valkey itself allows: the scripts of a claim and of a settlement, on the same keys."""

import secrets

import hiredis
from redis import Redis
from redis.connection import Connection

from stoker.brokers.redis.scripts import scripts
from stoker.brokers.redis.shards import STORE, Shards
from stoker.daemon.measuring.handlers import QUEUE

LEASE, LINES = 15_000_000, 1000
_NOTHING_BESIDE = "", "", 0, 0


class Packing(Connection):
    """Writes commands in C, as the broker does."""

    def pack_command(self, *words: str | bytes | int) -> list[bytes]:
        return [hiredis.pack_command(words)]


def work_off(url: str, batch: int) -> None:
    """Everything that is ready in the database, so many jobs at a time."""
    with Redis.from_url(url, connection_class=Packing) as client:
        version = tuple(map(int, client.info("server")["redis_version"].split(".")[:2]))
        found = scripts(version)
        claim, settle = client.script_load(found.claim), client.script_load(found.settle)
        while _turn(client, claim, settle, batch):
            pass


def _turn(client: Redis, claim: str, settle: str, batch: int) -> int:
    token = secrets.token_hex(16)
    every = Shards().name(STORE), 0, "bare", 0
    asked = batch, "bare", token, LEASE, 0, "", 1, QUEUE
    rows = client.execute_command("EVALSHA", claim, 1, *every, *asked)[2]
    words: list[str | bytes | int] = [LINES]
    for row in rows:
        words += (row[0], token, "completed", "", 1, 1, 4, "attempts", 1, "result", b"null")
        words += _NOTHING_BESIDE
    if rows:
        client.execute_command("EVALSHA", settle, 1, *every, *words)
    return len(rows)
