//! Talking to a running Berth, or to any registry, as the user who is logged in.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::credentials::CredentialFiles;
use crate::oci::{RepositoryName, Tag};
use crate::remote::{Answer, Error, Options, Registry, Remote};

const DEFAULT_SERVER: &str = "http://127.0.0.1:5000";

/// What stays as it is in one part of a path; above all, `/` does not.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How connections are made, for every command that makes one.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Connection {
    /// Trust the certificate authorities in this PEM file, beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Show the certificate in this PEM file to registries that want to see one
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The PEM file with its key
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Speak plain HTTP with this registry (`host` or `host:port`); those on this machine need no such leave
    #[arg(long, value_name = "HOST")]
    insecure_http: Vec<Registry>,
}

impl Connection {
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let read = |file: &PathBuf| {
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
        };
        let authorities = self.ca.iter().map(read).collect::<anyhow::Result<_>>()?;
        let identity = match (&self.client_cert, &self.client_key) {
            (Some(certificate), Some(key)) => Some([read(certificate)?, read(key)?].join(&b'\n')),
            _ => None,
        };
        let insecure_http = self.insecure_http.clone();
        Ok(Options { insecure_http, authorities, identity, ..Options::default() })
    }
}

/// Which Berth is meant.
#[derive(Clone, Debug, Args)]
pub(super) struct ServerArgs {
    /// The Berth to talk to [default: the one that `berth login` was last used with, else `http://127.0.0.1:5000`]
    #[arg(long, value_name = "URL", env = "BERTH_SERVER")]
    server: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// A running Berth.
#[derive(Debug)]
pub(super) struct Server(Remote);

impl ServerArgs {
    /// Whether somebody said which one.
    pub(super) fn is_named(&self) -> bool {
        self.server.is_some()
    }

    /// Whether somebody logged in to one before.
    pub(super) fn is_remembered() -> bool {
        LastServer::of_user().load().is_some()
    }

    /// How connections are made.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        self.connection.options()
    }

    /// A repository of the server, by its distribution API.
    pub(super) fn repository(
        &self,
        name: &RepositoryName,
    ) -> anyhow::Result<crate::remote::Repository> {
        Ok(self.open()?.remote().repository(name.clone()))
    }

    /// Prepares to talk to the server, with the credentials that are stored for it.
    pub(super) fn open(&self) -> anyhow::Result<Server> {
        let url = match &self.server {
            Some(url) => url.clone(),
            None => LastServer::of_user().load().unwrap_or_else(|| DEFAULT_SERVER.into()),
        };
        let registry: Registry = url.parse()?;
        let mut options = self.connection.options()?;
        heed_scheme(&mut options, &url, &registry);
        let credentials = CredentialFiles::of_user().find(&registry, None)?;
        Ok(Server(Remote::new(registry, credentials, &options)?))
    }
}

/// Whoever writes `http://` or `https://` means it.
pub(super) fn heed_scheme(options: &mut Options, url: &str, registry: &Registry) {
    if url.starts_with("http://") {
        options.insecure_http.push(registry.clone());
    } else if url.starts_with("https://") {
        options.tls.push(registry.clone());
    }
}

