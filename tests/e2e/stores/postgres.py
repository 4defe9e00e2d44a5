"""Postgres: a database of a server that is the tests' own, and may be broken."""

import itertools
import os
import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg

from .ledger import Ledger
from .store import MICROSECOND, WallClock

_LEDGER = """
CREATE SCHEMA witness;
CREATE TABLE witness.ledger (
    number bigint GENERATED ALWAYS AS IDENTITY,
    job uuid, state_was text, token_was text, state text, token text, lease_until timestamptz
);
CREATE FUNCTION witness.claimed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness.ledger (job, state_was, token_was, state, token, lease_until)
    VALUES (new.id, old.state, old.token, new.state, new.token, new.lease_until);
    RETURN NULL;
END $$;
CREATE FUNCTION witness.ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness.ledger (job, state_was, token_was, state)
    VALUES (new.id, 'running', new.settled_token, new.state);
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_kept AFTER UPDATE OF state, token, lease_until ON stoker.job
FOR EACH ROW EXECUTE FUNCTION witness.claimed();
CREATE TRIGGER ledger_kept AFTER INSERT ON stoker.done
FOR EACH ROW EXECUTE FUNCTION witness.ended();
"""
_READ = """
SELECT job::text, state_was, token_was, state, token, (extract(epoch FROM lease_until) * 1e6)::bigint
FROM witness.ledger ORDER BY number
"""
_WRONGS = """
SELECT 'there are ' || count(*) || ' live jobs' FROM stoker.job HAVING count(*) > 0
UNION ALL
SELECT 'of ' || ended || ' jobs that ended, ' || counted || ' were counted'
FROM (SELECT count(*) FROM stoker.done) AS done (ended),
    (SELECT sum(completed + failed + cancelled + skipped) FROM stoker.tally) AS tally (counted)
WHERE counted <> ended
UNION ALL
SELECT 'there are ' || count(*) || ' jobs that ended more than once' FROM (
    SELECT FROM stoker.done GROUP BY id HAVING count(*) > 1
) AS twice HAVING count(*) > 0
"""


class Cluster(Protocol):
    """A data folder with a server that is not yet running."""

    address: str

    def pid(self) -> int: ...

    def serving(self) -> AbstractContextManager[object]: ...


class OwnPostgres:
    """The server: started, killed and started again."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._running = ExitStack()
        self._up = False
        self._numbers = itertools.count()

    def start(self) -> None:
        """Nothing, where it is up."""
        if not self._up:
            self._running.enter_context(self.cluster.serving())
            self._up = True

    def kill(self) -> None:
        """All of its processes: one that outlived the first would keep the next from starting."""
        processes = self.stopped()
        ends = [os.pidfd_open(pid) for pid in processes]
        for pid in processes:
            os.kill(pid, SIGKILL)
        for end in ends:
            select.select([end], [], [])
            os.close(end)
        self._running.close()
        self._up = False

    def stopped(self) -> list[int]:
        """The process ids of all its processes, which stand still from now on."""
        found = [self.cluster.pid()]
        os.kill(found[0], SIGSTOP)  # first, so that it starts no others
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if int(fields[1]) == found[0] and fields[0] != "Z":
                found.append(int(status.parent.name))
        for pid in found[1:]:
            os.kill(pid, SIGSTOP)
        return found

    @contextmanager
    def new_database(self) -> Iterator["PostgresStore"]:
        """A store in a database of its own, which is dropped at the end."""
        name = f"stoker_test_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name}")
        try:
            yield PostgresStore(self, urlsplit(self.cluster.address)._replace(path=f"/{name}").geturl())
        finally:
            self.start()  # for a test that failed between a kill and a start
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self.cluster.address, autocommit=True) as connection:
            connection.execute(statement)

    def close(self) -> None:
        self._running.close()


class PostgresStore:
    """Its ledger is kept by triggers, in the transaction of each write."""

    forgetful = False

    def __init__(self, server: OwnPostgres, url: str) -> None:
        self.url = url
        self.shown = f"{urlsplit(url).hostname}:{urlsplit(url).port}"
        self._server = server
        self._clock = WallClock()

    def keep_ledger(self) -> None:
        with self._connected() as connection:
            connection.execute(_LEDGER)

    def ledger(self) -> Ledger:
        ledger, ahead = Ledger(), self._clock.ahead()
        with self._connected() as connection:
            rows = connection.execute(_READ).fetchall()
        for job, state_was, token_was, state, token, lease_until in rows:
            if token is not None:
                ledger.leased(job, token, lease_until * MICROSECOND - ahead)
            if state_was == "running" and state != "running":
                ledger.given_up(job, token_was, state)
        return ledger

    def calm(self) -> AbstractContextManager[None]:
        return nullcontext()  # a statement that was sent is carried out, whatever becomes of its sender

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within, the server stands still; connections are taken, but not answered."""
        processes = self._server.stopped()
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, SIGCONT)

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()

    def wrongs(self) -> list[str]:
        with self._connected() as connection:
            return [row[0] for row in connection.execute(_WRONGS).fetchall()]

    def _connected(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.url, autocommit=True)
