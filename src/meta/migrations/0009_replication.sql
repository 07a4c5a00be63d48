-- 0007_replication.sql: where content is copied to, what of it, and how far that has come.

CREATE TABLE replication_target (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('registry', 'plugin')),
    place       TEXT    NOT NULL,           -- the address of a registry, or the name of a plugin
    settings    TEXT    NOT NULL,           -- JSON
    credentials BLOB,                       -- sealed JSON: a name and a password
    paused      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL
) STRICT;

CREATE TABLE replication_rule (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    target_id   INTEGER NOT NULL REFERENCES replication_target (id) ON DELETE CASCADE,
    settings    TEXT    NOT NULL,           -- JSON: what goes there
    enabled     INTEGER NOT NULL,
    since_event INTEGER NOT NULL,           -- what happened up to this one causes nothing by itself
    next_run_at INTEGER,                    -- when all of it is looked at again, if it has a schedule
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL
) STRICT;
CREATE INDEX replication_rule_by_target ON replication_rule (target_id);

-- One row for each tag or digest that was ever wanted somewhere.
CREATE TABLE replication_state (
    target_id  INTEGER NOT NULL REFERENCES replication_target (id) ON DELETE CASCADE,
    repository TEXT    NOT NULL,
    reference  TEXT    NOT NULL,            -- a tag, or a digest
    behind_since INTEGER,                   -- since when the target has something else; none: it has what is here
    there      TEXT,                        -- the digest that the target has
    there_at   INTEGER,                     -- since when
    bytes      INTEGER NOT NULL DEFAULT 0,  -- sent for it, in all
    failures   INTEGER NOT NULL DEFAULT 0,  -- attempts in a row that failed
    reason     TEXT,                        -- why the last attempt failed, or what came of it
    PRIMARY KEY (target_id, repository, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX replication_state_behind ON replication_state (target_id, behind_since) WHERE behind_since IS NOT NULL;
CREATE INDEX replication_state_by_repository ON replication_state (repository, reference);
