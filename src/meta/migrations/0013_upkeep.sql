-- 0007_upkeep.sql: what may not be needed any more, and what can be brought back.

-- Since when perhaps nothing needs it: set when a reference goes away, cleared when one comes or is found. What nobody has
-- let go of is null, so that the indexes hold what there is to look at and nothing else.
ALTER TABLE repository_blob ADD COLUMN loose_since INTEGER;
ALTER TABLE repository_manifest ADD COLUMN loose_since INTEGER;
ALTER TABLE blob ADD COLUMN loose_since INTEGER;
CREATE INDEX repository_blob_loose ON repository_blob (loose_since) WHERE loose_since IS NOT NULL;
CREATE INDEX repository_manifest_loose ON repository_manifest (loose_since) WHERE loose_since IS NOT NULL;
CREATE INDEX blob_loose ON blob (loose_since) WHERE loose_since IS NOT NULL;

-- What was there before is looked at once; nothing of it was let go of later than the last event.
UPDATE repository_blob SET loose_since = COALESCE((SELECT at FROM event ORDER BY id DESC LIMIT 1), linked_at);
UPDATE repository_manifest SET loose_since = COALESCE((SELECT at FROM event ORDER BY id DESC LIMIT 1), pushed_at);
UPDATE blob
   SET loose_since = COALESCE((SELECT at FROM event ORDER BY id DESC LIMIT 1), created_at)
 WHERE NOT EXISTS (SELECT 1 FROM repository_blob WHERE blob_id = blob.id);

-- Bytes that no row names any more: they are removed after the rows, and then they are forgotten.
CREATE TABLE dead_object (
    location TEXT    PRIMARY KEY,
    size     INTEGER NOT NULL,
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Manifests that were deleted, and can be brought back. They keep alive what they refer to.
CREATE TABLE trash_manifest (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    media_type    TEXT    NOT NULL,
    subject       TEXT,
    pushed_at     INTEGER NOT NULL,
    pushed_by     TEXT    NOT NULL,
    deleted_at    INTEGER NOT NULL,
    deleted_by    TEXT    NOT NULL,
    PRIMARY KEY (repository_id, manifest_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX trash_manifest_by_age ON trash_manifest (deleted_at);
CREATE INDEX trash_manifest_by_manifest ON trash_manifest (manifest_id, repository_id);

-- What tags pointed at before they were moved or deleted. It is kept alive, too.
CREATE TABLE trash_tag (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    reason        TEXT    NOT NULL CHECK (reason IN ('moved', 'deleted')),
    deleted_at    INTEGER NOT NULL,
    deleted_by    TEXT    NOT NULL
) STRICT;
CREATE INDEX trash_tag_by_tag ON trash_tag (repository_id, name, id);
CREATE INDEX trash_tag_by_manifest ON trash_tag (manifest_id, repository_id);
CREATE INDEX trash_tag_by_age ON trash_tag (deleted_at);

-- What was done by itself: collections, and what they did.
CREATE TABLE upkeep_run (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,           -- `gc`
    job_id      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    detail      TEXT    NOT NULL            -- JSON: how far it is, and what it did
) STRICT;
CREATE INDEX upkeep_run_by_kind ON upkeep_run (kind, id);
