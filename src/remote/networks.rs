//! Which addresses a request may go to that somebody else has thought up: a plugin's.
//!
//! Without this, whoever may name a URL could make Berth ask the machine's own services, the neighbours behind the
//! firewall, or the cloud's metadata service, on its behalf (server-side request forgery).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far a request may reach; each includes those before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Addresses of the public internet.
    #[default]
    Public,
    /// Private networks as well (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// This machine as well.
    Loopback,
}

impl Reach {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::Private, Self::Loopback];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
        }
    }

    /// Whether an address is within reach. Link-local addresses, where clouds have their metadata services, never are,
    /// nor is anything that is not one host.
    #[must_use]
    pub fn includes(self, address: IpAddr) -> bool {
        needed(address).is_some_and(|needed| needed <= self)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|reach| reach.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is none of `public`, `private`, `loopback`"))
    }
}

/// The least that includes an address.
fn needed(address: IpAddr) -> Option<Reach> {
    match address {
        IpAddr::V4(v4) => needed_v4(v4),
        IpAddr::V6(v6) => needed_v6(v6),
    }
}

fn needed_v4(address: Ipv4Addr) -> Option<Reach> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Some(Reach::Loopback),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Some(Reach::Private),
        // "This network", link-local, protocol assignments, documentation, 6to4 relays, benchmarks, multicast, reserved.
        (0 | 224.., ..)
        | (169, 254, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => None,
        _ => Some(Reach::Public),
    }
}

fn needed_v6(address: Ipv6Addr) -> Option<Reach> {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        needed_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Reach::Loopback),
        // IPv4-mapped, IPv4-translated (RFC 2765), NAT64 (RFC 6052): another way to write an IPv4 address. 6to4 (RFC 3056)
        // carries that of its router.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => embedded(high, low),
        // Unspecified and IPv4-compatible, local NAT64, discard, Teredo and other assignments, documentation.
        [0, 0, 0, 0, 0, 0, ..]
        | [0x0064, 0xff9b, 1, ..]
        | [0x0100, 0, 0, ..]
        | [0x2001, 0..=0x01ff | 0x0db8, ..]
        | [0x3fff, 0..=0x0fff, ..] => None,
        [0xfc00..=0xfdff, ..] => Some(Reach::Private),
        // The only block that is handed out to hosts.
        [0x2000..=0x3fff, ..] => Some(Reach::Public),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_within_the_reach_that_names_its_network() {
        for (address, least) in [
            ("8.8.8.8", Some(Reach::Public)),
            ("172.15.0.1", Some(Reach::Public)),
            ("172.32.0.1", Some(Reach::Public)),
            ("2606:4700::1", Some(Reach::Public)),
            ("10.1.2.3", Some(Reach::Private)),
            ("172.16.0.1", Some(Reach::Private)),
            ("192.168.1.1", Some(Reach::Private)),
            ("100.64.0.1", Some(Reach::Private)),
            ("fd00::1", Some(Reach::Private)),
            ("127.0.0.1", Some(Reach::Loopback)),
            ("127.8.8.8", Some(Reach::Loopback)),
            ("::1", Some(Reach::Loopback)),
            ("0.0.0.0", None),
            ("169.254.169.254", None),
            ("224.0.0.1", None),
            ("255.255.255.255", None),
            ("240.0.0.1", None),
            ("192.0.2.1", None),
            ("198.18.0.1", None),
            ("::", None),
            ("fe80::1", None),
            ("fec0::1", None),
            ("ff02::1", None),
            ("2001:db8::1", None),
            ("2001::1", None),
            ("64:ff9b:1::1", None),
        ] {
            let address: IpAddr = address.parse().unwrap();
            for reach in Reach::ALL {
                let expected = least.is_some_and(|least| least <= reach);
                assert_eq!(reach.includes(address), expected, "{address} {reach}");
            }
        }
    }

    #[test]
    fn another_way_to_write_an_address_changes_nothing() {
        for (v4, wrapped) in [
            ("127.0.0.1", "::ffff:127.0.0.1"),
            ("10.0.0.1", "::ffff:10.0.0.1"),
            ("8.8.8.8", "::ffff:8.8.8.8"),
            ("169.254.169.254", "::ffff:169.254.169.254"),
            ("127.0.0.1", "64:ff9b::127.0.0.1"),
            ("10.0.0.1", "64:ff9b::10.0.0.1"),
            ("8.8.8.8", "64:ff9b::8.8.8.8"),
            ("169.254.169.254", "64:ff9b::a9fe:a9fe"),
            ("127.0.0.1", "::ffff:0:127.0.0.1"),
            ("192.168.0.1", "2002:c0a8:1::1"),
        ] {
            let (v4, v6): (IpAddr, IpAddr) = (v4.parse().unwrap(), wrapped.parse().unwrap());
            for reach in Reach::ALL {
                assert_eq!(reach.includes(v6), reach.includes(v4), "{wrapped} {reach}");
            }
        }
        // The old compatible form is no address of a host any more.
        assert!(!Reach::Loopback.includes("::127.0.0.1".parse().unwrap()));
    }
}
