-- 0015_quota.sql: how much a namespace may hold, and how much it does.

CREATE TABLE quota (
    id               INTEGER PRIMARY KEY,
    namespace        TEXT    NOT NULL UNIQUE,  -- `team` is the repository `team` and all of `team/**`; `*` is the whole registry
    max_bytes        INTEGER,                  -- null: no limit
    max_tags         INTEGER,
    max_upload_bytes INTEGER,
    used_bytes       INTEGER NOT NULL,         -- counted in the transactions of the changes
    used_tags        INTEGER NOT NULL,
    warned_bytes     INTEGER NOT NULL,         -- whether it was told that little is left
    warned_tags      INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    updated_by       TEXT    NOT NULL
) STRICT;

-- Which quotas a repository counts in.
CREATE TABLE quota_repository (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    quota_id      INTEGER NOT NULL REFERENCES quota (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, quota_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_repository_by_quota ON quota_repository (quota_id, repository_id);

-- How many repositories of a quota own a blob: it counts once.
CREATE TABLE quota_blob (
    quota_id     INTEGER NOT NULL REFERENCES quota (id) ON DELETE CASCADE,
    blob_id      INTEGER NOT NULL,
    repositories INTEGER NOT NULL,
    PRIMARY KEY (quota_id, blob_id)
) STRICT, WITHOUT ROWID;
