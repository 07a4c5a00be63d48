-- 0007_web.sql: what people look at: how much is pulled and pushed, how storage grows, and what a repository is about.

ALTER TABLE repository ADD COLUMN description TEXT NOT NULL DEFAULT '';    -- Markdown
ALTER TABLE repository ADD COLUMN pushed_at INTEGER;                       -- the last push of a manifest
ALTER TABLE repository ADD COLUMN pulled_at INTEGER;                       -- the last pull of one, a second late
CREATE INDEX tag_event_by_repository ON tag_event (repository_id, id);
CREATE INDEX repository_by_push ON repository (pushed_at) WHERE pushed_at IS NOT NULL;
UPDATE repository SET pushed_at = updated_at;

-- Pulls and pushes of manifests, by day.
CREATE TABLE traffic (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    day           INTEGER NOT NULL,         -- since 1970, UTC
    pulls         INTEGER NOT NULL DEFAULT 0,
    pushes        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX traffic_by_day ON traffic (day);

-- How much there was at the end of each day.
CREATE TABLE growth (
    day          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    blobs        INTEGER NOT NULL,
    blob_bytes   INTEGER NOT NULL,
    repositories INTEGER NOT NULL,
    manifests    INTEGER NOT NULL,
    tags         INTEGER NOT NULL
) STRICT;

-- The link that the first administrator comes by; there is none once it was used.
CREATE TABLE setup (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    hash       TEXT    NOT NULL,            -- SHA-256 of what the link holds
    expires_at INTEGER NOT NULL
) STRICT;
