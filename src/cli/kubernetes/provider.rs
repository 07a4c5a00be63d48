//! `berth kubelet-credential-provider`: what kubelet runs before it pulls (`credentialprovider.kubelet.k8s.io/v1`).
//!
//! It needs no secret of its own: kubelet hands over a token of the pod's service account, made for this registry, and Berth
//! takes it as a password where a federation rule accepts it. What is given depends on the image's registry alone, so that
//! no other registry ever gets to see a token.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cli::output::print;
use crate::clock::{Clock, Timestamp};
use crate::config::HumanDuration;

const VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

/// More than any request needs.
const LONGEST_REQUEST: u64 = 1 << 20;

/// A token is given for no longer than this before its end: a pull takes a moment.
const MARGIN: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
kubelet runs it; its request comes on stdin, the answer goes to stdout. In kubelet's CredentialProviderConfig:

  providers:
    - name: berth
      apiVersion: credentialprovider.kubelet.k8s.io/v1
      args: [kubelet-credential-provider, --registry, registry.example.org]
      matchImages: [registry.example.org]
      defaultCacheDuration: 10m
      tokenAttributes: {serviceAccountTokenAudience: registry.example.org, cacheType: Token, requireServiceAccount: true}

docs/kubernetes.md tells the rest. By hand:
  berth kubelet-credential-provider --registry registry.example.org <request.json";

/// Give kubelet credentials for pulls: a pod's own token, or one from a file
#[derive(Debug, Args)]
#[command(after_help = format!("Example:\n{AFTER_HELP}"))]
pub(in crate::cli) struct CredentialProvider {
    /// Registries that get credentials, as in `matchImages`: `host`, `host:port`, `*.example.org`, `host/team`; may be repeated
    #[arg(long, value_name = "PATTERN", required = true)]
    registry: Vec<Pattern>,
    /// The user name that goes with a service account's token; Berth looks at the token alone
    #[arg(long, value_name = "NAME", default_value = "serviceaccount")]
    username: String,
    /// Give the token in this file, of a robot for example, where kubelet hands over none
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// For how long kubelet may keep an answer at most
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    cache_for: HumanDuration,
    /// What kubelet keeps an answer by
    #[arg(long, value_enum, default_value_t = CacheKey::Registry)]
    cache_by: CacheKey,
}

/// What an answer is kept by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "PascalCase")]
enum CacheKey {
    /// The whole image
    Image,
    /// The image's registry
    Registry,
    /// Nothing: for all images
    Global,
}

/// What kubelet asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    api_version: String,
    kind: String,
    image: String,
    #[serde(default)]
    service_account_token: String,
}

/// What it is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    api_version: &'static str,
    kind: &'static str,
    cache_key_type: CacheKey,
    /// As Go writes durations.
    cache_duration: String,
    /// By registry; `null`: nothing for this image.
    auth: Option<BTreeMap<String, Login>>,
}

#[derive(Serialize)]
struct Login {
    username: String,
    password: String,
}

/// Which images are meant, as kubelet's `matchImages` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    host: String,
    port: Option<String>,
    path: String,
}

/// Splits `host:port/path`.
fn split(text: &str) -> Pattern {
    let (authority, path) = text.split_once('/').unwrap_or((text, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host, Some(port.to_owned()))
        }
        _ => (authority, None),
    };
    let path = path.trim_end_matches('/').to_owned();
    Pattern { host: host.to_ascii_lowercase(), port, path }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = split(text);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.*[]:".contains(&byte);
        let is_host = !pattern.host.is_empty()
            && pattern.host.bytes().all(allowed)
            && pattern.host.split('.').all(|label| !label.is_empty());
        if text.contains("://") || !is_host {
            return Err(format!(
                "`{text}` is no registry: write `host`, `host:port` or `*.example.org`"
            ));
        }
        // Every registry in the world would get the tokens.
        if pattern.host.bytes().all(|byte| b"*.".contains(&byte)) {
            return Err("a pattern has to name a registry: others would get the tokens, too".into());
        }
        Ok(pattern)
    }
}

impl Pattern {
    /// Whether an image is one of these. `*` stands for one part of a host's name, or some of it.
    fn fits(&self, image: &Self) -> bool {
        let (own, theirs) = (self.host.split('.'), image.host.split('.'));
        let same_length = own.clone().count() == theirs.clone().count();
        let below = image.path.strip_prefix(&self.path);
        same_length
            && own.zip(theirs).all(|(own, theirs)| fits_label(own, theirs))
            && self.port == image.port
            && (self.path.is_empty()
                || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

fn fits_label(pattern: &str, label: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == label };
    let Some(rest) = label.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits_label(after, &rest[at..]))
}

/// What an image is kept in, and what of it a pattern spoke of: `host:port/team`.
fn key(pattern: &Pattern, image: &Pattern) -> String {
    let port = image.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
    let path = if pattern.path.is_empty() { String::new() } else { format!("/{}", pattern.path) };
    format!("{}{port}{path}", image.host)
}

/// An image without what follows its name; without a registry it is Docker Hub's.
fn read_image(image: &str) -> Pattern {
    let name = image.split('@').next().unwrap_or_default();
    let first = name.split('/').next().unwrap_or_default();
    let is_host = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let whole = if is_host { name.to_owned() } else { format!("docker.io/{name}") };
    let mut read = split(&whole);
    // The tag.
    if let Some(colon) = read.path.rfind(':') {
        read.path.truncate(colon);
    }
    read
}

/// When a token ends, as it says itself: whoever it is for verifies it.
fn end_of(token: &str) -> Option<Timestamp> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims["exp"].as_i64()?.checked_mul(1000).map(Timestamp::from_millis)
}

