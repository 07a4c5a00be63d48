//! The admin API, wherever it is: of a running Berth, or of a data directory on this machine.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::{Server, ServerArgs, part};
use super::settings::Settings;
use crate::app::App;
use crate::clock::Clock;
use crate::http::LocalApi;

/// Which registry is administered: the one of a data directory on this machine, whether it runs or not, or a running one that
/// `--server` names.
#[derive(Clone, Debug, Args)]
pub(super) struct Target {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    settings: Settings,
}

/// The admin API of a registry.
#[derive(Debug)]
pub(super) enum Api {
    /// Of a running Berth, as the user who is logged in.
    Remote(Box<Server>),
    /// Of a data directory, as whoever can write to it.
    Local { api: LocalApi, app: Arc<App> },
}

impl Target {
    /// Whether a running registry is named.
    pub(super) fn names_a_server(&self) -> bool {
        self.server.is_named()
    }

    /// Certificates (PEM) of authorities that are to be trusted beside the system's.
    pub(super) fn authorities(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        Ok(self.server.options()?.authorities)
    }

    /// The settings of a data directory on this machine.
    pub(super) fn config(&self) -> anyhow::Result<crate::config::Config> {
        Ok(self.settings.load(None)?.config)
    }

    /// Finds the registry. A data directory that does not exist is not made.
    pub(super) async fn open(&self) -> anyhow::Result<Api> {
        if self.server.is_named() {
            return Ok(Api::Remote(Box::new(self.server.open()?)));
        }
        let config = self.settings.load(None)?.config;
        if config.storage.data.join("berth.db").exists() {
            return Api::local(config).await;
        }
        if self.settings.name_a_directory() || !ServerArgs::is_remembered() {
            anyhow::bail!(
                "there is no registry in {}: name its data directory with --data, start one with `berth serve`, or name a running one with --server",
                config.storage.data.display()
            );
        }
        Ok(Api::Remote(Box::new(self.server.open()?)))
    }

    /// As [`Target::open`], and makes a data directory when there is neither one nor a server that is named.
    pub(super) async fn open_or_make(&self) -> anyhow::Result<Api> {
        if self.server.is_named() {
            return self.open().await;
        }
        Api::local(self.settings.load(None)?.config).await
    }
}

impl Api {
    async fn local(config: crate::config::Config) -> anyhow::Result<Self> {
        let app = App::open_beside(config, Clock::system()).await?;
        Ok(Self::Local { api: LocalApi::new(Arc::clone(&app)), app })
    }

    /// Ends what was opened; what was changed is on the disk before.
    pub(super) async fn close(self) {
        if let Self::Local { app, .. } = self {
            app.close().await;
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Bytes>) -> anyhow::Result<Bytes> {
        match self {
            Self::Remote(server) => server.call(method, path, body).await,
            Self::Local { api, .. } => {
                let (status, body) = api.call(method, &format!("/{path}"), body).await?;
                if status.is_success() {
                    return Ok(body);
                }
                anyhow::bail!("{}", complaint(status, &body))
            }
        }
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(path, &self.call(Method::GET, path, None).await?)
    }

    /// Sends a wish; reads what came of it, `null` if nothing did.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        wish: &impl Serialize,
    ) -> anyhow::Result<T> {
        let body = Bytes::from(serde_json::to_vec(wish)?);
        let answer = self.call(method, path, Some(body)).await?;
        read(path, if answer.is_empty() { b"null" } else { &answer })
    }

    /// Sends bytes; reads what came of them.
    pub(super) async fn put_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: Bytes,
    ) -> anyhow::Result<T> {
        read(path, &self.call(Method::PUT, path, Some(bytes)).await?)
    }

    /// Makes something.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        wish: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.send(Method::POST, path, wish).await
    }

    /// Removes something.
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    /// Reads a list to its end, or up to `limit` entries; `query` narrows it, and `cursor` is the parameter that asks for the
    /// next page.
    pub(super) async fn list(
        &self,
        path: &str,
        query: &str,
        field: &str,
        cursor: &str,
        limit: Option<usize>,
    ) -> anyhow::Result<Vec<Value>> {
        const PAGE: usize = 1000;
        let mut found: Vec<Value> = Vec::new();
        let mut next = String::new();
        loop {
            let wanted = limit.map_or(PAGE, |limit| (limit - found.len()).min(PAGE));
            if wanted == 0 {
                return Ok(found);
            }
            let mut page: Value = self.get(&format!("{path}?n={wanted}{query}{next}")).await?;
            let Value::Array(entries) = page[field].take() else {
                anyhow::bail!("`{path}` is answered in a form that is not Berth's")
            };
            let came = entries.len();
            found.extend(entries);
            let following = match &page["next"] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Ok(found),
            };
            let following = format!("&{cursor}={}", part(&following));
            // A list that goes on without giving anything would go on for ever.
            if came == 0 || following == next {
                return Ok(found);
            }
            next = following;
        }
    }
}

fn read<T: DeserializeOwned>(path: &str, body: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(body)
        .with_context(|| format!("`{path}` is answered in a form that is not Berth's"))
}

fn complaint(status: StatusCode, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body["errors"][0]["message"].as_str() {
        Some(message) => message.to_owned(),
        None => format!("the registry answers {status}"),
    }
}

/// What narrows a list, as it follows in a query.
pub(super) fn narrowed(fields: &[(&str, Option<String>)]) -> String {
    let set = fields.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    set.fold(String::new(), |query, (name, value)| query + "&" + name + "=" + &part(value))
}

/// A field as text for a table: lists with commas, nothing for what is not there.
pub(super) fn text(value: &Value, field: &str) -> String {
    plain(&value[field])
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
