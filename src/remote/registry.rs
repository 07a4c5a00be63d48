//! Which registry is meant, and how it is spoken to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A registry's address, `host` or `host:port`, as it stands in front of a repository's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry(Box<str>);

/// Text that is no registry's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a registry's address: use `host` or `host:port`, such as `registry.example.com:5000`"
)]
pub struct InvalidRegistry(String);

/// Docker Hub under the name that people write.
const DOCKER_HUB: &str = "docker.io";

impl Registry {
    /// The address as people write it; Docker Hub is `docker.io`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Docker Hub has rules of its own: another host for the API, `library/` before official images, its own key in
    /// Docker's configuration.
    #[must_use]
    pub fn is_docker_hub(&self) -> bool {
        self.as_str() == DOCKER_HUB
    }

    /// Where the API is.
    #[must_use]
    pub fn api_host(&self) -> &str {
        if self.is_docker_hub() { "registry-1.docker.io" } else { self.as_str() }
    }

    /// The host without its port, and without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        match self.as_str().strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.as_str().split(':').next().unwrap_or_default(),
        }
    }

    /// Whether it is this machine, which is spoken to in plain HTTP as all clients do.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost"
            || self.host().ends_with(".localhost")
            || self.host().parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// A scheme and a trailing slash are dropped, and Docker Hub's several names become `docker.io`: people paste what they
/// have.
impl FromStr for Registry {
    type Err = InvalidRegistry;

    fn from_str(text: &str) -> Result<Self, InvalidRegistry> {
        let bare = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .unwrap_or(text)
            .trim_end_matches('/');
        let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
        let invalid = || InvalidRegistry(text.chars().take(300).collect());
        let (host, port) = match bare.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or_else(invalid)?;
                address.parse::<std::net::Ipv6Addr>().map_err(|_| invalid())?;
                match rest.strip_prefix(':') {
                    Some(port) => (address, Some(port)),
                    None if rest.is_empty() => (address, None),
                    None => return Err(invalid()),
                }
            }
            None => match bare.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (bare, None),
            },
        };
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+'))
            || bare.len() > 255
            || !(bare.starts_with('[') || host.split('.').all(label))
        {
            return Err(invalid());
        }
        let bare = bare.to_ascii_lowercase();
        Ok(Self(match bare.as_str() {
            "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.into(),
            _ => bare.into(),
        }))
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_paste_them() {
        for (text, expected) in [
            ("localhost:5000", "localhost:5000"),
            ("https://Registry.Example.com/", "registry.example.com"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("[::1]:5000", "[::1]:5000"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(text.parse::<Registry>().unwrap().as_str(), expected, "{text}");
        }
        for bad in
            ["", "host:", "host:99999", "a/b", "a b", "[::1", "[x]:1", "a..b", "user@host", "h:+1"]
        {
            assert!(bad.parse::<Registry>().is_err(), "{bad}");
        }
    }

    #[test]
    fn this_machine_is_recognised() {
        for here in
            ["localhost", "localhost:1", "127.0.0.1:5000", "127.3.2.1", "[::1]:5000", "a.localhost"]
        {
            assert!(here.parse::<Registry>().unwrap().is_loopback(), "{here}");
        }
        for there in ["example.com", "10.0.0.1:5000", "localhost.example.com", "[2001:db8::1]"] {
            assert!(!there.parse::<Registry>().unwrap().is_loopback(), "{there}");
        }
    }
}
