-- 0008_retention.sql: what is dropped by itself, and what was.

CREATE TABLE retention_policy (
    name                TEXT    PRIMARY KEY,
    repositories        TEXT    NOT NULL,   -- JSON: globs
    except_repositories TEXT    NOT NULL,   -- JSON: globs
    keep                TEXT    NOT NULL,   -- JSON: rules
    discard             TEXT    NOT NULL,   -- JSON: rules
    updated_at          INTEGER NOT NULL,
    updated_by          TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Each run is a job; its row outlives that.
CREATE TABLE retention_run (
    job_id       INTEGER PRIMARY KEY,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    repositories INTEGER NOT NULL DEFAULT 0,
    tags         INTEGER NOT NULL DEFAULT 0,  -- dropped
    manifests    INTEGER NOT NULL DEFAULT 0,  -- dropped
    kept         INTEGER NOT NULL DEFAULT 0   -- tags
) STRICT;

-- When it was last pulled: written some seconds later, many at once.
ALTER TABLE repository_manifest ADD COLUMN pulled_at INTEGER;
