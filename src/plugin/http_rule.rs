//! Which requests a plugin may make: method, scheme, host, port, and how far the host's name may lead.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use http::Method;

use crate::remote::{Destination, Reach};

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
    pub(super) fn granted(&self, grant: &Self) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
