//! Telling somebody of something by HTTP: one POST, and what they say to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::sync::OnceCell;

use super::wire::innermost;

/// A receiver has to answer within this time.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is kept of an answer, in bytes.
const KEPT: usize = 2048;

/// Sends POSTs; clones share its connections. The system's certificates are read for the first one: reading them is half of
/// a start, and most registries tell nobody.
#[derive(Clone, Debug, Default)]
pub struct Hooks(Arc<OnceCell<Client>>);

/// What a receiver said.
#[derive(Clone, Debug)]
pub struct HookAnswer {
    /// The status.
    pub status: u16,
    /// The beginning of the body, as text.
    pub text: String,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why a receiver could not be told.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The address cannot be used.
    #[error("`{0}` is no address to send to: write it as `https://host/path`")]
    Address(String),
    /// No answer came.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl Hooks {
    async fn client(&self) -> Result<&Client, HookError> {
        let made = self.0.get_or_try_init(|| async {
            // The program installs the provider at start; a test or another program may not have.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Client::builder()
                .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
                // What is signed is meant for the one it was sent to.
                .redirect(Policy::none())
                .referer(false)
                .timeout(PATIENCE)
                .connect_timeout(Duration::from_secs(5))
                .pool_idle_timeout(Duration::from_secs(30))
                .build()
        });
        made.await.map_err(|error| HookError::NoAnswer(innermost(&error)))
    }

    /// Sends a body once.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<HookAnswer, HookError> {
        let url = parse(url)?;
        let response = self.client().await?.post(url).headers(headers).body(body).send().await;
        let mut response = response.map_err(|error| HookError::NoAnswer(innermost(&error)))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut kept = Vec::new();
        while kept.len() < KEPT {
            match response.chunk().await {
                Ok(Some(chunk)) => kept.extend_from_slice(&chunk),
                // It was told; what else it has to say does not matter.
                Ok(None) | Err(_) => break,
            }
        }
        kept.truncate(KEPT);
        Ok(HookAnswer { status, text: String::from_utf8_lossy(&kept).into_owned(), retry_after })
    }
}

fn parse(url: &str) -> Result<Url, HookError> {
    let parsed = Url::parse(url).ok();
    let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    parsed.ok_or_else(|| HookError::Address(url.chars().take(200).collect()))
}

/// Whether an address can be sent to.
pub fn check_hook_address(url: &str) -> Result<(), HookError> {
    parse(url).map(drop)
}
