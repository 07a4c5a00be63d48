-- 0005_jobs.sql: what follows from a change: work that waits, and who is told.

-- A piece of work. It is done when it is done: whoever runs it holds a lease, and a lease that ends gives it to somebody else.
CREATE TABLE job (
    id            INTEGER PRIMARY KEY,
    kind          TEXT    NOT NULL,
    payload       TEXT    NOT NULL,         -- JSON: what to do
    subject       TEXT    NOT NULL,         -- what it is about: `webhook/7`; empty: nothing that is listed by itself
    lane          TEXT    NOT NULL,         -- jobs of one lane run one after another; empty: beside all others
    unique_key    TEXT,                     -- of those that wait under one key there is one
    state         TEXT    NOT NULL CHECK (state IN ('blocked', 'waiting', 'running', 'done', 'failed', 'cancelled')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    most_attempts INTEGER NOT NULL,
    run_at        INTEGER NOT NULL,         -- not before
    lease         TEXT,                     -- who runs it
    leased_until  INTEGER,
    wants_cancel  INTEGER NOT NULL DEFAULT 0,
    reason        TEXT,                     -- why the last attempt failed, or what came of it
    progress      TEXT,                     -- JSON
    event_id      INTEGER,                  -- the event that it follows from
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER
) STRICT;
CREATE INDEX job_ready ON job (kind, run_at, id) WHERE state = 'waiting';
CREATE INDEX job_by_lane ON job (lane, id) WHERE lane <> '' AND state IN ('blocked', 'waiting', 'running');
CREATE UNIQUE INDEX job_by_key ON job (kind, unique_key) WHERE unique_key IS NOT NULL AND state IN ('blocked', 'waiting');
CREATE INDEX job_by_lease ON job (leased_until) WHERE state = 'running';
CREATE INDEX job_by_state ON job (state, id);
CREATE INDEX job_by_kind ON job (kind, id);
CREATE INDEX job_by_subject ON job (subject, id) WHERE subject <> '';
CREATE INDEX job_by_end ON job (finished_at) WHERE finished_at IS NOT NULL;

-- What a job said while it ran.
CREATE TABLE job_log (
    id      INTEGER PRIMARY KEY,
    job_id  INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    message TEXT    NOT NULL
) STRICT;
CREATE INDEX job_log_by_job ON job_log (job_id, id);

-- How far somebody has come in the order of events.
CREATE TABLE reader (
    name     TEXT    PRIMARY KEY,
    event_id INTEGER NOT NULL               -- the last one that was read
) STRICT, WITHOUT ROWID;

-- What is done again and again.
CREATE TABLE schedule (
    name        TEXT    PRIMARY KEY,
    next_run_at INTEGER NOT NULL,
    rule        TEXT    NOT NULL,           -- the cron expression that `next_run_at` was computed from
    last_run_at INTEGER,
    last_job_id INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    url         TEXT    NOT NULL,
    format      TEXT    NOT NULL CHECK (format IN ('cloudevents', 'distribution')),
    kinds       TEXT    NOT NULL,           -- JSON: patterns of kinds of events; empty: the usual ones
    patterns    TEXT    NOT NULL,           -- JSON: patterns of repositories; empty: any, and what is in none
    headers     TEXT    NOT NULL,           -- JSON: more headers to send
    secret      BLOB,                       -- sealed: what deliveries are signed with
    enabled     INTEGER NOT NULL,
    since_event INTEGER NOT NULL,           -- what happened up to this one is not told: it was not there, or not enabled
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL
) STRICT;
