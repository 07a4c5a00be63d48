-- 0003_trust.sql: who else vouches for people and programs.

-- Whose tokens are looked at at all.
CREATE TABLE issuer (
    name        TEXT    PRIMARY KEY,
    url         TEXT    NOT NULL UNIQUE,    -- the claim `iss`, letter for letter
    jwks_uri    TEXT,                       -- where its keys are; NULL: found by discovery
    keys        TEXT,                       -- its keys themselves, a JSON Web Key Set; nothing is fetched then
    authorities TEXT    NOT NULL,           -- PEM: certificate authorities beside the system's
    algorithms  TEXT    NOT NULL,           -- JSON: those that are taken; empty: all that its keys allow
    audiences   TEXT    NOT NULL,           -- JSON: one of them has to be in `aud`
    disabled    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Which of their tokens, or of client certificates, are somebody here.
CREATE TABLE federation_rule (
    name        TEXT    PRIMARY KEY,        -- rules of access name it `workload:NAME`
    issuer      TEXT    REFERENCES issuer (name),    -- NULL: client certificates
    audiences   TEXT    NOT NULL,           -- JSON: instead of the issuer's; empty: the issuer's
    conditions  TEXT    NOT NULL,           -- JSON: all of them have to hold
    acts_as     TEXT,                       -- `robot:ci`; NULL: it is a workload of its own
    description TEXT    NOT NULL,
    disabled    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX federation_rule_by_issuer ON federation_rule (issuer, name);

-- Where people sign in.
CREATE TABLE provider (
    name        TEXT    PRIMARY KEY,
    kind        TEXT    NOT NULL,           -- `entra`, `google`, `github`, `gitlab`, `keycloak`, `oidc`
    settings    TEXT    NOT NULL,           -- JSON; read whole, never searched
    secret      BLOB,                       -- the client secret, sealed
    disabled    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Machines that wait for somebody to approve them (RFC 8628).
CREATE TABLE device_login (
    hash        TEXT    PRIMARY KEY,        -- SHA-256 of the device code
    user_code   TEXT    NOT NULL UNIQUE,
    machine     TEXT    NOT NULL,           -- what it calls itself
    address     TEXT    NOT NULL,           -- where it asks from
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'approved', 'denied')),
    account_id  INTEGER REFERENCES account (id) ON DELETE CASCADE,    -- who approved it
    pause       INTEGER NOT NULL,           -- milliseconds that it has to let pass between two questions
    asked_at    INTEGER,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_login_by_address ON device_login (address);
CREATE INDEX device_login_by_age ON device_login (expires_at);
