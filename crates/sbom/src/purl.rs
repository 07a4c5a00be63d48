//! Package URLs: `pkg:deb/debian/curl@7.88.1-10?arch=amd64&distro=debian-12`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::inventory::{Distro, Kind, Package};

/// Longer ones are not read.
const MAX_LENGTH: usize = 4096;

/// A package URL, decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    pub kind: Kind,
    /// Segments divided by `/`.
    pub namespace: Option<String>,
    pub name: String,
    pub version: Option<String>,
    pub qualifiers: BTreeMap<String, String>,
    pub subpath: Option<String>,
}

/// It is not a package URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPurl;

impl fmt::Display for InvalidPurl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a package URL is written as pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS")
    }
}

impl std::error::Error for InvalidPurl {}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// How the specification of each type divides and writes a name.
pub(crate) fn of_package(package: &Package, distro: Option<&Distro>) -> Purl {
    let mut qualifiers = BTreeMap::new();
    let mut set = |key: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            qualifiers.insert(key.to_owned(), value.to_owned());
        }
    };
    let mut version = package.version.as_str();
    let (namespace, name) = match &package.kind {
        Kind::Deb | Kind::Apk | Kind::Rpm => {
            set("arch", package.architecture.as_deref());
            set("distro", distro.and_then(Distro::qualifier).as_deref());
            if let Some(source) = &package.source {
                let same = source.version == package.version;
                let upstream = if same {
                    source.name.clone()
                } else {
                    format!("{}@{}", source.name, source.version)
                };
                set(
                    "upstream",
                    Some(&upstream)
                        .filter(|_| !same || source.name != package.name)
                        .map(String::as_str),
                );
            }
            if package.kind == Kind::Rpm {
                if let Some((epoch, rest)) = version.split_once(':') {
                    set("epoch", Some(epoch));
                    version = rest;
                }
            }
            let vendor = distro.map(|distro| distro.id.to_ascii_lowercase());
            (vendor.filter(|vendor| !vendor.is_empty()), package.name.clone())
        }
        Kind::Npm => match package.name.split_once('/') {
            Some((scope, name)) => (some(scope), name.to_owned()),
            None => (None, package.name.clone()),
        },
        Kind::Pypi => (None, package.name.to_lowercase().replace('_', "-")),
        Kind::Maven => match package.name.split_once(':') {
            Some((group, artifact)) => (some(group), artifact.to_owned()),
            None => (None, package.name.clone()),
        },
        Kind::Golang => {
            let name = package.name.to_lowercase();
            match name.rsplit_once('/') {
                Some((namespace, name)) => (some(namespace), name.to_owned()),
                None => (None, name),
            }
        }
        Kind::Gem => {
            set("platform", package.architecture.as_deref());
            (None, package.name.clone())
        }
        Kind::Cargo => (None, package.name.clone()),
        Kind::Other(_) => match package.name.rsplit_once('/') {
            Some((namespace, name)) => (some(namespace), name.to_owned()),
            None => (None, package.name.clone()),
        },
    };
    let kind = package.kind.clone();
    Purl { kind, namespace, name, version: some(version), qualifiers, subpath: None }
}

impl Purl {
    /// The name as its ecosystem writes it, with the namespace where that is a part of it.
    #[must_use]
    pub fn full_name(&self) -> String {
        match (&self.kind, &self.namespace) {
            (Kind::Deb | Kind::Apk | Kind::Rpm, _) | (_, None) => self.name.clone(),
            (Kind::Maven, Some(group)) => format!("{group}:{}", self.name),
            (_, Some(namespace)) => format!("{namespace}/{}", self.name),
        }
    }

    /// The version, with the epoch that some tools write beside it.
    #[must_use]
    pub fn full_version(&self) -> String {
        let version = self.version.clone().unwrap_or_default();
        match self.qualifiers.get("epoch") {
            Some(epoch)
                if matches!(self.kind, Kind::Rpm | Kind::Deb)
                    && epoch != "0"
                    && !version.is_empty()
                    && epoch.bytes().all(|byte| byte.is_ascii_digit())
                    && !version.contains(':') =>
            {
                format!("{epoch}:{version}")
            }
            _ => version,
        }
    }
}

