//! What a plugin may use beyond its own settings: what its manifest asks for *and* the administrator grants.
//!
//! A capability is a line of text, the same in `plugin.toml`, in a grant, on a command line and in a log:
//!
//! ```text
//! http https://api.acme.example           requests to this host
//! http GET,HEAD https://*.acme.example:*  only these methods, to any host below, on any port
//! http https://auth.corp private          a name that leads into a private network; the grant has to say so
//! secret api-token                        a secret of this name
//! key-value 1MiB                          a store of its own, up to this size
//! image content                           `metadata`, `content`, `referrers` or `scans` of an image
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::config::ByteSize;
use crate::remote::{Destination, Reach};

/// One thing that a plugin may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Capability {
    /// Requests to a host.
    Http(HttpRule),
    /// A secret, by name.
    Secret(String),
    /// A store of its own, up to so many bytes.
    KeyValue(ByteSize),
    /// A part of the image that a call is about.
    Image(ImagePart),
}

/// Parts of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImagePart {
    /// Manifest and configuration.
    Metadata,
    /// Layers and the filesystem in them.
    Content,
    /// What refers to it: signatures, SBOMs.
    Referrers,
    /// What scanners have found.
    Scans,
}

impl ImagePart {
    const ALL: [Self; 4] = [Self::Metadata, Self::Content, Self::Referrers, Self::Scans];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Content => "content",
            Self::Referrers => "referrers",
            Self::Scans => "scans",
        }
    }
}

/// Which requests may be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpRule {
    /// None: any.
    methods: BTreeSet<String>,
    is_tls: bool,
    host: HostPattern,
    /// `None`: any.
    port: Option<u16>,
    reach: Reach,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum HostPattern {
    /// `*`
    Any,
    /// `*.example.com`: names below it, not itself.
    Below(String),
    Exactly(String),
}

impl HostPattern {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Self::Exactly(name) | Self::Below(name)) => {
                let below = name.strip_suffix(suffix.as_str());
                let same = matches!(other, Self::Below(name) if name == suffix);
                same || below.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            _ => self == other,
        }
    }
}

impl HttpRule {
    /// Whether a request is one of these.
    #[must_use]
    pub fn allows(&self, method: &Method, destination: &Destination) -> bool {
        let host = HostPattern::Exactly(destination.host.clone());
        self.is_tls == destination.is_tls
            && self.port.is_none_or(|port| port == destination.port)
            && (self.methods.is_empty() || self.methods.contains(method.as_str()))
            && self.host.covers(&host)
    }

    /// Whether it names one host, and not a pattern.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.host, HostPattern::Exactly(_))
    }

    /// How far its requests may reach.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// What both allow. How far a request reaches is for the grant to say: whoever writes a plugin does not know the
    /// networks that it will run in.
    fn granted(&self, grant: &Self) -> Option<Self> {
        let host = match (self.host.covers(&grant.host), grant.host.covers(&self.host)) {
            (true, _) => grant.host.clone(),
            (_, true) => self.host.clone(),
            _ => return None,
        };
        let port = match (self.port, grant.port) {
            (Some(asked), Some(granted)) if asked != granted => return None,
            (asked, granted) => asked.or(granted),
        };
        let methods = match (self.methods.is_empty(), grant.methods.is_empty()) {
            (true, _) => grant.methods.clone(),
            (_, true) => self.methods.clone(),
            _ => &self.methods & &grant.methods,
        };
        let nothing_left =
            methods.is_empty() && !(self.methods.is_empty() && grant.methods.is_empty());
        (self.is_tls == grant.is_tls && !nothing_left).then_some(Self {
            methods,
            is_tls: self.is_tls,
            host,
            port,
            reach: grant.reach,
        })
    }
}

impl Capability {
    /// What is left of a wish once it is granted so; `None` if they have nothing in common.
    fn granted(&self, grant: &Self) -> Option<Self> {
        match (self, grant) {
            (Self::Http(asked), Self::Http(granted)) => asked.granted(granted).map(Self::Http),
            (Self::KeyValue(asked), Self::KeyValue(granted)) => {
                Some(Self::KeyValue(*asked.min(granted)))
            }
            _ => (self == grant).then(|| self.clone()),
        }
    }
}

