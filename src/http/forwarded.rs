//! Who the client is behind proxies. Only what a trusted proxy says is believed; from anybody else these headers are a lie
//! that costs nothing.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A request as the client made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) is_https: bool,
    /// The host that it asked, where a proxy tells of another one.
    pub(super) host: Option<String>,
}

/// Looks behind the proxies that are trusted. Each adds the address that it heard from at the end, so the list is read from
/// there, up to the first address that is no proxy of ours.
pub(super) fn client(peer: IpAddr, is_tls: bool, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
    let is_trusted =
        |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut client = Client { address: peer.to_canonical(), is_https: is_tls, host: None };
    if !is_trusted(&peer) {
        return client;
    }
    let lists = headers.get_all(FORWARDED_FOR);
    let mut hops: Vec<&str> = lists
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .collect();
    while let Some(address) = hops.pop().and_then(parse) {
        client.address = address;
        if !is_trusted(&address) {
            break;
        }
    }
    let last = |name: HeaderName| {
        let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        value.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
    };
    if let Some(scheme) = last(FORWARDED_PROTO) {
        client.is_https = scheme.eq_ignore_ascii_case("https");
    }
    client.host = last(FORWARDED_HOST).map(str::to_owned);
    client
}

/// An address, perhaps with a port, as some proxies write it.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').split(']').next().unwrap_or(text);
    let parsed = text.parse().ok().or_else(|| bare.parse().ok());
    let parsed: Option<IpAddr> =
        parsed.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> Client {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client(peer.parse().unwrap(), false, &map, &trusted)
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        let lie = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        for trusted in [&[][..], &["10.0.0.0/8"]] {
            let client = seen("203.0.113.9", &lie, trusted);
            assert_eq!(client.address.to_string(), "203.0.113.9");
            assert!(!client.is_https);
        }
    }

    #[test]
    fn the_last_address_that_no_proxy_has_is_the_client() {
        for (list, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("1.1.1.1, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
            ("192.0.2.1, nonsense", "10.0.0.2"),
            ("", "10.0.0.2"),
        ] {
            let headers = [("x-forwarded-for", list), ("x-forwarded-proto", "https")];
            let client = seen("10.0.0.2", &headers, &["10.0.0.0/8"]);
            assert_eq!((client.address.to_string().as_str(), client.is_https), (address, true));
        }
        let mapped = seen("::ffff:10.0.0.2", &[("x-forwarded-for", "192.0.2.1")], &["10.0.0.0/8"]);
        assert_eq!(mapped.address.to_string(), "192.0.2.1");
    }
}
