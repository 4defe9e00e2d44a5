-- Recurring jobs. oldest: 1
-- A row is read and written whole: what else is a column is what the store itself looks for.

CREATE TABLE stoker_recurring (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    due_at INTEGER,
    body TEXT NOT NULL
);

CREATE INDEX stoker_recurring_due ON stoker_recurring (due_at, id) WHERE due_at IS NOT NULL;
