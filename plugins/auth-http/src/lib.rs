//! Asks an HTTP endpoint who somebody is, and remembers good answers for as long as it says.
//!
//! What it sends and takes is in `docs/plugins-bundled.md`.

use std::time::Duration;

use berth_plugin::http::Request;
use berth_plugin::{
    Authenticator, CallContext, Credential, Error, Plugin, Problem, Verdict, clock, config, kv,
    log, random,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

struct AuthHttp;

/// More than any answer needs.
const LARGEST: usize = 64 << 10;

impl Plugin for AuthHttp {
    const NAME: &'static str = "auth-http";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        let url = config::get("url").unwrap_or_default();
        if url.starts_with("https://") || url.starts_with("http://") {
            return Vec::new();
        }
        vec![Problem::with("url", "write it as `https://HOST/PATH`")]
    }
}

/// A name for credentials that tells nothing of them to whoever does not have the key.
fn key_of(name: &str, password: &[u8]) -> Result<String, Error> {
    let secret = match kv::get("key")? {
        Some(secret) => secret,
        None => {
            let fresh = random::bytes(32);
            // Somebody may have been faster.
            if kv::compare_and_set("key", None, &fresh)? {
                fresh
            } else {
                kv::get("key")?.unwrap_or(fresh)
            }
        }
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret)
        .map_err(|error| Error::Internal(error.to_string()))?;
    for part in [name.as_bytes(), password] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let tag = mac.finalize().into_bytes();
    Ok(tag.iter().fold("login/".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

/// What is remembered: who it is, and until when.
fn remembered(key: &str) -> Result<Option<Verdict>, Error> {
    let Some(bytes) = kv::get(key)? else { return Ok(None) };
    let Ok(known) = serde_json::from_slice::<Value>(&bytes) else { return Ok(None) };
    let left = known["until"].as_u64().unwrap_or(0).saturating_sub(clock::now().as_secs());
    let Some(subject) = known["subject"].as_str().filter(|_| left > 0) else { return Ok(None) };
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    Ok(Some(Verdict::accept(subject, strings(&known["groups"]), left)))
}

fn strings(value: &Value) -> Vec<String> {
    let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// How long an answer is good, as it says itself: `ttl` in it, or `Cache-Control`.
fn lifetime(body: &Value, cache_control: Option<&str>) -> u64 {
    let header = || {
        let value = cache_control?.to_ascii_lowercase();
        let mut directives = value.split(',').map(str::trim);
        if directives.clone().any(|one| matches!(one, "no-store" | "no-cache")) {
            return Some(0);
        }
        directives.find_map(|one| one.strip_prefix("max-age="))?.parse().ok()
    };
    body["ttl"].as_u64().or_else(header).unwrap_or(0)
}

impl Authenticator for AuthHttp {
    fn authenticate(context: CallContext, credential: Credential) -> Result<Verdict, Error> {
        let (Some(name), "basic") = (&credential.name, credential.kind.as_str()) else {
            return Ok(Verdict::Pass);
        };
        let Ok(password) = std::str::from_utf8(&credential.value) else {
            return Ok(Verdict::Pass);
        };
        let key = key_of(name, &credential.value)?;
        if let Some(verdict) = remembered(&key)? {
            return Ok(verdict);
        }
        let url = config::get("url").ok_or_else(|| Error::Invalid("`url` is not set".into()))?;
        let body = json!({
            "username": name, "password": password, "service": "berth", "request": context.request_id,
        });
        let mut request = Request::post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .timeout(Duration::from_secs(8));
        if let Some(trace) = context.traceparent {
            request = request.header("traceparent", trace);
        }
        if let Ok(token) = config::secret("token") {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = request.body(body.to_string()).send()?;
        let cache_control = answer.header("cache-control").map(str::to_owned);
        match answer.status {
            200 | 204 => {}
            401 | 403 => return Ok(Verdict::reject("the endpoint refuses them")),
            404 => return Ok(Verdict::Pass),
            // Whoever cannot say who it is must not be taken for a yes, nor for a no.
            status => return Err(Error::Unavailable(format!("the endpoint answers {status}"))),
        }
        let bytes = answer.read_all(LARGEST)?;
        let body: Value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .map_err(|error| Error::Unavailable(format!("the endpoint's answer: {error}")))?
        };
        if body["allow"] == false {
            return Ok(Verdict::reject("the endpoint refuses them"));
        }
        let subject = body["username"].as_str().unwrap_or(name).to_owned();
        let mut groups = config::list("groups");
        // docker_auth has groups among its labels.
        groups.extend(strings(&body["groups"]));
        groups.extend(strings(&body["labels"]["groups"]));
        let longest = config::parse("longest-seconds")?.unwrap_or(300);
        let seconds = lifetime(&body, cache_control.as_deref()).min(longest);
        if seconds > 0 {
            let until = clock::now().as_secs() + seconds;
            let kept = json!({ "subject": subject, "groups": groups, "until": until }).to_string();
            // A full store makes it slower, not wrong.
            if let Err(error) = kv::set_for(&key, kept.as_bytes(), Duration::from_secs(seconds)) {
                log::warn(&format!("an answer is not remembered: {error:?}"));
            }
        }
        Ok(Verdict::accept(subject, groups, u32::try_from(seconds).unwrap_or(u32::MAX)))
    }
}

berth_plugin::export!(AuthHttp: authenticator);