impl CredentialProvider {
    pub(in crate::cli) fn run(self) -> anyhow::Result<()> {
        let mut text = String::new();
        std::io::stdin().lock().take(LONGEST_REQUEST).read_to_string(&mut text)?;
        let request: Request =
            serde_json::from_str(&text).context("the request on stdin is not one of kubelet's")?;
        let response = self.answer(&request, Clock::system().now())?;
        print(&serde_json::to_string(&response)?)?;
        Ok(())
    }

    fn answer(&self, request: &Request, now: Timestamp) -> anyhow::Result<Response> {
        if request.api_version != VERSION || request.kind != "CredentialProviderRequest" {
            anyhow::bail!(
                "kubelet asks with {} of {}, and this provider answers CredentialProviderRequest of {VERSION}: name that `apiVersion` in its configuration",
                request.kind,
                request.api_version
            );
        }
        let image = read_image(&request.image);
        let Some(pattern) = self.registry.iter().find(|pattern| pattern.fits(&image)) else {
            return Ok(self.respond(Duration::ZERO, None));
        };
        let (login, lasts) = self.login(request, now)?;
        Ok(self.respond(lasts, Some([(key(pattern, &image), login)].into())))
    }

    fn respond(&self, lasts: Duration, auth: Option<BTreeMap<String, Login>>) -> Response {
        Response {
            api_version: VERSION,
            kind: "CredentialProviderResponse",
            cache_key_type: self.cache_by,
            cache_duration: format!("{}s", lasts.as_secs()),
            auth,
        }
    }

    /// The credentials, and for how long they may be kept.
    fn login(&self, request: &Request, now: Timestamp) -> anyhow::Result<(Login, Duration)> {
        let username = self.username.clone();
        let longest = self.cache_for.get();
        if !request.service_account_token.is_empty() {
            let password = request.service_account_token.clone();
            let left = end_of(&password).map(|end| end.since(now));
            if left.is_some_and(|left| left.is_zero()) {
                anyhow::bail!("the service account's token that kubelet hands over is over");
            }
            let left = left.map_or(longest, |left| left.saturating_sub(MARGIN));
            return Ok((Login { username, password }, left.min(longest)));
        }
        let Some(file) = &self.token_file else {
            anyhow::bail!(
                "kubelet hands over no service account's token: set `tokenAttributes` in its configuration (Kubernetes 1.34, or 1.33 with the feature KubeletServiceAccountTokenForCredentialProviders), or name a robot's token with --token-file"
            );
        };
        let text = std::fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        let password = text.trim().to_owned();
        if password.is_empty() {
            anyhow::bail!("{} holds no token", file.display());
        }
        Ok((Login { username, password }, longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, image: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().fits(&read_image(image))
    }

    #[test]
    fn images_fit_as_kubelet_says() {
        for (pattern, image) in [
            ("registry.example.org", "registry.example.org/team/app:v1"),
            ("Registry.example.org", "registry.example.org/team/app"),
            ("*.example.org", "registry.example.org/app@sha256:00"),
            ("reg*.example.org", "registry.example.org/app"),
            ("registry.example.org:5000", "registry.example.org:5000/app:v1"),
            ("127.0.0.1:5000", "127.0.0.1:5000/app"),
            ("registry.example.org/team", "registry.example.org/team/app:v1"),
            ("registry.example.org/team/app", "registry.example.org/team/app:v1"),
            ("docker.io", "nginx"),
            ("docker.io/library", "library/nginx:1"),
            ("localhost", "localhost/app"),
        ] {
            assert!(fits(pattern, image), "{pattern} {image}");
        }
        for (pattern, image) in [
            ("registry.example.org", "registry.example.org.evil.example/app"),
            ("registry.example.org", "evil.example/registry.example.org/app"),
            ("registry.example.org", "registry.example.org:5000/app"),
            ("registry.example.org:5000", "registry.example.org/app"),
            ("*.example.org", "a.b.example.org/app"),
            ("*.example.org", "example.org/app"),
            ("registry.example.org/team", "registry.example.org/teams/app"),
            ("registry.example.org/team", "registry.example.org/app"),
            ("registry.example.org", "nginx"),
        ] {
            assert!(!fits(pattern, image), "{pattern} {image}");
        }
        for bad in [
            "",
            "*",
            "*.*",
            "https://registry.example.org",
            "a b",
            ".example.org",
            ":5000",
            "/team",
        ] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_image_breaks_it(image in ".{0,60}") {
            let read = read_image(&image);
            proptest::prop_assert!(!read.host.contains('/') && !fits("registry.example.org", &image.replace("registry", "")));
        }
    }
}
