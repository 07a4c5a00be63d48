-- 0016_scrub.sql: blobs whose bytes are not what they should be. They are in no answer until they are pushed again.

CREATE TABLE damaged_blob (
    blob_id  INTEGER PRIMARY KEY REFERENCES blob (id) ON DELETE CASCADE,
    reason   TEXT    NOT NULL CHECK (reason IN ('damaged', 'missing')),
    actual   TEXT,                     -- the digest that the bytes have
    found_at INTEGER NOT NULL
) STRICT;
