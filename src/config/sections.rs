//! The sections of `berth.toml`, with their defaults. The doc comments are the documentation: `docs/configuration.md`
//! and `examples/berth.toml` repeat them, and a test compares.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::backup::Backup;
use super::signatures::Signatures;
use super::storage::{Storage, yes};
use super::upkeep::{Gc, Retention, Scrub, Trash};
use super::values::HumanDuration;
use crate::clock::Cron;

/// Every setting, checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How clients reach Berth.
    pub server: Server,
    /// Where rows and blobs lie.
    pub storage: Storage,
    /// Upload sessions.
    pub uploads: Uploads,
    /// Copies of everything, elsewhere.
    pub backup: Backup,
    /// What the registry accepts.
    pub registry: Registry,
    /// Passwords and tokens.
    pub auth: Auth,
    /// The program's own log.
    pub log: Log,
    /// What is written down of what happens.
    pub audit: Audit,
    /// Work that waits.
    pub jobs: Jobs,
    /// What is known of vulnerabilities.
    pub advisories: Advisories,
    /// Garbage.
    pub gc: Gc,
    /// What goes by itself.
    pub retention: Retention,
    /// Damage.
    pub scrub: Scrub,
    /// What can be brought back.
    pub trash: Trash,
    /// Figures for Prometheus.
    pub metrics: Metrics,
    /// Whose signatures count.
    pub signatures: Signatures,
    /// Plugins.
    pub plugins: Plugins,
    /// The web UI.
    pub ui: Ui,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The URL clients use, such as `https://registry.example.org`.
    #[serde(with = "optional")]
    pub public_url: Option<String>,
    /// A connection without progress for this long is closed.
    pub idle_timeout: HumanDuration,
    /// How long running transfers may go on after a stop signal.
    pub shutdown_grace: HumanDuration,
    /// Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS, when both files are given.
    pub tls: Tls,
}

/// `[server.tls]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    #[serde(with = "optional")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    #[serde(with = "optional")]
    pub key: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// PEM file with the authorities that sign clients' certificates.
    #[serde(with = "optional")]
    pub client_ca: Option<PathBuf>,
    /// PEM file with lists of certificates that were revoked.
    #[serde(with = "optional")]
    pub client_crl: Option<PathBuf>,
}

/// `server.tls.client_auth`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// Nobody is asked for one.
    #[default]
    Off,
    /// Whoever has one shows it.
    Optional,
    /// Nobody is served without.
    Required,
}

/// `[uploads]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uploads {
    /// An upload untouched for this long is dropped.
    pub expire_after: HumanDuration,
}

/// `[registry]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Refuse an index whose manifests are not in the repository yet.
    pub require_children: bool,
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// How long a registry token is good.
    pub token_lifetime: HumanDuration,
    /// How long a refresh token is good.
    pub refresh_lifetime: HumanDuration,
    /// Failed logins from one address before it must wait.
    pub failed_logins: u32,
    /// Failed logins with one name, from wherever, before it must wait.
    pub failed_logins_per_name: u32,
    /// How long failed logins are remembered.
    pub failed_window: HumanDuration,
    /// How long a browser stays signed in.
    pub session_lifetime: HumanDuration,
    /// A browser that shows nothing for this long is signed out.
    pub session_idle: HumanDuration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What is logged, in the syntax of `tracing`.
    pub filter: String,
    /// How it is written.
    pub format: LogFormat,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// `[audit]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Write down each manifest that is pulled.
    pub pulls: bool,
}

/// `[jobs]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// How long jobs that have ended can be looked at.
    pub keep: HumanDuration,
    /// How long jobs that failed can be.
    pub keep_failed: HumanDuration,
}

/// `[advisories]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    /// When the sources are fetched.
    #[serde(with = "optional")]
    pub schedule: Option<Cron>,
    /// `NAME=URL` of each.
    pub sources: Vec<String>,
}

impl Advisories {
    /// Name and URL of each source.
    pub fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.iter().filter_map(|source| source.split_once('='))
    }

    fn check(&self) -> Vec<(&'static str, String)> {
        let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        let good = |source: &&String| {
            source.split_once('=').is_some_and(|(name, url)| !name.is_empty() && is_url(url))
        };
        let bad = self.sources.iter().find(|source| !good(source));
        let what = |source: &String| {
            let what = format!(
                "`{source}` is none: write a name and a URL, such as `debian=https://host/all.zip`"
            );
            ("advisories.sources", what)
        };
        bad.map(what).into_iter().collect()
    }
}

/// `[metrics]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Serve `/metrics` without credentials.
    pub public: bool,
}

/// `[plugins]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plugins {
    /// Take no plugin from a registry that no trusted key has signed.
    pub require_signature: bool,
    /// Files with the public keys (PEM) of those whose plugins are trusted.
    pub trusted_keys: Vec<PathBuf>,
    /// `[plugins.NAME]`: plugins that are to be there.
    #[serde(flatten)]
    pub named: BTreeMap<String, DeclaredPlugin>,
}

