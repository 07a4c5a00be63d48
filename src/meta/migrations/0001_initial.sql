-- 0001_initial.sql: what a registry holds, who may use it, and what is under way.
-- Times are unix milliseconds. Digests are text, `algorithm:hex`.

CREATE TABLE repository (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    tags       INTEGER NOT NULL DEFAULT 0,  -- counted in the transaction that changes them
    manifests  INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,  -- of the blobs and manifests that it owns
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Bytes in the blob store. A row is made after its object is durable.
CREATE TABLE blob (
    id         INTEGER PRIMARY KEY,
    digest     TEXT    NOT NULL UNIQUE,
    size       INTEGER NOT NULL,
    location   TEXT    NOT NULL,            -- key in the blob store
    created_at INTEGER NOT NULL
) STRICT;

-- Which repository may serve which blob: existence is never judged globally.
CREATE TABLE repository_blob (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    blob_id       INTEGER NOT NULL REFERENCES blob (id),
    linked_at     INTEGER NOT NULL,
    linked_by     TEXT    NOT NULL,
    PRIMARY KEY (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blob_by_blob ON repository_blob (blob_id, repository_id);

CREATE TABLE manifest (
    id            INTEGER PRIMARY KEY,
    digest        TEXT    NOT NULL UNIQUE,
    artifact_type TEXT,
    annotations   TEXT,                     -- JSON; copied into referrers lists, never searched
    content_bytes INTEGER NOT NULL,         -- what its descriptors add up to
    body          BLOB    NOT NULL,         -- as it was pushed
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE repository_manifest (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    media_type    TEXT    NOT NULL,         -- as this repository's last push declared it
    subject       TEXT,                     -- the digest that it is a referrer of
    pushed_at     INTEGER NOT NULL,
    pushed_by     TEXT    NOT NULL,
    PRIMARY KEY (repository_id, manifest_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_manifest_by_manifest ON repository_manifest (manifest_id, repository_id);
CREATE INDEX repository_manifest_by_subject ON repository_manifest (repository_id, subject, manifest_id)
 WHERE subject IS NOT NULL;

-- What a manifest needs: garbage collection and the guard of deletions read it.
CREATE TABLE manifest_reference (
    parent_id INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    child     TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('config', 'layer', 'manifest', 'subject')),
    PRIMARY KEY (parent_id, child, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_reference_by_child ON manifest_reference (child, parent_id);

-- The present …
CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    updated_at    INTEGER NOT NULL,
    updated_by    TEXT    NOT NULL,
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_manifest ON tag (repository_id, manifest_id);

-- … and every step that led to it.
CREATE TABLE tag_event (
    id            INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name          TEXT    NOT NULL,
    action        TEXT    NOT NULL CHECK (action IN ('push', 'delete')),
    digest        TEXT    NOT NULL,         -- what it was moved to, or what it pointed at when it was deleted
    previous      TEXT,                     -- what it pointed at before
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_event_by_tag ON tag_event (repository_id, name, id);

-- Upload sessions; they outlive a restart.
CREATE TABLE upload (
    id            TEXT    PRIMARY KEY,
    repository    TEXT    NOT NULL,         -- a name: the repository is made by the first thing that is stored in it
    owner         TEXT    NOT NULL,
    state         TEXT    NOT NULL,         -- JSON: parts, size, running hash; read whole, never searched
    started_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_by_age ON upload (updated_at);

-- `user` is a reserved word of PostgreSQL.
CREATE TABLE account (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,         -- PHC string, argon2id
    role          TEXT    NOT NULL CHECK (role IN ('administrator', 'writer', 'reader')),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE refresh_token (
    hash       TEXT    PRIMARY KEY,         -- SHA-256 of the token
    user_id    INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    client     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_token_by_user ON refresh_token (user_id);
CREATE INDEX refresh_token_by_age ON refresh_token (expires_at);

-- Keys that sign registry tokens. A retired one still verifies until the tokens that it signed are over.
CREATE TABLE signing_key (
    id         TEXT    PRIMARY KEY,
    private    BLOB    NOT NULL,            -- PKCS #8, ES256
    public     BLOB    NOT NULL,            -- uncompressed point
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;
