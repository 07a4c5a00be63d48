-- 0002_access.sql: who may do what, how they prove who they are, and what happened.

-- An account is a person or a robot. What it may do is said by bindings.
ALTER TABLE account ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'robot'));
ALTER TABLE account ADD COLUMN provider TEXT;           -- who vouches for them; NULL: their own password here
ALTER TABLE account ADD COLUMN external_id TEXT;        -- how the provider names them, and will for ever
ALTER TABLE account ADD COLUMN full_name TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN login TEXT NOT NULL DEFAULT '';   -- another one whenever what was issued must end
ALTER TABLE account ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN last_login_at INTEGER;
CREATE UNIQUE INDEX account_by_external_id ON account (provider, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX account_by_kind ON account (kind, name);
UPDATE account SET login = lower(hex(randomblob(8)));

-- `group` is a reserved word.
CREATE TABLE account_group (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL DEFAULT '',
    provider    TEXT,                       -- whose claims made it; NULL: made here
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE group_member (
    group_id    INTEGER NOT NULL REFERENCES account_group (id) ON DELETE CASCADE,
    account_id  INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    source      TEXT    NOT NULL,           -- `local`, or the provider whose claims said so
    PRIMARY KEY (group_id, account_id, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_by_account ON group_member (account_id, group_id);

-- Roles beside the built-in ones.
CREATE TABLE role (
    name        TEXT    PRIMARY KEY,
    actions     TEXT    NOT NULL,           -- `pull,push`
    description TEXT    NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may, or may not, do what to which repositories.
CREATE TABLE binding (
    id          INTEGER PRIMARY KEY,
    subject     TEXT    NOT NULL,           -- `user:ann`, `group:devs`, `everyone`, …
    effect      TEXT    NOT NULL CHECK (effect IN ('allow', 'deny')),
    role        TEXT    NOT NULL,           -- a role's name, or empty where the actions are listed
    actions     TEXT    NOT NULL,           -- `pull,push`, or empty where a role is named
    pattern     TEXT    NOT NULL,           -- of repositories: `team/app`, `team/**`
    note        TEXT    NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    UNIQUE (subject, effect, pattern, role, actions),
    CHECK ((role = '') <> (actions = ''))
) STRICT;
CREATE INDEX binding_by_pattern ON binding (pattern, id);
CREATE INDEX binding_by_role ON binding (role) WHERE role <> '';
INSERT INTO binding (subject, effect, role, actions, pattern, note, created_at, created_by)
SELECT 'user:' || name, 'allow', role, '', '**', 'from before there were rules', created_at, 'berth'
  FROM account;
ALTER TABLE account DROP COLUMN role;

-- Tokens for programs. A token has one secret, or two while it is rotated.
CREATE TABLE token (
    id             INTEGER PRIMARY KEY,
    account_id     INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    limits         TEXT    NOT NULL,        -- JSON: patterns and actions that it is limited to; empty: not limited
    addresses      TEXT    NOT NULL,        -- JSON: networks that it may be used from; empty: any
    expires_at     INTEGER,
    created_at     INTEGER NOT NULL,
    created_by     TEXT    NOT NULL,
    last_used_at   INTEGER,
    last_used_from TEXT,
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE token_secret (
    hash       TEXT    PRIMARY KEY,         -- SHA-256 of the secret
    token_id   INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER                      -- set when another takes its place
) STRICT, WITHOUT ROWID;
CREATE INDEX token_secret_by_token ON token_secret (token_id);

ALTER TABLE refresh_token ADD COLUMN token_id INTEGER REFERENCES token (id) ON DELETE CASCADE;
CREATE INDEX refresh_token_by_token ON refresh_token (token_id) WHERE token_id IS NOT NULL;

-- Browsers that are signed in.
CREATE TABLE session (
    hash       TEXT    PRIMARY KEY,         -- SHA-256 of the cookie
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    method     TEXT    NOT NULL,            -- `password`, or the provider
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_age ON session (expires_at);

-- Everything that happened, in order: changes, refusals, and pulls where they are wanted. Rows are only ever added.
CREATE TABLE event (
    id         INTEGER PRIMARY KEY,         -- 1, 2, 3, … without a gap
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,            -- `tag.push`, `request.refuse`, …
    repository TEXT,                        -- a name; it may have been deleted since
    target     TEXT,                        -- what it was done to: a tag, a digest, a user, …
    actor      TEXT    NOT NULL,
    address    TEXT,                        -- of the client
    request    TEXT,                        -- the request's id
    rule       TEXT,                        -- what allowed or refused it
    detail     TEXT,                        -- JSON
    link       BLOB    NOT NULL             -- HMAC over this row and the link of the row before
) STRICT;
CREATE INDEX event_by_repository ON event (repository, id) WHERE repository IS NOT NULL;
CREATE INDEX event_by_actor ON event (actor, id);
CREATE INDEX event_by_kind ON event (kind, id);

-- The last event, so that a missing one at the end is noticed as well.
CREATE TABLE event_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    id   INTEGER NOT NULL,
    link BLOB    NOT NULL
) STRICT;
INSERT INTO event_head (one, id, link) VALUES (1, 0, x'');

-- Sealed with the key file, to tell at start whether it is the right one.
CREATE TABLE seal_check (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    sealed BLOB    NOT NULL
) STRICT;
