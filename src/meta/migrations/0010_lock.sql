-- 0007_lock.sql: what may not be changed: locks on one thing each, and rules about tags.

CREATE TABLE lock (
    id         INTEGER PRIMARY KEY,
    repository TEXT    NOT NULL,            -- a name: a lock on reading outlives the repository
    reference  TEXT    NOT NULL,            -- a tag or a digest; empty: the repository as a whole
    no_write   INTEGER NOT NULL,
    no_delete  INTEGER NOT NULL,
    no_read    INTEGER NOT NULL,
    why        TEXT    NOT NULL,
    ends_at    INTEGER,                     -- it holds until then; NULL: until it is taken off
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    UNIQUE (repository, reference)
) STRICT;

CREATE TABLE immutability_rule (
    id                  INTEGER PRIMARY KEY,
    repositories        TEXT    NOT NULL,   -- JSON: globs
    except_repositories TEXT    NOT NULL,   -- JSON: globs
    tags                TEXT    NOT NULL,   -- JSON: globs
    except_tags         TEXT    NOT NULL,   -- JSON: globs
    why                 TEXT    NOT NULL,
    created_at          INTEGER NOT NULL,
    created_by          TEXT    NOT NULL
) STRICT;
