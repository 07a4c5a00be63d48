//! One connection to a server of a directory. The only place that knows ldap3.

use std::sync::Arc;
use std::time::Duration;

use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, StdStream,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tls::ClientTls;
use crate::secret::Secret;

/// Why a directory cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// There is no connection, or none any longer.
    #[error("{0}")]
    Unreachable(String),
    /// The server does not do what it is asked: a setting is wrong, here or there.
    #[error("{0}")]
    Refused(String),
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerUrl {
    pub(super) text: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether TLS begins with the first byte.
    pub(super) is_tls: bool,
}

impl std::str::FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            let shown: String = text.chars().take(100).collect();
            format!(
                "`{shown}` is no address of a directory: write `ldaps://host` or `ldap://host:port`"
            )
        };
        let (is_tls, rest) = match text.split_once("://") {
            Some(("ldaps", rest)) => (true, rest),
            Some(("ldap", rest)) => (false, rest),
            _ => return Err(invalid()),
        };
        let authority: http::uri::Authority =
            rest.trim_end_matches('/').parse().map_err(|_| invalid())?;
        let host = authority.host();
        // What follows a colon is a port, also when there is none.
        let written = authority.as_str().rsplit_once(':').filter(|(_, port)| !port.contains(']'));
        let port = match (authority.port_u16(), written) {
            (Some(port), _) if port > 0 => port,
            (None, None) => {
                if is_tls {
                    636
                } else {
                    389
                }
            }
            _ => return Err(invalid()),
        };
        if host.is_empty() || authority.as_str().contains('@') || host.starts_with('[') && is_tls {
            return Err(invalid());
        }
        let scheme = if is_tls { "ldaps" } else { "ldap" };
        let text = format!("{scheme}://{host}:{port}");
        Ok(Self { text, host: host.trim_matches(['[', ']']).to_owned(), port, is_tls })
    }
}

/// How TLS is had from a server.
#[derive(Clone, Debug)]
pub(super) enum Security {
    /// Not at all: what is said can be read by whoever hears it.
    None,
    /// From the first byte.
    Tls(Arc<ClientTls>),
    /// After asking for it.
    StartTls(Arc<ClientTls>),
}

/// A question.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: String,
    pub(super) attributes: Vec<String>,
    /// More than so many entries are not wanted.
    pub(super) limit: i32,
}

/// What came of a question.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    /// Whether there are more than were wanted.
    pub(super) has_more: bool,
}

/// An entry with the attributes that were asked for.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// The values of an attribute, whatever the case of its name. Servers that hold back some of many values say so behind
    /// the name: `memberOf;range=0-1499`.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is_meant = move |known: &str| {
            known.split(';').next().is_some_and(|plain| plain.eq_ignore_ascii_case(name))
        };
        let found = self.attributes.iter().filter(move |(known, _)| is_meant(known));
        found.flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// Whether some values of an attribute were held back.
    pub(super) fn is_cut(&self, name: &str) -> bool {
        self.attributes.iter().any(|(known, _)| {
            let mut parts = known.split(';');
            parts.next().is_some_and(|plain| plain.eq_ignore_ascii_case(name))
                && parts.any(|option| {
                    let option = option.to_ascii_lowercase();
                    option.starts_with("range=") && !option.ends_with("-*")
                })
        })
    }

    /// The first value of an attribute, as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        if name.is_empty() {
            return None;
        }
        self.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// Whether somebody is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Yes,
    /// Not; with what the server says of it.
    No(String),
}

