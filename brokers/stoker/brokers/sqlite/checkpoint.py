"""Bringing the write-ahead log home into the database, in a shape that no version of SQLite gets wrong.

The WAL-reset bug (SQLite 3.7.0 to 3.51.2; mended in 3.51.3, and in 3.44.6 and 3.50.7) needs this:

1. a checkpoint has copied the whole log, so that the next commit may start the log anew;
2. a further checkpoint begins, and reads how long the log is;
3. before it goes on, another connection commits and thereby starts the log anew;
4. the checkpoint, not noticing, marks as copied what belongs to the log's new content. Later commits
   that lie under the mark are never copied, and are lost when the log starts anew once more.

Step 3 is a commit, and every commit needs SQLite's write lock. So one connection of ours takes that
lock (BEGIN IMMEDIATE, writing nothing) *before* a second one of ours begins
`wal_checkpoint(PASSIVE)`, and gives it back *after* the checkpoint has ended. While the lock is held,
nobody commits, in no process and by no version, callers' connections included; the holder writes
nothing itself; so nobody starts the log anew, and step 3 cannot happen. Two such checkpoints cannot
overlap either, since both need the lock. Other modes (RESTART, TRUNCATE) take the lock themselves,
but fall back to PASSIVE without it when they do not get it in time; that is why they are not used.

For this to hold, nobody else may checkpoint: `wal_autocheckpoint` is 0 on every connection of ours
and on callers' connections that are given to us. A connection that Stoker never sees, of a program
that uses the same file for tables of its own, should do the same: `PRAGMA wal_autocheckpoint = 0`.

Closing is different. SQLite checkpoints when the *last* connection to a file closes, and does so only
if it gets an exclusive lock on the database file, which every open connection of every process holds
a share of. So at that moment there is no other connection at all, a new one waits, and step 3 has
nobody to take it. The standard library cannot switch this checkpoint off before Python 3.12, and need
not.

A checkpoint copies what no reader still needs. If a reader keeps it from finishing, the log grows
until a later round; readers here are short. Holding the write lock meanwhile costs the writers a
pause of some milliseconds per `PAGES` pages, which an automatic checkpoint costs as well.
"""

import sqlite3

PAGES = 4000
"""Pages in the log (16 MB) from which on a checkpoint is due."""
COMMIT_PAGES = 6
"""What a small commit adds: a leaf of the table, and of each index that it touches."""
ROWS_PER_PAGE = 4
"""How many written rows share a page, with their entries in the indexes: a cautious guess."""
IDLE_AFTER = 1.0
"""Seconds without work after which what is left in the log is brought home."""


class Checkpointer:
    """Guesses how long the log is, and checkpoints. For the writer's thread only."""

    def __init__(self, holder: sqlite3.Connection, copier: sqlite3.Connection) -> None:
        self._holder = holder
        self._copier = copier
        self._pages = 0.0
        self._rows = holder.total_changes

    @property
    def due(self) -> bool:
        return self._pages >= PAGES

    @property
    def pending(self) -> bool:
        """Whether there is anything to be brought home."""
        return self._pages > 0

    def committed(self) -> None:
        """A transaction of ours was committed."""
        rows = self._holder.total_changes
        if rows != self._rows:
            self._pages += COMMIT_PAGES + (rows - self._rows) / ROWS_PER_PAGE
            self._rows = rows

    def others_committed(self) -> None:
        """Others have written an unknown amount; whoever notices does the copying."""
        self._pages += COMMIT_PAGES

    def run(self) -> bool:
        """One checkpoint, unless another connection is writing. Says whether it took place."""
        try:
            self._holder.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        try:
            _, log, copied = self._copier.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        finally:
            self._holder.execute("ROLLBACK")
        # What a reader held back counts again, but never for so much that the next round is at once.
        self._pages = min(max(0, log - copied), PAGES) / 2
        return True
