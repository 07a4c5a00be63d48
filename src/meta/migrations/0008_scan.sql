-- 0007_scan.sql: what scanners say about images, what is known of vulnerabilities, and what is held back until then.

-- One for each image and scanner. What was found last stays readable while it is scanned anew.
CREATE TABLE scan_report (
    id              INTEGER PRIMARY KEY,
    manifest_id     INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    scanner         TEXT    NOT NULL,           -- name of the plugin
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    reason          TEXT,                       -- why it failed
    requested_at    INTEGER NOT NULL,           -- unix milliseconds
    started_at      INTEGER,
    finished_at     INTEGER,                    -- of the result that is here; NULL while there is none
    scanner_version TEXT,
    component       TEXT,                       -- digest of the plugin's component
    generation      INTEGER NOT NULL DEFAULT 0, -- of the advisories that its packages were matched with
    attributes      TEXT    NOT NULL DEFAULT '{}',
    packages        INTEGER NOT NULL DEFAULT 0,
    unknown         INTEGER NOT NULL DEFAULT 0, -- findings of each severity
    negligible      INTEGER NOT NULL DEFAULT 0,
    low             INTEGER NOT NULL DEFAULT 0,
    medium          INTEGER NOT NULL DEFAULT 0,
    high            INTEGER NOT NULL DEFAULT 0,
    critical        INTEGER NOT NULL DEFAULT 0,
    fixable         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (manifest_id, scanner)
) STRICT;
CREATE INDEX scan_report_by_generation ON scan_report (generation, id) WHERE packages > 0;

CREATE TABLE scan_finding (
    report_id     INTEGER NOT NULL REFERENCES scan_report (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    matched       INTEGER NOT NULL,             -- 1: by advisories; 0: the scanner said so itself
    finding       TEXT    NOT NULL,             -- its id, such as `CVE-2026-1234`
    rank          INTEGER NOT NULL,             -- 0 critical, 1 high, 2 medium, 3 low, 4 negligible, 5 unknown
    package       TEXT,
    version       TEXT,
    fixed_version TEXT,
    detail        TEXT    NOT NULL,             -- JSON: all of it
    PRIMARY KEY (report_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX scan_finding_by_rank ON scan_finding (rank, report_id, number);
CREATE INDEX scan_finding_by_package ON scan_finding (package, rank, report_id, number) WHERE package IS NOT NULL;
CREATE INDEX scan_finding_by_name ON scan_finding (finding, rank, report_id, number);

CREATE TABLE scan_package (
    report_id INTEGER NOT NULL REFERENCES scan_report (id) ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    detail    TEXT    NOT NULL,                 -- JSON: all of it
    PRIMARY KEY (report_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX scan_package_by_name ON scan_package (name, report_id, number);

-- Where advisories come from. Each has a file of its own beside the database; the row says which one counts.
CREATE TABLE advisory_source (
    name        TEXT    PRIMARY KEY,
    origin      TEXT    NOT NULL,               -- a URL, or the file that somebody gave
    file        TEXT    NOT NULL,
    generation  INTEGER NOT NULL,               -- of all advisories when this came
    advisories  INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,               -- records that could not be used
    bytes       INTEGER NOT NULL,
    etag        TEXT,
    imported_at INTEGER NOT NULL,
    imported_by TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE advisory_head (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL                 -- rises whenever advisories change
) STRICT;
INSERT INTO advisory_head (one, generation) VALUES (1, 0);

-- Which pushed images are held back, and what lets them go.
CREATE TABLE quarantine_rule (
    name         TEXT    PRIMARY KEY,
    repositories TEXT    NOT NULL,              -- JSON: patterns
    severity     TEXT,                          -- findings of this one or worse hold an image; NULL: to be scanned is enough
    scanners     TEXT    NOT NULL,              -- JSON: who may pull by digest meanwhile
    made_at      INTEGER NOT NULL,
    made_by      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    repository_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
    rule          TEXT    NOT NULL,             -- its name, or `plugin:NAME`
    severity      TEXT,                         -- as the rule has it when the image comes
    scanners      TEXT    NOT NULL,
    by_scan       INTEGER NOT NULL,             -- 1: a scan may release it
    state         TEXT    NOT NULL CHECK (state IN ('held', 'released')),
    reason        TEXT    NOT NULL,             -- for people: why it is held, or why not any more
    held_at       INTEGER NOT NULL,
    decided_at    INTEGER,
    decided_by    TEXT,
    PRIMARY KEY (repository_id, manifest_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_state ON quarantine (held_at, repository_id, manifest_id) WHERE state = 'held';
CREATE INDEX quarantine_by_manifest ON quarantine (manifest_id, state);
