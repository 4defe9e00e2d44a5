-- The first schema. oldest: 1
-- Times are microseconds: since 1970 in UTC, but for lease_until, which counts from the host's boot.

CREATE TABLE stoker_job (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    state TEXT NOT NULL,
    ready INTEGER NOT NULL CHECK (ready IN (0, 1)),
    priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
    created_at INTEGER NOT NULL,
    scheduled_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    expires_at INTEGER,
    lease_until INTEGER,
    token TEXT,
    settled_token TEXT,
    worker TEXT,
    taken_over INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    solo_deaths INTEGER NOT NULL DEFAULT 0,
    returns INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    cancel_reason TEXT,
    progress REAL,
    progress_message TEXT,
    reason TEXT,
    error TEXT,
    log_lines INTEGER NOT NULL DEFAULT 0,
    dropped_logs INTEGER NOT NULL DEFAULT 0,
    type TEXT NOT NULL,
    timeout REAL,
    tags TEXT,
    unique_key TEXT,
    unique_scope TEXT,
    recurring_id TEXT,
    headers TEXT,
    payload BLOB,
    result BLOB,
    -- Pairs, because SQLite builds a table for any longer list whenever the row is written.
    CHECK (
        state IN ('running', 'completed') OR state IN ('pending', 'retrying')
        OR state IN ('failed', 'cancelled') OR state = 'skipped'
    ),
    CHECK ((state = 'running') = (token IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('pending', 'running') OR state = 'retrying') = (completed_at IS NULL)),
    CHECK (ready = 0 OR state IN ('pending', 'retrying')),
    CHECK (settled_token IS NOT NULL OR state NOT IN ('completed', 'failed'))
);

-- What a claim reads, and nothing that is not due.
CREATE INDEX stoker_ready ON stoker_job (queue, priority DESC, scheduled_at, id) WHERE ready = 1;

-- What promote reads: waiting, at a later time.
CREATE INDEX stoker_delayed ON stoker_job (scheduled_at, queue)
WHERE ready = 0 AND state IN ('pending', 'retrying');

CREATE INDEX stoker_expiring ON stoker_job (expires_at)
WHERE expires_at IS NOT NULL AND started_at IS NULL AND state IN ('pending', 'retrying');

CREATE INDEX stoker_leased ON stoker_job (lease_until) WHERE state = 'running';

-- What listings read, newest first; the running ones are few, and found by their leases.
CREATE INDEX stoker_listed ON stoker_job (state, created_at) WHERE state <> 'running';

-- What retention reads.
CREATE INDEX stoker_ended ON stoker_job (state, completed_at) WHERE completed_at IS NOT NULL;

-- Payloads and results too large to be dragged along whenever the job's row is written.
CREATE TABLE stoker_large (
    job INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('payload', 'result')),
    body BLOB NOT NULL,
    PRIMARY KEY (job, kind)
) WITHOUT ROWID;

CREATE TABLE stoker_unique (
    queue TEXT NOT NULL,
    key TEXT NOT NULL,
    job INTEGER NOT NULL,
    id TEXT NOT NULL,
    until INTEGER,
    PRIMARY KEY (queue, key)
) WITHOUT ROWID;

CREATE INDEX stoker_unique_until ON stoker_unique (until) WHERE until IS NOT NULL;

CREATE TABLE stoker_run (
    job INTEGER NOT NULL,
    number INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    worker TEXT,
    outcome TEXT NOT NULL,
    error TEXT,
    traceback TEXT,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;

CREATE TABLE stoker_log (
    job INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;

-- Changes of the counts, appended with whatever made them; folded now and then, never counted again.
CREATE TABLE stoker_tally (
    seq INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    state TEXT NOT NULL,
    delta INTEGER NOT NULL
);

-- Ids of pruned jobs, for as long as enqueueing them again must still be answered.
CREATE TABLE stoker_tombstone (
    id TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX stoker_tombstone_until ON stoker_tombstone (until);

CREATE TABLE stoker_pause (
    pattern TEXT PRIMARY KEY,
    reason TEXT,
    since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE stoker_worker (
    name TEXT PRIMARY KEY,
    seen_at INTEGER NOT NULL,
    about TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE stoker_type (
    name TEXT PRIMARY KEY,
    about TEXT NOT NULL
) WITHOUT ROWID;
