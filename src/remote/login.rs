//! Logging in to a Berth by a browser somewhere else (RFC 8628), from the machine's side.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::error::Error;
use super::wire::{Answer, Call};
use super::{Remote, web};
use crate::secret::Secret;

/// A login that waits for somebody.
#[derive(Clone, Debug, Deserialize)]
pub struct DeviceLogin {
    device_code: String,
    /// What people type.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: String,
    /// Seconds that it waits at most.
    pub expires_in: u64,
    interval: u64,
}

/// What a login came to.
#[derive(Clone, Debug, Deserialize)]
pub struct DeviceToken {
    /// The account.
    pub username: String,
    access_token: String,
    /// Seconds that it is good.
    pub expires_in: Option<u64>,
}

impl DeviceToken {
    /// The token, which is a password for any user name.
    #[must_use]
    pub fn secret(&self) -> Secret<String> {
        Secret::new(self.access_token.clone())
    }
}

#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Text that ends up on a terminal: nothing in it may move the cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

impl Remote {
    async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, Error> {
        let wire = &self.0.wire;
        let mut call = Call::new(Method::POST, wire.url(path));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        call.headers.insert(CONTENT_TYPE, form);
        call.body = web::form_body(fields).into();
        wire.ask_once(&call, None, 64 * 1024).await
    }

    /// Begins to wait; `None` if this is no Berth that lets machines in this way.
    pub async fn start_device_login(&self, machine: &str) -> Result<Option<DeviceLogin>, Error> {
        let fields = [("client_id", "berth"), ("machine", machine)];
        let answer = self.send_form("auth/device", &fields).await?;
        if answer.status == StatusCode::OK {
            let started: Option<DeviceLogin> = serde_json::from_slice(&answer.body).ok();
            return Ok(started.map(|login| DeviceLogin {
                user_code: plain(&login.user_code),
                verification_uri: plain(&login.verification_uri),
                verification_uri_complete: plain(&login.verification_uri_complete),
                ..login
            }));
        }
        Ok(None)
    }

    /// Waits until somebody lets this machine in; or says in the registry's words why nobody will.
    pub async fn wait_for_device_login(
        &self,
        login: &DeviceLogin,
    ) -> Result<Result<DeviceToken, String>, Error> {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let fields = [
            ("grant_type", grant),
            ("device_code", login.device_code.as_str()),
            ("client_id", "berth"),
        ];
        let mut pause = Duration::from_secs(login.interval.clamp(1, 60));
        loop {
            tokio::time::sleep(pause).await;
            let answer = self.send_form("token", &fields).await?;
            if answer.status == StatusCode::OK {
                let token = serde_json::from_slice(&answer.body);
                let wrong = |_| self.0.wire.protocol("its answer to a login is none".into());
                return token.map(Ok).map_err(wrong);
            }
            let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
            match refusal.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => pause += Duration::from_secs(5),
                "" => return Err(self.0.wire.failure(&answer)),
                _ => return Ok(Err(plain(&refusal.error_description))),
            }
        }
    }
}
