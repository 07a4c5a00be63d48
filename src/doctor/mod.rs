//! Looks at a Berth from all sides: its disk, its clock, its files, its database, its bucket, and itself as clients see it. Each
//! finding says what to do. Nothing is changed, whether a Berth serves meanwhile or not.

mod bucket;
mod clock;
mod database;
mod dialogue;
mod disk;
mod files;
mod place;
mod proxy;
mod tls;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Config;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is as it should be.
    Good,
    /// It could not be looked at, or is worth knowing.
    Note,
    /// It works, and will not for ever, or not for everybody.
    Warning,
    /// It does not work.
    Problem,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// By which check: `disk`, `files`, `database`, `clock`, `bucket`, `backup`, `dns`, `tls`, `proxy`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What to do; nothing where all is well.
    pub mend: Option<String>,
}

impl Finding {
    fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Good, what: what.into(), mend: None }
    }

    fn note(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Note, what: what.into(), mend: None }
    }

    fn warning(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        let (severity, mend) = (Severity::Warning, Some(mend.into()));
        Self { check, severity, what: what.into(), mend }
    }

    fn problem(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        let (severity, mend) = (Severity::Problem, Some(mend.into()));
        Self { check, severity, what: what.into(), mend }
    }
}

/// How long anybody on the network has for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct Doctor {
    /// The settings.
    pub config: Config,
    /// The time of this machine.
    pub now: Timestamp,
    /// Ask nobody on the network: neither the public address nor a bucket.
    pub offline: bool,
    /// The URL that clients use, if it is not `server.public_url`.
    pub url: Option<String>,
    /// Certificates (PEM) of authorities that clients trust beside the system's.
    pub authorities: Vec<Vec<u8>>,
}

impl Doctor {
    /// Looks at everything, in the order in which somebody would mend it.
    pub async fn look(self) -> Vec<Finding> {
        let config = self.config.clone();
        let beside = tokio::task::spawn_blocking(move || {
            let mut findings = disk::look(&config);
            findings.extend(files::look(&config));
            findings.extend(database::look(&config));
            findings
        });
        let mut findings = beside.await.unwrap_or_else(|error| {
            vec![Finding::problem("files", error.to_string(), "look at the message")]
        });
        findings.extend(clock::look_here(&self.config, self.now));
        if self.offline {
            findings.push(Finding::note("tls", "not looked at: nobody on the network is asked"));
            return findings;
        }
        findings.extend(bucket::look(&self.config).await);
        findings.extend(self.look_from_outside().await);
        findings
    }
}