/// What stands as it is in every part.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':')
}

fn encode(out: &mut impl fmt::Write, text: &str, and: &[u8]) -> fmt::Result {
    for byte in text.bytes() {
        if is_plain(byte) || and.contains(&byte) {
            out.write_char(char::from(byte))?;
        } else {
            write!(out, "%{byte:02X}")?;
        }
    }
    Ok(())
}

fn decode(text: &str) -> Result<String, InvalidPurl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else { return Err(InvalidPurl) };
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| InvalidPurl)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidPurl)
}

fn decode_path(text: &str) -> Result<Option<String>, InvalidPurl> {
    let segments = text.split('/').filter(|segment| !segment.is_empty());
    let path = segments.map(decode).collect::<Result<Vec<_>, _>>()?.join("/");
    Ok(some(&path))
}

impl FromStr for Purl {
    type Err = InvalidPurl;

    fn from_str(text: &str) -> Result<Self, InvalidPurl> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidPurl);
        }
        let (scheme, rest) = text.split_once(':').ok_or(InvalidPurl)?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(InvalidPurl);
        }
        let (rest, subpath) = match rest.rsplit_once('#') {
            Some((rest, subpath)) => (rest, decode_path(subpath)?),
            None => (rest, None),
        };
        let (rest, query) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let mut qualifiers = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(InvalidPurl)?;
            if !value.is_empty() {
                qualifiers.insert(decode(key)?.to_ascii_lowercase(), decode(value)?);
            }
        }
        let (kind, rest) = rest.trim_matches('/').split_once('/').ok_or(InvalidPurl)?;
        let typed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
        if kind.is_empty() || !kind.bytes().all(typed) {
            return Err(InvalidPurl);
        }
        // An `@` before the last slash belongs to a scope that somebody did not encode.
        let start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (rest, version) = match rest[start..].rfind('@') {
            Some(at) if at > 0 => (&rest[..start + at], some(&decode(&rest[start + at + 1..])?)),
            _ => (rest, None),
        };
        let (namespace, name) = match rest.trim_matches('/').rsplit_once('/') {
            Some((namespace, name)) => (decode_path(namespace)?, decode(name)?),
            None => (None, decode(rest.trim_matches('/'))?),
        };
        if name.is_empty() {
            return Err(InvalidPurl);
        }
        Ok(Self { kind: Kind::of(kind), namespace, name, version, qualifiers, subpath })
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            encode(f, namespace, b"/")?;
            f.write_char('/')?;
        }
        encode(f, &self.name, b"")?;
        if let Some(version) = &self.version {
            f.write_char('@')?;
            encode(f, version, b"")?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            f.write_char(if index == 0 { '?' } else { '&' })?;
            encode(f, key, b"")?;
            f.write_char('=')?;
            encode(f, value, b"/")?;
        }
        if let Some(subpath) = &self.subpath {
            f.write_char('#')?;
            encode(f, subpath, b"/")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Source;

    fn purl(kind: Kind, name: &str, version: &str) -> String {
        Package::new(kind, name, version).purl(None).to_string()
    }

    #[test]
    fn each_kind_writes_its_name_as_the_specification_says() {
        assert_eq!(
            purl(Kind::Npm, "@angular/animation", "12.3.1"),
            "pkg:npm/%40angular/animation@12.3.1"
        );
        assert_eq!(purl(Kind::Pypi, "Django_Thing", "1.11.1"), "pkg:pypi/django-thing@1.11.1");
        assert_eq!(
            purl(Kind::Maven, "org.apache.xmlgraphics:batik-anim", "1.9.1"),
            "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1"
        );
        assert_eq!(
            purl(Kind::Golang, "github.com/Masterminds/sprig/v3", "v3.2.0+incompatible"),
            "pkg:golang/github.com/masterminds/sprig/v3@v3.2.0%2Bincompatible"
        );
        assert_eq!(purl(Kind::Cargo, "rand", "0.7.2"), "pkg:cargo/rand@0.7.2");
        assert_eq!(
            purl(Kind::Gem, "ruby-advisory-db-check", "0.12.4"),
            "pkg:gem/ruby-advisory-db-check@0.12.4"
        );
        assert_eq!(purl(Kind::Golang, "stdlib", ""), "pkg:golang/stdlib");
    }

    #[test]
    fn packages_of_a_distribution_tell_where_they_are_from() {
        let debian = Distro::from_qualifier("debian-12");
        let mut package = Package::new(Kind::Deb, "libcurl4", "7.88.1-10+deb12u5");
        package.architecture = Some("amd64".to_owned());
        package.source = Some(Source { name: "curl".to_owned(), version: package.version.clone() });
        assert_eq!(
            package.purl(debian.as_ref()).to_string(),
            "pkg:deb/debian/libcurl4@7.88.1-10%2Bdeb12u5?arch=amd64&distro=debian-12&upstream=curl"
        );
        let fedora = Distro::from_qualifier("fedora-40");
        let package = Package::new(Kind::Rpm, "openssl", "1:3.2.1-2.fc40");
        let purl = package.purl(fedora.as_ref());
        assert_eq!(
            purl.to_string(),
            "pkg:rpm/fedora/openssl@3.2.1-2.fc40?distro=fedora-40&epoch=1"
        );
        assert_eq!(purl.full_version(), "1:3.2.1-2.fc40");
    }

    #[test]
    fn what_others_write_is_read() {
        // From the specification, and from what tools write.
        for (text, kind, namespace, name, version) in [
            (
                "pkg:bitbucket/birkenfeld/pygments-main@244fd47e07d1014f0aed9c",
                "bitbucket",
                "birkenfeld",
                "pygments-main",
                "244fd47e07d1014f0aed9c",
            ),
            (
                "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
                "deb",
                "debian",
                "curl",
                "7.50.3-1",
            ),
            (
                "pkg:docker/customer/dockerimage@sha256%3A244fd47e07d1004f0aed9c?repository_url=gcr.io",
                "docker",
                "customer",
                "dockerimage",
                "sha256:244fd47e07d1004f0aed9c",
            ),
            (
                "pkg:golang/google.golang.org/genproto#googleapis/api/annotations",
                "golang",
                "google.golang.org",
                "genproto",
                "",
            ),
            ("pkg:npm/@angular/core@1.0.0", "npm", "@angular", "core", "1.0.0"),
            ("pkg:npm/%40angular/core@1.0.0", "npm", "@angular", "core", "1.0.0"),
            ("PKG://npm/foobar@12.3.1", "npm", "", "foobar", "12.3.1"),
            (
                "pkg:deb/ubuntu/perl@5.34.0-3ubuntu1?arch=amd64&upstream=perl%405.34.0",
                "deb",
                "ubuntu",
                "perl",
                "5.34.0-3ubuntu1",
            ),
        ] {
            let purl: Purl = text.parse().unwrap();
            assert_eq!(purl.kind.as_str(), kind, "{text}");
            assert_eq!(purl.namespace.as_deref().unwrap_or_default(), namespace, "{text}");
            assert_eq!(purl.name, name, "{text}");
            assert_eq!(purl.version.as_deref().unwrap_or_default(), version, "{text}");
            assert_eq!(purl.to_string().parse(), Ok(purl));
        }
        for text in [
            "",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "npm/a@1",
            "pkg:n m/a",
            "pkg:npm/%zz",
            "pkg:npm/%ff",
        ] {
            assert_eq!(text.parse::<Purl>(), Err(InvalidPurl), "{text}");
        }
    }
}
