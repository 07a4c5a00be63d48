//! What each key means, in the order in which it is shown. A test keeps this list equal to [`super::Config`].

/// Every key of `berth.toml` with its explanation.
pub const KEYS: &[(&str, &str)] = &[
    (
        "server.listen",
        "Address and port to listen on. Docker trusts plain HTTP on 127.0.0.1 only; use TLS for any other address.",
    ),
    (
        "server.public_url",
        "The URL clients use, such as `https://registry.example.org`. Needed behind a TLS proxy, as login tokens are fetched from it. Empty: the `Host` that the client named.",
    ),
    (
        "server.idle_timeout",
        "A connection without progress for this long is closed. There is no limit on how long a transfer takes.",
    ),
    ("server.shutdown_grace", "How long running transfers may go on after a stop signal."),
    (
        "server.trusted_proxies",
        "Networks of proxies, such as `[\"10.0.0.0/8\"]`, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. From everybody else these headers are ignored.",
    ),
    (
        "server.tls.certificate",
        "PEM file with the certificate and its chain. Reloaded when it changes.",
    ),
    ("server.tls.key", "PEM file with the private key. Reloaded when it changes."),
    (
        "server.tls.client_auth",
        "Whether clients show certificates: `off`, `optional`, or `required` of everybody, as a second factor. One that is over, revoked or of another authority is refused either way.",
    ),
    (
        "server.tls.client_ca",
        "PEM file with the authorities that sign clients' certificates. Reloaded when it changes.",
    ),
    (
        "server.tls.client_crl",
        "PEM file with the authorities' lists of revoked certificates, one for each authority. Reloaded when it changes.",
    ),
    (
        "storage.data",
        "The data directory: metadata, and blobs with the `fs` backend. Made when it is missing.",
    ),
    (
        "storage.key_file",
        "File with the keys that seal secrets in the database. Made when it is missing. Empty: `berth.key` in the data directory; better kept elsewhere, so that a copy of the directory gives no secret away.",
    ),
    (
        "storage.backend",
        "Where blobs go: `fs` (the data directory), `memory`, `s3`, `azblob` or `gcs`.",
    ),
    (
        "storage.reserve",
        "Free space that pushes leave alone, such as `2GiB`. `auto`: 2 GiB or 5 % of the file system, whichever is less.",
    ),
    (
        "storage.options",
        "A table of settings for a bucket, named as OpenDAL names them: `bucket`, `endpoint`, `region`, `access_key_id`, ...",
    ),
    (
        "storage.check",
        "Try at the start whether the bucket can do what Berth needs, and refuse to start if it cannot.",
    ),
    (
        "storage.buffers",
        "Memory that all uploads to a bucket may use together, at least `32MiB`. More of it lets more of them run at full speed.",
    ),
    (
        "storage.redirect.public_endpoint",
        "Where clients reach the bucket, if not at `storage.options.endpoint`, which is what Berth itself uses.",
    ),
    (
        "storage.redirect.lifetime",
        "How long a link to the bucket is good. A transfer that has begun goes on after it.",
    ),
    (
        "storage.redirect.rules",
        "Which pulls of blobs are sent to the bucket; the first rule that fits decides, and without one Berth serves the blob. See `docs/storage.md`.",
    ),
    ("uploads.expire_after", "An upload untouched for this long is dropped."),
    (
        "backup.schedule",
        "When backups are taken, as `gc.schedule` has it: `30 2 * * * Europe/Berlin`. Empty: only when somebody asks.",
    ),
    ("backup.backend", "Where backups go: `fs` (`backup.directory`), `s3`, `azblob` or `gcs`."),
    (
        "backup.directory",
        "The directory for backups, on another disk than `storage.data`. Empty, with the `fs` backend: there are no backups unless a command names a place.",
    ),
    (
        "backup.options",
        "A table of settings for a bucket, named as OpenDAL names them: `bucket`, `endpoint`, `root`, ... One `root` is for one Berth, and not the one of `storage.options`.",
    ),
    (
        "backup.recipients",
        "Public keys of age (`age1...`): backups are encrypted so that only the secret halves open them. `berth backup keygen` makes a pair. Empty: backups are not encrypted.",
    ),
    (
        "backup.include_key",
        "Put the key file into backups: `encrypted` (into those that are), `always` or `never`. Without it a backup gives no sealed secret away, and a restore needs the key file from elsewhere.",
    ),
    (
        "backup.keep",
        "How many backups are kept; older ones are removed after a new one was taken. `0` keeps all.",
    ),
    (
        "backup.snapshot_every",
        "Where blobs are in a bucket: how often, at most, a snapshot of the database goes there too, after changes. With it and the bucket alone `berth restore --snapshots` brings a lost machine back. `0s`: never.",
    ),
    (
        "backup.keep_snapshots",
        "How many of the latest snapshots are kept, beside the last one of each of the last 14 days.",
    ),
    (
        "registry.require_children",
        "Refuse an index whose manifests are not in the repository yet, instead of warning.",
    ),
    (
        "auth.token_lifetime",
        "How long a registry token is good. Docker expects at least one minute.",
    ),
    ("auth.refresh_lifetime", "How long the refresh token that `docker login` keeps is good."),
    ("auth.failed_logins", "Failed logins from one address before it must wait."),
    (
        "auth.failed_logins_per_name",
        "Failed logins with one name, from whatever addresses, before that name must wait.",
    ),
    ("auth.failed_window", "How long failed logins are remembered."),
    ("auth.session_lifetime", "How long a browser stays signed in."),
    ("auth.session_idle", "A browser that asks for nothing for this long is signed out."),
    (
        "log.filter",
        "What is logged: `error`, `warn`, `info`, `debug`, or per module, such as `info,berth::meta=debug`.",
    ),
    ("log.format", "`text`, `json`, or `auto`: text on a terminal, JSON otherwise."),
    (
        "audit.pulls",
        "Write each pull of a manifest into the audit trail. Changes and refusals are always written.",
    ),
    ("jobs.keep", "How long jobs that have ended, and deliveries to webhooks, can be looked at."),
    ("jobs.keep_failed", "How long jobs that failed can be looked at and tried again."),
    (
        "advisories.schedule",
        "When the advisories of `advisories.sources` are fetched, as a line of cron: `30 4 * * *`. Empty: only when somebody asks.",
    ),
    (
        "advisories.sources",
        "Where advisories in OSV format are published: `NAME=URL` of an export each, such as `debian=https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip`.",
    ),
    (
        "gc.schedule",
        "When garbage is collected: minute, hour, day of the month, month, day of the week, and a time zone if it is not UTC, such as `0 3 * * * Europe/Berlin`. Empty: only when somebody asks.",
    ),
    (
        "gc.grace",
        "How long a blob is kept that no manifest needs: since it was pushed, let go of, or last asked for. Pushes rely on it: a client that was told of a blob has this long to push its manifest.",
    ),
    (
        "gc.untagged",
        "How long a manifest is kept that no tag leads to, directly, through an index or as a referrer. Empty: for ever, as it can be pulled by digest.",
    ),
    (
        "gc.rows_per_second",
        "Rows that a collection looks at, and objects that it removes, in a second at most, so that pushes and pulls do not wait for it.",
    ),
    (
        "gc.bytes_per_second",
        "Bytes that a collection removes from the blob store in a second at most, such as `500MiB`. Empty: no limit.",
    ),
    (
        "scrub.schedule",
        "When all blobs are read again to find damage, written like `gc.schedule`. Empty: only when somebody asks. In a bucket, what is read may cost money.",
    ),
    (
        "scrub.bytes_per_second",
        "Bytes that this reads in a second at most, so that pushes and pulls do not wait for it. Empty: no limit.",
    ),
    (
        "trash.keep",
        "How long tags that were moved or deleted, and manifests that were deleted, can be brought back. They take space for as long.",
    ),
    (
        "retention.schedule",
        "When retention policies are run; written as `gc.schedule`. Empty: only when somebody asks.",
    ),
    ("metrics.public", "Serve `/metrics` without credentials."),
    (
        "signatures.keys",
        "Public keys whose signatures of images count: `[[signatures.keys]]` with a `name`, a `key` (PEM, or the file that it is in) and, if they do not count everywhere, `repositories`. See `docs/signatures.md`.",
    ),
    (
        "plugins.require_signature",
        "Take no plugin from a registry or a file that none of the trusted keys has signed. Those that come with Berth need no signature.",
    ),
    (
        "plugins.trusted_keys",
        "Files with public keys (`cosign.pub`) of those whose plugins are trusted. Plugins themselves are `[plugins.NAME]`, see `docs/plugins-admin.md`.",
    ),
    (
        "ui.enabled",
        "Serve the web UI at `/ui/`, and send browsers there from `/`. Without it there are only the plain pages for signing in.",
    ),
];
