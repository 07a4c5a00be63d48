//! Requests to the other registry, by whoever Berth is there.

use std::time::Duration;

use berth_plugin::http::{Request, Response};
use berth_plugin::{Error, clock, config, kv};
use serde_json::{Value, json};

use crate::challenge::{Challenge, base64};

/// More than any token, and any text of an error.
const LARGEST: usize = 64 << 10;
/// Tokens are used no longer than this, whatever they say.
const LONGEST: u64 = 300;

/// The other registry.
pub(crate) struct Registry {
    base: String,
    username: String,
    scope: String,
}

impl Registry {
    /// The one of the settings, for what is done in a repository: `pull,push`.
    pub(crate) fn open(repository: &str, actions: &str) -> Result<Self, Error> {
        let base = config::get("registry")
            .ok_or_else(|| Error::Invalid("`registry` is not set".into()))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            username: config::get("username").unwrap_or_default(),
            scope: format!("repository:{repository}:{actions}"),
        })
    }

    /// The same, and reading another repository as well.
    pub(crate) fn reading(self, repository: &str) -> Self {
        Self { scope: format!("{} repository:{repository}:pull", self.scope), ..self }
    }

    /// Sends a request that `make` makes for a URL, with what the registry wants to see.
    pub(crate) fn send(
        &self,
        make: impl FnOnce(&str) -> Request,
        path: &str,
    ) -> Result<Response, Error> {
        let url = self.absolute(path);
        let mut request = make(&url);
        if let Some(authorization) = self.authorization()? {
            request = request.header("authorization", authorization);
        }
        let answer = request.send()?;
        if answer.status == 401 {
            // What was remembered is not good any more: the next attempt asks anew.
            kv::delete(&self.key())?;
        }
        Ok(answer)
    }

    fn key(&self) -> String {
        format!("authorization/{}/{}", self.username, self.scope)
    }

    /// Where a path or a `Location` leads.
    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() }
    }

    /// What this registry wants to see, which is remembered for as long as it is good.
    fn authorization(&self) -> Result<Option<String>, Error> {
        let key = self.key();
        if let Some(bytes) = kv::get(&key)?
            && let Ok(known) = serde_json::from_slice::<Value>(&bytes)
            && known["until"].as_u64().is_some_and(|until| until > clock::now().as_secs())
        {
            return Ok(known["value"].as_str().map(str::to_owned));
        }
        let (value, seconds) = self.ask()?;
        // A password is not kept a second time.
        let is_token = value.as_deref().is_none_or(|value| value.starts_with("Bearer "));
        if seconds > 0 && is_token {
            let until = clock::now().as_secs() + seconds;
            let kept = json!({ "value": value, "until": until }).to_string();
            // A full store makes it slower, not wrong.
            let _ = kv::set_for(&key, kept.as_bytes(), Duration::from_secs(seconds));
        }
        Ok(value)
    }

    /// Asks the registry who has to be there, and for how long the answer is good.
    fn ask(&self) -> Result<(Option<String>, u64), Error> {
        let answer = Request::get(self.absolute("/v2/")).send()?;
        match answer.status {
            200 => return Ok((None, 60)),
            401 => {}
            _ => return Err(failure(answer, "GET /v2/")),
        }
        let header = answer.header("www-authenticate").unwrap_or_default();
        match Challenge::read(header) {
            Some(Challenge::Basic) => Ok((self.basic()?, 60)),
            Some(Challenge::Bearer { realm, service }) => self.token(&realm, service.as_deref()),
            None => {
                Err(Error::Invalid(format!("the registry asks for `{header}`, which is not known")))
            }
        }
    }

    fn basic(&self) -> Result<Option<String>, Error> {
        if self.username.is_empty() {
            return Ok(None);
        }
        let password = config::secret("password")?;
        let pair = format!("{}:{}", self.username, password.trim_end());
        Ok(Some(format!("Basic {}", base64(pair.as_bytes()))))
    }

    fn token(&self, realm: &str, service: Option<&str>) -> Result<(Option<String>, u64), Error> {
        if self.base.starts_with("https://") && !realm.starts_with("https://") {
            return Err(Error::Denied(format!("{realm} would get the password unencrypted")));
        }
        let separator = if realm.contains('?') { '&' } else { '?' };
        let service = service.map(|service| format!("service={}&", encode(service)));
        let scopes: Vec<String> =
            self.scope.split(' ').map(|scope| format!("scope={}", encode(scope))).collect();
        let url = format!("{realm}{separator}{}{}", service.unwrap_or_default(), scopes.join("&"));
        let mut request = Request::get(url);
        if let Some(basic) = self.basic()? {
            request = request.header("authorization", basic);
        }
        let answer = request.send()?;
        if answer.status != 200 {
            return Err(failure(answer, "asking for a token"));
        }
        let body: Value = serde_json::from_slice(&answer.read_all(LARGEST)?)
            .map_err(|error| Error::Unavailable(format!("the token: {error}")))?;
        let token = body["token"].as_str().or_else(|| body["access_token"].as_str());
        let token = token.ok_or_else(|| Error::Unavailable("there is no token in it".into()))?;
        // Some of it passes before it is used for the last time.
        let seconds = body["expires_in"].as_u64().unwrap_or(60).min(LONGEST) / 2;
        Ok((Some(format!("Bearer {token}")), seconds))
    }
}

/// A value in a query.
fn encode(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/:,".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
        text
    })
}

/// What an answer says that is none of those that were hoped for.
pub(crate) fn failure(answer: Response, what: &str) -> Error {
    let status = answer.status;
    let body = answer.read_all(LARGEST).unwrap_or_default();
    let said = match serde_json::from_slice::<Value>(&body) {
        Ok(body) => {
            let errors = body["errors"].as_array().cloned().unwrap_or_default();
            let said = |error: &Value| {
                let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
                format!(" {}: {}", part("code"), part("message"))
            };
            errors.iter().map(said).collect::<String>()
        }
        Err(_) => String::new(),
    };
    let said: String = said.chars().take(500).collect();
    let mut text = format!("{what}: the registry answers {status}{said}");
    if status == 401 {
        text += "; look at the setting `username` and the secret `password`";
    }
    match status {
        401 | 403 => Error::Denied(text),
        404 => Error::NotFound(text),
        429 => Error::LimitExceeded(text),
        400..=499 => Error::Invalid(text),
        _ => Error::Unavailable(text),
    }
}
