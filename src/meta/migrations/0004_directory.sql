-- 0004_directory.sql: LDAP servers that vouch for accounts (`ldap:NAME` in account.provider).
CREATE TABLE directory (
    id            INTEGER PRIMARY KEY,      -- asked in this order
    name          TEXT    NOT NULL UNIQUE,
    settings      TEXT    NOT NULL,         -- JSON; read whole, never searched
    bind_password BLOB,                     -- sealed; NULL: searched without logging in
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