/// A set of capabilities: a plugin's wishes, or what it was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    /// What remains of these wishes under `granted`.
    #[must_use]
    pub fn within(&self, granted: &Self) -> Self {
        let both = |asked: &Capability| -> Vec<Capability> {
            granted.0.iter().filter_map(|grant| asked.granted(grant)).collect()
        };
        Self(self.0.iter().flat_map(both).collect())
    }

    /// Wishes of which `granted` gives nothing at all, or less than is asked for: what an administrator has to look at
    /// when a plugin is installed or upgraded. A grant that is narrower on purpose stays narrower.
    pub fn beyond<'a>(&'a self, granted: &'a Self) -> impl Iterator<Item = &'a Capability> {
        self.0.iter().filter(|asked| {
            let enough = |grant: &Capability| match (asked, grant) {
                (Capability::KeyValue(asked), Capability::KeyValue(granted)) => granted >= asked,
                _ => asked.granted(grant).is_some(),
            };
            !granted.0.iter().any(enough)
        })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules for requests.
    pub fn http(&self) -> impl Iterator<Item = &HttpRule> {
        self.0.iter().filter_map(|capability| match capability {
            Capability::Http(rule) => Some(rule),
            _ => None,
        })
    }

    /// Bytes of key-value storage; none without the capability.
    #[must_use]
    pub fn key_value(&self) -> Option<ByteSize> {
        self.0.iter().rev().find_map(|capability| match capability {
            Capability::KeyValue(size) => Some(*size),
            _ => None,
        })
    }

    /// Whether a part of images may be read.
    #[must_use]
    pub fn image(&self, part: ImagePart) -> bool {
        self.0.contains(&Capability::Image(part))
    }

    /// Whether a secret may be read.
    #[must_use]
    pub fn secret(&self, name: &str) -> bool {
        self.0.contains(&Capability::Secret(name.to_owned()))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(from: I) -> Self {
        Self(from.into_iter().collect())
    }
}

/// Text that is no capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a capability: {what}")]
pub struct InvalidCapability {
    text: String,
    what: String,
}

impl FromStr for Capability {
    type Err = InvalidCapability;

    fn from_str(text: &str) -> Result<Self, InvalidCapability> {
        let invalid =
            |what: String| InvalidCapability { text: text.chars().take(200).collect(), what };
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match kind {
            "http" => rest.parse().map(Self::Http).map_err(invalid),
            "secret" if is_secret_name(rest) => Ok(Self::Secret(rest.to_owned())),
            "secret" => {
                Err(invalid("a secret's name has up to 64 of `a-z`, `0-9`, `-` and `_`".into()))
            }
            "key-value" => rest.parse().map(Self::KeyValue).map_err(invalid),
            "image" => ImagePart::ALL
                .into_iter()
                .find(|part| part.as_str() == rest)
                .map(Self::Image)
                .ok_or_else(|| {
                    invalid("an image has `metadata`, `content`, `referrers` and `scans`".into())
                }),
            _ => Err(invalid("it begins with `http`, `secret`, `key-value` or `image`".into())),
        }
    }
}

fn is_secret_name(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

impl FromStr for HttpRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace().peekable();
        let methods = match words.next_if(|word| !word.contains("://")) {
            Some(list) => methods(list)?,
            None => BTreeSet::new(),
        };
        let url = words.next().ok_or("write it as `https://host` or `https://host:port`")?;
        let reach = words.next().map_or(Ok(Reach::Public), str::parse)?;
        if let Some(more) = words.next() {
            return Err(format!("`{more}` is one word too many"));
        }
        let (scheme, rest) = url.split_once("://").ok_or("write it as `https://host`")?;
        let is_tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(format!("`{scheme}` is neither `https` nor `http`")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match port {
            None => Some(if is_tls { 443 } else { 80 }),
            Some("*") => None,
            Some(port) => Some(port.parse().map_err(|_| format!("`{port}` is no port"))?),
        };
        let host = host_pattern(host)?;
        Ok(Self { methods, is_tls, host, port, reach })
    }
}

fn methods(list: &str) -> Result<BTreeSet<String>, String> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let one = |method: &str| {
        let found = known.contains(&method);
        found.then(|| method.to_owned()).ok_or_else(|| format!("`{method}` is no method"))
    };
    list.split(',').map(one).collect()
}