/// A connection that is open.
pub(super) struct Connection {
    ldap: Ldap,
    timeout: Duration,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

fn too_slow(what: &str, limit: Duration) -> Fault {
    Fault::Unreachable(format!("{what} took longer than {} ms", limit.as_millis()))
}

/// Reaches a server.
pub(super) async fn dial(url: &ServerUrl, limit: Duration) -> Result<TcpStream, Fault> {
    let connected = timeout(limit, TcpStream::connect((url.host.as_str(), url.port))).await;
    let connected = connected.map_err(|_| too_slow("to connect", limit))?;
    connected.map_err(|error| Fault::Unreachable(format!("it cannot be reached: {error}")))
}

impl Connection {
    /// Speaks over a stream, after TLS if it is wanted.
    pub(super) async fn over(
        stream: TcpStream,
        url: &ServerUrl,
        security: &Security,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let stream = stream.into_std().map_err(|error| Fault::Unreachable(error.to_string()))?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Tcp(stream));
        let settings = match security {
            Security::None => settings,
            Security::Tls(tls) => settings.set_config(tls.config()),
            Security::StartTls(tls) => settings.set_config(tls.config()).set_starttls(true),
        };
        let opened = timeout(limit, LdapConnAsync::with_settings(settings, &url.text)).await;
        let opened = opened.map_err(|_| too_slow("TLS", limit))?;
        let (connection, ldap) = opened.map_err(|error| match error {
            LdapError::LdapResult { result } => {
                Fault::Refused(format!("it does not do StartTLS: {}", said(&result)))
            }
            error => Fault::Unreachable(format!("TLS failed: {}", told(&error))),
        })?;
        // It ends with the last handle, or with the server.
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to a directory ended: {error}");
            }
        });
        Ok(Self { ldap, timeout: limit })
    }

    /// Whether the server has closed it.
    pub(super) fn is_closed(&mut self) -> bool {
        self.ldap.is_closed()
    }

    /// Says who is asking, and whether the password is theirs. An empty one is not sent: servers take it for no password
    /// at all, and let everybody in (RFC 4513 §5.1.2).
    pub(super) async fn bind(
        &mut self,
        dn: &str,
        password: &Secret<String>,
    ) -> Result<Bound, Fault> {
        if dn.is_empty() || password.expose().is_empty() {
            return Ok(Bound::No("a name or a password is empty".into()));
        }
        let answer = timeout(self.timeout, self.ldap.simple_bind(dn, password.expose())).await;
        let answer = answer.map_err(|_| too_slow("to log in", self.timeout))?;
        let result = answer.map_err(|error| broken(&error))?;
        match result.rc {
            0 => Ok(Bound::Yes),
            // Wrong, locked, without a password, not allowed: whatever it is, they are not let in.
            19 | 32 | 34 | 48 | 49 | 50 | 53 => Ok(Bound::No(said(&result))),
            _ => Err(Fault::Refused(format!("a login is answered with {}", said(&result)))),
        }
    }

    /// Asks for entries.
    pub(super) async fn search(&mut self, search: &Search) -> Result<Found, Fault> {
        let options = SearchOptions::new().sizelimit(search.limit);
        let ldap = self.ldap.with_search_options(options);
        let answer = ldap.search(&search.base, search.scope, &search.filter, &search.attributes);
        let answer = timeout(self.timeout, answer).await;
        let answer = answer.map_err(|_| too_slow("a search", self.timeout))?;
        let ldap3::SearchResult(entries, result) = answer.map_err(|error| broken(&error))?;
        // An entry that is asked for by its own name may be gone.
        if result.rc == 32 && search.scope == Scope::Base {
            return Ok(Found::default());
        }
        let has_more = result.rc == 4;
        // Referrals to other servers (10) are not followed.
        if !matches!(result.rc, 0 | 4 | 10) {
            let base = &search.base;
            return Err(Fault::Refused(format!(
                "a search below `{base}` is answered with {}",
                said(&result)
            )));
        }
        let entries = entries.into_iter().map(|entry| {
            let entry = SearchEntry::construct(entry);
            let texts = entry
                .attrs
                .into_iter()
                .map(|(name, values)| (name, values.into_iter().map(String::into_bytes).collect()));
            Entry { dn: entry.dn, attributes: texts.chain(entry.bin_attrs).collect() }
        });
        Ok(Found { entries: entries.collect(), has_more })
    }
}

fn broken(error: &LdapError) -> Fault {
    Fault::Unreachable(format!("the connection broke: {}", told(error)))
}

/// An error without the names of its layers.
fn told(error: &LdapError) -> String {
    match error {
        LdapError::Io { source } => source.to_string(),
        LdapError::ResultRecv { .. } | LdapError::OpSend { .. } | LdapError::EndOfStream => {
            "the server closed it".into()
        }
        other => other.to_string(),
    }
}

/// What Active Directory means by `data 52e` and the like in a failed login.
const REASONS: [(&str, &str); 8] = [
    ("data 525", "there is no such user"),
    ("data 52e", "the password is wrong"),
    ("data 530", "logging in is not allowed at this time"),
    ("data 531", "logging in is not allowed from here"),
    ("data 532", "the password has expired"),
    ("data 533", "the account is disabled"),
    ("data 701", "the account has expired"),
    ("data 775", "the account is locked"),
];

/// A server's answer in words: its code, and what it adds.
fn said(result: &ldap3::LdapResult) -> String {
    let name = match result.rc {
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        11 => "adminLimitExceeded",
        13 => "confidentialityRequired",
        19 => "constraintViolation",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        _ => "an error",
    };
    let mut text = format!("{name} ({})", result.rc);
    let added: String = result.text.chars().filter(|c| !c.is_control()).take(200).collect();
    if let Some((_, reason)) = REASONS.iter().find(|(code, _)| added.contains(code)) {
        text = format!("{text}, {reason}");
    } else if !added.is_empty() {
        text = format!("{text}: {added}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_ports() {
        for (text, host, port, is_tls) in [
            ("ldaps://dc1.example.org", "dc1.example.org", 636, true),
            ("ldap://dc1.example.org/", "dc1.example.org", 389, false),
            ("ldap://127.0.0.1:3890", "127.0.0.1", 3890, false),
            ("ldap://[::1]:3890", "::1", 3890, false),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.host.as_str(), url.port, url.is_tls), (host, port, is_tls), "{text}");
        }
        for bad in [
            "",
            "dc1",
            "http://x",
            "ldap://",
            "ldap://x:0",
            "ldap://x:99999",
            "ldap://x:",
            "ldap://u:p@x",
            "ldap://x/dc=y",
            "ldap://x?y",
            "ldapi:///s",
        ] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn attributes_are_found_whatever_their_case_and_a_cut_list_is_noticed() {
        let attribute =
            |name: &str, value: &str| (name.to_owned(), vec![value.as_bytes().to_vec()]);
        let entry = Entry {
            dn: "cn=x".into(),
            attributes: vec![attribute("MemberOf;range=0-1499", "cn=a"), attribute("UID", "ann")],
        };
        assert_eq!(entry.text("uid"), Some("ann"));
        assert_eq!(entry.values("memberof").count(), 1);
        assert!(entry.is_cut("memberOf") && !entry.is_cut("uid"));
        assert_eq!(entry.text(""), None);
    }
}
