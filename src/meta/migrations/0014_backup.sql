-- 0014_backup.sql: what backups need: who this is, and what must not be removed while it is copied.

-- Which registry this is, through every restore; made at the first start.
CREATE TABLE instance (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- As long as one of these is good, no object of a blob is removed from the store: somebody copies them. Rows may go meanwhile.
CREATE TABLE blob_hold (
    name  TEXT    PRIMARY KEY,              -- who: `backup/ID`
    until INTEGER NOT NULL                  -- it ends by itself then, so that a crash holds nothing for ever
) STRICT, WITHOUT ROWID;