fn host_pattern(text: &str) -> Result<HostPattern, String> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    let (name, is_below) = match text.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (text, false),
    };
    // As a request's URL is read, so that the two can be compared.
    let uri = format!("https://{name}/").parse().map_err(|_| format!("`{text}` is no host"))?;
    let read = Destination::of(&uri).map_err(|_| format!("`{text}` is no host"))?;
    if read.port != 443 || name.contains(['/', '?', '#', '*']) {
        return Err(format!("`{text}` is no host"));
    }
    match (is_below, read.address()) {
        (false, _) => Ok(HostPattern::Exactly(read.host)),
        (true, None) => Ok(HostPattern::Below(read.host)),
        (true, Some(_)) => Err(format!("`{text}`: there is nothing below an address")),
    }
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if index == 0 { "" } else { "," })?;
        }
        let space = if self.methods.is_empty() { "" } else { " " };
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{space}{scheme}://")?;
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Below(name) => write!(f, "*.{name}")?,
            HostPattern::Exactly(name) => f.write_str(name)?,
        }
        match self.port {
            None => f.write_str(":*")?,
            Some(443) if self.is_tls => {}
            Some(80) if !self.is_tls => {}
            Some(port) => write!(f, ":{port}")?,
        }
        if self.reach == Reach::Public { Ok(()) } else { write!(f, " {}", self.reach) }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(rule) => write!(f, "http {rule}"),
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::KeyValue(size) => write!(f, "key-value {size}"),
            Self::Image(part) => write!(f, "image {}", part.as_str()),
        }
    }
}

impl TryFrom<String> for Capability {
    type Error = InvalidCapability;

    fn try_from(text: String) -> Result<Self, InvalidCapability> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lines: &[&str]) -> Capabilities {
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_capability_is_printed_as_it_is_read() {
        for line in [
            "http https://api.acme.example",
            "http GET,HEAD https://*.acme.example:*",
            "http http://10.0.0.5:8080",
            "http https://[fd00::1]",
            "http https://auth.corp private",
            "http https://*",
            "secret api-token",
            "key-value 1MiB",
            "image content",
        ] {
            assert_eq!(line.parse::<Capability>().unwrap().to_string(), line);
        }
        let read: Capability = "http https://API.Acme.example:443/".parse().unwrap();
        assert_eq!(read.to_string(), "http https://api.acme.example");
        for bad in [
            "",
            "http",
            "http api.acme.example",
            "http ftp://a",
            "http BREW https://a",
            "http https://a/path",
            "http https://a:b",
            "http https://*a",
            "http https://*.10.0.0.1",
            "http https://a nearby",
            "http https://a private please",
            "http https://user@a",
            "secret A",
            "secret",
            "key-value",
            "key-value much",
            "image soul",
            "files /",
        ] {
            assert!(bad.parse::<Capability>().is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_was_not_both_asked_for_and_granted() {
        let asked = set(&[
            "http https://*.acme.example",
            "http GET https://mirror.example:*",
            "secret api-token",
            "key-value 10MiB",
            "image content",
        ]);
        let granted = set(&[
            "http GET,POST https://eu.acme.example private",
            "http https://mirror.example:8443",
            "http https://evil.example",
            "secret other",
            "key-value 1MiB",
        ]);
        let effective = set(&[
            "http GET,POST https://eu.acme.example private",
            "http GET https://mirror.example:8443",
            "key-value 1MiB",
        ]);
        assert_eq!(asked.within(&granted), effective);
        let missing: Vec<_> = asked.beyond(&granted).map(ToString::to_string).collect();
        assert_eq!(missing, ["secret api-token", "key-value 10MiB", "image content"]);
        assert!(asked.within(&Capabilities::default()).is_empty());
    }

    #[test]
    fn a_rule_allows_what_it_says() {
        for (rule, method, url, allowed) in [
            ("https://a.example", "GET", "https://a.example/x", true),
            ("https://a.example", "DELETE", "https://A.example:443/", true),
            ("https://a.example", "GET", "http://a.example/", false),
            ("https://a.example", "GET", "https://a.example:8443/", false),
            ("https://a.example", "GET", "https://b.a.example/", false),
            ("https://a.example", "GET", "https://a.example.evil/", false),
            ("https://*.a.example", "GET", "https://b.a.example/", true),
            ("https://*.a.example", "GET", "https://c.b.a.example/", true),
            ("https://*.a.example", "GET", "https://a.example/", false),
            ("https://*.a.example", "GET", "https://xa.example/", false),
            ("GET https://a.example", "POST", "https://a.example/", false),
            ("https://a.example:*", "GET", "https://a.example:1/", true),
            ("http://127.0.0.1:80", "GET", "http://127.1/", true),
            ("https://*", "GET", "https://anything.example/", true),
        ] {
            let rule: HttpRule = rule.parse().unwrap();
            let destination = Destination::of(&url.parse().unwrap()).unwrap();
            let method: Method = method.parse().unwrap();
            assert_eq!(rule.allows(&method, &destination), allowed, "{rule} {method} {url}");
        }
    }
}
