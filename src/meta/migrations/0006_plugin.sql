-- 0006_plugin.sql: what plugins keep, and which files of native code are Berth's own.

CREATE TABLE plugin_kv (
    plugin     TEXT    NOT NULL,  -- its name; there may be no such plugin any more
    key        TEXT    NOT NULL,
    value      BLOB    NOT NULL,
    expires_at INTEGER,           -- unix milliseconds
    PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX plugin_kv_by_expiry ON plugin_kv (expires_at) WHERE expires_at IS NOT NULL;

-- How full each plugin's store is, counted in the transaction that changes it.
CREATE TABLE plugin_kv_total (
    plugin TEXT    PRIMARY KEY,
    keys   INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Compiled components. A file is run only if it has the digest that is written here.
CREATE TABLE plugin_compiled (
    component   TEXT    NOT NULL,  -- digest of the component
    engine      TEXT    NOT NULL,  -- what made it: version and settings of the engine, the processor
    digest      TEXT    NOT NULL,  -- of the compiled file
    compiled_at INTEGER NOT NULL,
    PRIMARY KEY (component, engine)
) STRICT, WITHOUT ROWID;
