-- 0007_installed_plugin.sql: which plugins are installed, from where, and on what terms.

CREATE TABLE plugin (
    name         TEXT    PRIMARY KEY,
    revision     INTEGER NOT NULL,         -- another one with each change, so that other processes notice
    release      TEXT    NOT NULL,         -- JSON: version, component, manifest, where it came from, who has signed it
    previous     TEXT,                     -- JSON: the release before, with what it was granted
    granted      TEXT    NOT NULL,         -- JSON: capabilities
    settings     TEXT    NOT NULL,         -- JSON
    secrets      BLOB,                     -- sealed JSON: values by name
    hooks        TEXT    NOT NULL,         -- JSON: how each hook is used
    enabled      INTEGER NOT NULL,
    declared     INTEGER NOT NULL,         -- by berth.toml
    installed_at INTEGER NOT NULL,
    installed_by TEXT    NOT NULL,
    changed_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who has used one, so that a revision is never used twice, even by a plugin that was removed and came back.
CREATE TABLE plugin_revision (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO plugin_revision (one, last) VALUES (1, 0);