/// A part of a list, as the admin API gives it.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(flatten)]
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Server {
    /// One that is reached in a way of its own.
    pub(super) fn of(remote: Remote) -> Self {
        Self(remote)
    }

    /// The registry behind the API.
    pub(super) fn remote(&self) -> &Remote {
        &self.0
    }

    /// Calls the API; any answer that is no success is an error in words.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<bytes::Bytes>,
    ) -> anyhow::Result<bytes::Bytes> {
        let answer = self.0.call_api(method, path, body).await.map_err(told)?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(self.failure(path, &answer)) }
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.0.call_api(Method::GET, path, None).await.map_err(told)?;
        if answer.status != StatusCode::OK {
            return Err(self.failure(path, &answer));
        }
        serde_json::from_slice(&answer.body).with_context(|| {
            format!("{} answers `{path}` in a form that is not Berth's", self.0.registry())
        })
    }

    /// Removes one thing.
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.0.call_api(Method::DELETE, path, None).await.map_err(told)?;
        if answer.status.is_success() { Ok(()) } else { Err(self.failure(path, &answer)) }
    }

    /// Reads a list page by page, up to `limit` entries, or to its end. `cursor` is the parameter that goes on from
    /// where the last page ended.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        field: &str,
        cursor: &str,
        limit: Option<usize>,
    ) -> anyhow::Result<Vec<T>> {
        const PAGE: usize = 500;
        let mut found: Vec<T> = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let wanted = limit.map_or(PAGE, |limit| (limit - found.len()).min(PAGE));
            if wanted == 0 {
                return Ok(found);
            }
            let from = next.as_ref().map(|next| format!("&{cursor}={}", part(next)));
            let page_path = format!("{path}?n={wanted}{}", from.unwrap_or_default());
            let mut page: Page = self.get(&page_path).await?;
            let entries = page.fields.remove(field).unwrap_or_default();
            let entries: Vec<T> = serde_json::from_value(entries).with_context(|| {
                format!("{} answers `{path}` in a form that is not Berth's", self.0.registry())
            })?;
            let came = entries.len();
            found.extend(entries);
            let following = match page.fields.remove("next") {
                Some(serde_json::Value::String(text)) => Some(text),
                Some(serde_json::Value::Number(number)) => Some(number.to_string()),
                _ => None,
            };
            // A list that goes on without giving anything would go on for ever.
            if came == 0 || following.is_none() || following == next {
                return Ok(found);
            }
            next = following;
        }
    }

    fn failure(&self, path: &str, answer: &Answer) -> anyhow::Error {
        if answer.status == StatusCode::NOT_FOUND && !is_error_body(&answer.body) {
            return anyhow::anyhow!(
                "{} has no `{path}`\nhint: is it a Berth? `--server URL` or BERTH_SERVER says which one is meant",
                self.0.registry()
            );
        }
        match self.0.failure(answer) {
            Error::Refused { registry, message, .. } => anyhow::anyhow!("{registry}: {message}"),
            error => told(error),
        }
    }
}

fn is_error_body(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body)
        .is_ok_and(|body| body.get("errors").is_some_and(serde_json::Value::is_array))
}

/// The path of a repository in the admin API.
pub(super) fn repository_path(name: &RepositoryName) -> String {
    format!("api/v1/repositories/{}", part(name.as_str()))
}

/// The path of a tag in the admin API.
pub(super) fn tag_path(name: &RepositoryName, tag: &Tag) -> String {
    format!("{}/tags/{}", repository_path(name), part(tag.as_str()))
}

/// Text as one part of a path or a query.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PATH_PART).to_string()
}

/// A registry's error in words for people: what happened, and what to do about it.
pub(super) fn told(error: Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error}\nhint: {hint}"),
        None => error.into(),
    }
}

/// Where the last login is remembered.
#[derive(Debug)]
pub(super) struct LastServer(Option<PathBuf>);

impl LastServer {
    pub(super) fn of_user() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let config = set("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")));
        Self(config.map(|config| config.join("berth/server")))
    }

    pub(super) fn load(&self) -> Option<String> {
        let url = std::fs::read_to_string(self.0.as_ref()?).ok()?;
        Some(url.trim().to_owned()).filter(|url| !url.is_empty())
    }

    /// Remembers a server. A convenience only, so a failure is not one of the login.
    pub(super) fn store(&self, url: &str) {
        let Some(file) = &self.0 else { return };
        let directory = file.parent().unwrap_or(file);
        let stored = std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::write(file, format!("{url}\n")));
        if let Err(error) = stored {
            tracing::debug!(%error, file = %file.display(), "the server is not remembered");
        }
    }

    pub(super) fn forget(&self, registry: &Registry) {
        if self.load().is_some_and(|url| url.parse::<Registry>().as_ref() == Ok(registry))
            && let Some(file) = &self.0
        {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_part_of_a_path() {
        let name = "team/app".parse().unwrap();
        assert_eq!(repository_path(&name), "api/v1/repositories/team%2Fapp");
        let tag = "v1.0_x".parse().unwrap();
        assert_eq!(tag_path(&name, &tag), "api/v1/repositories/team%2Fapp/tags/v1.0_x");
    }

    #[test]
    fn an_error_comes_with_what_to_do() {
        let error = Error::Unauthorized {
            registry: "a.example".parse().unwrap(),
            anonymous: true,
            message: "authentication required".into(),
        };
        assert_eq!(
            format!("{:#}", told(error)),
            "a.example wants to know who is asking: authentication required\nhint: run `berth login a.example` first"
        );
    }
}