/// `[plugins.NAME]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredPlugin {
    /// Where it comes from; without it, the one of its name that comes with Berth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The file of the key that has to have signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Whether it is in force.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it may use, of what it asks for.
    #[serde(default)]
    pub granted: Vec<String>,
    /// Its settings.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Where the values of its secrets are: `env:NAME` or `file:PATH`.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// How its hooks are used.
    #[serde(default)]
    pub hooks: serde_json::Map<String, serde_json::Value>,
}

/// `[ui]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ui {
    /// Serve the web UI.
    pub enabled: bool,
}

impl Default for Ui {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            public_url: None,
            idle_timeout: HumanDuration::seconds(60),
            shutdown_grace: HumanDuration::seconds(30),
            trusted_proxies: Vec::new(),
            tls: Tls::default(),
        }
    }
}

impl Default for Uploads {
    fn default() -> Self {
        Self { expire_after: HumanDuration::seconds(24 * 3600) }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            token_lifetime: HumanDuration::seconds(300),
            refresh_lifetime: HumanDuration::seconds(90 * 86_400),
            failed_logins: 10,
            failed_logins_per_name: 50,
            failed_window: HumanDuration::seconds(300),
            session_lifetime: HumanDuration::seconds(7 * 86_400),
            session_idle: HumanDuration::seconds(86_400),
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            keep: HumanDuration::seconds(7 * 86_400),
            keep_failed: HumanDuration::seconds(30 * 86_400),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Auto }
    }
}

impl Config {
    /// What no single value can tell: pairs that must agree, and limits. Each with the key to blame.
    pub(super) fn check(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let tls = &self.server.tls;
        // Told of the one that was written, as only that has a line.
        match (&tls.certificate, &tls.key) {
            (Some(_), None) => {
                let what = "TLS needs `server.tls.key` as well".to_owned();
                problems.push(("server.tls.certificate", what));
            }
            (None, Some(_)) => {
                let what = "TLS needs `server.tls.certificate` as well".to_owned();
                problems.push(("server.tls.key", what));
            }
            _ => {}
        }
        problems.extend(tls.check_clients());
        if let Some(url) = &self.server.public_url {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', '"', ' '])) {
                let what = "write it as `https://host` or `https://host:port`, without a path: registries live at the root";
                problems.push(("server.public_url", what.to_owned()));
            }
        }
        let mut at_least = |key, value: HumanDuration, least: u64, text: &str| {
            if value < HumanDuration::seconds(least) {
                problems.push((key, format!("{value} is shorter than {text}")));
            }
        };
        at_least("server.idle_timeout", self.server.idle_timeout, 1, "one second");
        at_least("uploads.expire_after", self.uploads.expire_after, 60, "one minute");
        // Docker takes 60 s for the least that a token may live (token specification).
        at_least(
            "auth.token_lifetime",
            self.auth.token_lifetime,
            60,
            "one minute, the least that Docker expects",
        );
        at_least("gc.grace", self.gc.grace, 60, "one minute: pushes under way need it");
        at_least("storage.redirect.lifetime", self.storage.redirect.lifetime, 10, "ten seconds");
        at_least("auth.session_lifetime", self.auth.session_lifetime, 60, "one minute");
        at_least("auth.session_idle", self.auth.session_idle, 60, "one minute");
        problems.extend(self.storage.check());
        problems.extend(self.backup.check());
        problems.extend(self.advisories.check());
        problems.extend(self.signatures.check());
        if self.gc.rows_per_second == 0 {
            let what = "0 would never end; use at least 1".to_owned();
            problems.push(("gc.rows_per_second", what));
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log.filter) {
            let what = format!("`{}` cannot be read ({error}); try `info`", self.log.filter);
            problems.push(("log.filter", what));
        }
        for (key, limit) in [
            ("auth.failed_logins", self.auth.failed_logins),
            ("auth.failed_logins_per_name", self.auth.failed_logins_per_name),
        ] {
            if limit == 0 {
                problems.push((key, "0 would lock everyone out; use at least 1".to_owned()));
            }
        }
        problems
    }
}

impl Tls {
    /// What client certificates need. Told of what was written, as only that has a line.
    fn check_clients(&self) -> Option<(&'static str, String)> {
        if self.client_auth == ClientAuth::Off {
            let said = "says nothing as long as `server.tls.client_auth` is `off`";
            return match (&self.client_ca, &self.client_crl) {
                (Some(_), _) => Some(("server.tls.client_ca", said.to_owned())),
                (None, Some(_)) => Some(("server.tls.client_crl", said.to_owned())),
                (None, None) => None,
            };
        }
        let missing = if self.certificate.is_none() {
            "server.tls.certificate"
        } else if self.client_ca.is_none() {
            "server.tls.client_ca"
        } else {
            return None;
        };
        let what = format!("certificates of clients need `{missing}` as well");
        Some(("server.tls.client_auth", what))
    }
}

/// An optional value is written as an empty string when it is not set, so that every key has a default to show.
pub(super) mod optional {
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde gives the field")]
    pub(in crate::config) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(to),
            None => to.serialize_str(""),
        }
    }

    pub(in crate::config) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() {
            return Ok(None);
        }
        T::deserialize(serde::de::value::StringDeserializer::<D::Error>::new(text)).map(Some)
    }
}
