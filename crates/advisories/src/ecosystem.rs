//! From packages to the names that advisories use, and back.

use berth_sbom::{Distro, Kind, Package};
use serde::{Deserialize, Serialize};

use crate::version::Order;

/// What advisories are looked up by: an ecosystem without its release, and a name as that ecosystem compares names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// `Debian`, `Red Hat`, `npm`.
    pub ecosystem: String,
    pub name: String,
}

/// What a package is asked for: its key, and the version that its advisories speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub key: Key,
    pub version: String,
    pub order: Order,
    /// Which releases of the ecosystem count.
    pub release: Release,
    /// The name is that of a source package: an advisory may say which of its binary packages it is about.
    pub by_source: bool,
}

/// Which affected packages of an ecosystem with releases are those of a distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// The ecosystem has none.
    Any,
    /// `12` of `Debian:12`.
    Is(String),
    /// `22.04` of `Ubuntu:22.04:LTS`; with what only subscribers get if the package is from there.
    Ubuntu { version: String, pro: bool },
    /// `enterprise_linux:9::baseos`, for `9`.
    RedHat(String),
    /// `Linux Enterprise Module for Basesystem 15 SP5`, for `15 SP5`.
    Suse(String),
    /// `24.03-LTS`, for `24.03`.
    OpenEuler(String),
}

/// The ecosystems whose packages are looked up, and how their versions are ordered.
const ECOSYSTEMS: [(&str, Order); 29] = [
    ("AlmaLinux", Order::Rpm),
    ("Alpaquita", Order::Apk),
    ("Alpine", Order::Apk),
    ("Azure Linux", Order::Rpm),
    ("BellSoft Hardened Containers", Order::Apk),
    ("Chainguard", Order::Apk),
    ("Debian", Order::Dpkg),
    ("Echo", Order::Dpkg),
    ("Go", Order::Semver),
    ("Hex", Order::Semver),
    ("Mageia", Order::Rpm),
    ("Maven", Order::Maven),
    ("MinimOS", Order::Apk),
    ("Photon OS", Order::Rpm),
    ("Pub", Order::Semver),
    ("PyPI", Order::Pep440),
    ("Red Hat", Order::Rpm),
    ("Rocky Linux", Order::Rpm),
    ("RubyGems", Order::Gem),
    ("SUSE", Order::Rpm),
    ("SwiftURL", Order::Semver),
    ("Ubuntu", Order::Dpkg),
    ("Wolfi", Order::Apk),
    ("crates.io", Order::Semver),
    ("npm", Order::Semver),
    ("openEuler", Order::Rpm),
    ("openSUSE", Order::Rpm),
    ("CentOS", Order::Rpm),
    ("Fedora", Order::Rpm),
];

fn order(ecosystem: &str) -> Option<Order> {
    ECOSYSTEMS.iter().find(|(name, _)| *name == ecosystem).map(|(_, order)| *order)
}

impl Key {
    /// The key for an affected package; `None` if nothing is ever looked up there.
    #[must_use]
    pub fn of(ecosystem: &str, name: &str) -> Option<Self> {
        let base = ecosystem.split(':').next().unwrap_or(ecosystem);
        order(base)?;
        let name = plain_name(base, name);
        (!name.is_empty()).then(|| Self { ecosystem: base.to_owned(), name })
    }

    /// How the versions of its ecosystem are ordered.
    pub(crate) fn order(&self) -> Order {
        order(&self.ecosystem).unwrap_or(Order::Semver)
    }

    fn new(ecosystem: &str, name: &str) -> Self {
        Self { ecosystem: ecosystem.to_owned(), name: plain_name(ecosystem, name) }
    }
}

/// A name as its ecosystem compares names.
fn plain_name(ecosystem: &str, name: &str) -> String {
    match ecosystem {
        // Runs of these are one hyphen: PEP 503.
        "PyPI" => {
            let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join("-").to_lowercase()
        }
        // Package URLs have lost the case.
        "Go" => name.to_lowercase(),
        _ => name.trim().to_owned(),
    }
}

/// What a package has to be looked up by. Nothing, for packages without a version, of distributions without advisories,
/// and of other kinds.
#[must_use]
pub fn subjects(package: &Package, distro: Option<&Distro>) -> Vec<Subject> {
    if package.version.is_empty() {
        return Vec::new();
    }
    let language = |ecosystem: &str| {
        let version =
            if ecosystem == "Go" { go_version(&package.version) } else { package.version.clone() };
        subject(ecosystem, &package.name, version, Release::Any, false)
    };
    match &package.kind {
        Kind::Deb | Kind::Apk | Kind::Rpm => {
            distro.map(|distro| of_distro(package, distro)).unwrap_or_default()
        }
        Kind::Npm => language("npm"),
        Kind::Pypi => language("PyPI"),
        Kind::Cargo => language("crates.io"),
        Kind::Golang => language("Go"),
        Kind::Maven => language("Maven"),
        Kind::Gem => language("RubyGems"),
        Kind::Other(name) => match &**name {
            "hex" => language("Hex"),
            "pub" => language("Pub"),
            "swift" => language("SwiftURL"),
            _ => Vec::new(),
        },
    }
}

fn subject(
    ecosystem: &str,
    name: &str,
    version: String,
    release: Release,
    by_source: bool,
) -> Vec<Subject> {
    let order = order(ecosystem);
    let one = order.map(|order| Subject {
        key: Key::new(ecosystem, name),
        version,
        order,
        release,
        by_source,
    });
    one.into_iter().collect()
}

/// Go's own versions as its advisories write them: `1.21rc2` is `1.21.0-rc.2`.
fn go_version(version: &str) -> String {
    let version = version.trim_start_matches('v');
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (numbers, rest) = version.split_at(end);
    for word in ["rc", "beta"] {
        let number = rest.strip_prefix(word).filter(|number| !number.is_empty());
        if let Some(number) =
            number.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        {
            let patch = if numbers.matches('.').count() == 1 { ".0" } else { "" };
            return format!("{numbers}{patch}-{word}.{number}");
        }
    }
    version.to_owned()
}

fn of_distro(package: &Package, distro: &Distro) -> Vec<Subject> {
    let Some((ecosystem, release)) = release(package, distro) else { return Vec::new() };
    let own = || subject(ecosystem, &package.name, package.version.clone(), release.clone(), false);
    let source = || {
        let (name, version) = match &package.source {
            Some(source) => (source.name.as_str(), source.version.clone()),
            None => (package.name.as_str(), package.version.clone()),
        };
        subject(ecosystem, name, version, release.clone(), true)
    };
    match ecosystem {
        "Debian"
        | "Ubuntu"
        | "Echo"
        | "Alpine"
        | "Alpaquita"
        | "BellSoft Hardened Containers"
        | "SUSE"
        | "openSUSE"
        | "Mageia" => source(),
        "Red Hat" | "AlmaLinux" => own(),
        // Their advisories name source packages, or both.
        _ => {
            let mut both = own();
            let others =
                source().into_iter().filter(|source| both.iter().all(|own| own.key != source.key));
            let others: Vec<_> = others.collect();
            both.extend(others);
            both
        }
    }
}

/// The ecosystem of a distribution, and which of its releases this is.
fn release(package: &Package, distro: &Distro) -> Option<(&'static str, Release)> {
    let version = distro.version.as_str();
    let major = version.split('.').next().unwrap_or_default();
    let is = |ecosystem, release: &str| {
        let known = !release.is_empty();
        known.then(|| (ecosystem, Release::Is(release.to_owned())))
    };
    // Beside the names of `os-release` those that Trivy gives.
    match (&package.kind, distro.id.as_str()) {
        // Testing and unstable have no number.
        (Kind::Deb, "debian") if major.is_empty() => {
            is("Debian", debian_number(distro.codename.as_deref()?)?)
        }
        (Kind::Deb, "debian") => is("Debian", major),
        (Kind::Deb, "ubuntu") if !version.is_empty() => {
            let pro = package.version.contains("esm") || package.version.contains("fips");
            Some(("Ubuntu", Release::Ubuntu { version: version.to_owned(), pro }))
        }
        (Kind::Deb, "echo") => Some(("Echo", Release::Any)),
        // What is not released yet is called an alpha of the next one.
        (Kind::Apk, "alpine") if version.contains("_alpha") => is("Alpine", "edge"),
        (Kind::Apk, "alpine") => {
            let mut parts = version.split(['.', '_']);
            let (major, minor) = (parts.next()?, parts.next()?);
            is("Alpine", &format!("v{major}.{minor}"))
        }
        (Kind::Apk, "wolfi") => Some(("Wolfi", Release::Any)),
        (Kind::Apk, "chainguard") => Some(("Chainguard", Release::Any)),
        (Kind::Apk, "minimos") => Some(("MinimOS", Release::Any)),
        (Kind::Apk, "alpaquita") => is("Alpaquita", version),
        (Kind::Apk, "bellsoft-hardened-containers") => is("BellSoft Hardened Containers", version),
        // CentOS is rebuilt from the same sources, and has no advisories of its own any more.
        (Kind::Rpm, "rhel" | "redhat" | "centos") if !major.is_empty() => {
            Some(("Red Hat", Release::RedHat(major.to_owned())))
        }
        (Kind::Rpm, "almalinux" | "alma") => is("AlmaLinux", major),
        (Kind::Rpm, "rocky") => is("Rocky Linux", major),
        (Kind::Rpm, "fedora") => is("Fedora", version),
        (Kind::Rpm, "mageia") => is("Mageia", version),
        (Kind::Rpm, "opensuse-leap" | "opensuse.leap") => {
            is("openSUSE", &format!("Leap {version}"))
        }
        (Kind::Rpm, "opensuse-tumbleweed" | "opensuse.tumbleweed") => is("openSUSE", "Tumbleweed"),
        (Kind::Rpm, "sles" | "sled" | "sle_hpc" | "sles_sap" | "suse linux enterprise server") => {
            let name = match version.split_once('.') {
                Some((major, pack)) => format!("{major} SP{pack}"),
                None => version.to_owned(),
            };
            (!name.is_empty()).then_some(("SUSE", Release::Suse(name)))
        }
        (Kind::Rpm, "openeuler") => {
            (!version.is_empty()).then(|| ("openEuler", Release::OpenEuler(version.to_owned())))
        }
        (Kind::Rpm, "azurelinux" | "azure" | "mariner" | "cbl-mariner") => is("Azure Linux", major),
        (Kind::Rpm, "photon") => is("Photon OS", version),
        _ => None,
    }
}

fn debian_number(codename: &str) -> Option<&'static str> {
    let known = [
        ("buster", "10"),
        ("bullseye", "11"),
        ("bookworm", "12"),
        ("trixie", "13"),
        ("forky", "14"),
        ("duke", "15"),
    ];
    known.iter().find(|(name, _)| *name == codename).map(|(_, number)| *number)
}

impl Release {
    /// Whether an affected package of this ecosystem is one of the release. Without a release it is one of all.
    #[must_use]
    pub fn covers(&self, ecosystem: &str) -> bool {
        let Some((_, suffix)) = ecosystem.split_once(':') else { return true };
        match self {
            Self::Any => true,
            Self::Is(release) => suffix == release,
            Self::Ubuntu { version, pro } => {
                let mut parts: Vec<_> = suffix.split(':').collect();
                let paid = parts.first() == Some(&"Pro");
                parts.retain(|part| !["Pro", "LTS"].contains(part));
                // What is certified on its own (`Pro:FIPS:…`) is another product.
                parts == [version.as_str()] && paid == *pro
            }
            Self::RedHat(major) => {
                let mut parts = suffix.split(':');
                let product = parts.next() == Some("enterprise_linux");
                let version = parts.next().unwrap_or_default();
                product && version.split('.').next() == Some(major)
            }
            Self::Suse(name) => {
                let base = suffix.split('-').next().unwrap_or(suffix);
                base.strip_suffix(name.as_str()).is_some_and(|before| before.ends_with(' '))
            }
            Self::OpenEuler(version) => {
                suffix == version || suffix.strip_suffix("-LTS") == Some(version)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_sbom::Source;

    fn distro(text: &str) -> Distro {
        Distro::from_qualifier(text).unwrap()
    }

    #[test]
    fn releases_are_recognised() {
        let package = |kind| Package::new(kind, "a", "1-1");
        for (kind, id, ecosystem, covered, not) in [
            (Kind::Deb, "debian-12", "Debian", "Debian:12", "Debian:13"),
            (Kind::Deb, "debian-12.5", "Debian", "Debian:12", "Debian:12.5"),
            (Kind::Deb, "ubuntu-22.04", "Ubuntu", "Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS"),
            (Kind::Deb, "ubuntu-24.10", "Ubuntu", "Ubuntu:24.10", "Ubuntu:24.04:LTS"),
            (Kind::Apk, "alpine-3.19.1", "Alpine", "Alpine:v3.19", "Alpine:v3.1"),
            (Kind::Apk, "wolfi-20230201", "Wolfi", "Wolfi", ""),
            (
                Kind::Rpm,
                "rhel-9.4",
                "Red Hat",
                "Red Hat:enterprise_linux:9::baseos",
                "Red Hat:rhel_eus:9.4::baseos",
            ),
            (
                Kind::Rpm,
                "centos-7",
                "Red Hat",
                "Red Hat:enterprise_linux:7::server",
                "Red Hat:enterprise_linux:8::baseos",
            ),
            (Kind::Rpm, "rocky-9.3", "Rocky Linux", "Rocky Linux:9", "Rocky Linux:8"),
            (Kind::Rpm, "almalinux-8.9", "AlmaLinux", "AlmaLinux:8", "AlmaLinux:9"),
            (
                Kind::Rpm,
                "opensuse-leap-15.6",
                "openSUSE",
                "openSUSE:Leap 15.6",
                "openSUSE:Tumbleweed",
            ),
            (
                Kind::Rpm,
                "sles-15.5",
                "SUSE",
                "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
                "SUSE:Linux Enterprise Server 15 SP4",
            ),
            (
                Kind::Rpm,
                "sles-15.4",
                "SUSE",
                "SUSE:Linux Enterprise Server 15 SP4-LTSS",
                "SUSE:Linux Enterprise Server 12 SP4",
            ),
            (
                Kind::Rpm,
                "openeuler-24.03",
                "openEuler",
                "openEuler:24.03-LTS",
                "openEuler:24.03-LTS-SP1",
            ),
            (Kind::Rpm, "azurelinux-3.0", "Azure Linux", "Azure Linux:3", "Azure Linux:2"),
        ] {
            let subjects = subjects(&package(kind), Some(&distro(id)));
            let subject = subjects.first().unwrap_or_else(|| panic!("{id}"));
            assert_eq!(subject.key.ecosystem, ecosystem, "{id}");
            assert!(subject.release.covers(covered), "{id} {covered}");
            assert!(not.is_empty() || !subject.release.covers(not), "{id} {not}");
        }
        let pro = Package::new(Kind::Deb, "a", "1.2-3ubuntu0.1~esm1");
        let pro = &subjects(&pro, Some(&distro("ubuntu-16.04")))[0];
        assert!(
            pro.release.covers("Ubuntu:Pro:16.04:LTS") && !pro.release.covers("Ubuntu:16.04:LTS")
        );
        let testing =
            Distro { id: "debian".into(), codename: Some("forky".into()), ..Distro::default() };
        assert!(subjects(&package(Kind::Deb), Some(&testing))[0].release.covers("Debian:14"));
        assert_eq!(subjects(&package(Kind::Deb), Some(&distro("linuxmint-21"))), []);
        assert_eq!(subjects(&package(Kind::Rpm), None), []);
    }

    #[test]
    fn names_are_those_of_the_ecosystem() {
        let key = |kind, name: &str| subjects(&Package::new(kind, name, "1"), None)[0].key.clone();
        assert_eq!(key(Kind::Pypi, "Zope.Interface__x").name, "zope-interface-x");
        assert_eq!(Key::of("PyPI", "zope_interface.x").unwrap().name, "zope-interface-x");
        assert_eq!(
            key(Kind::Golang, "github.com/Masterminds/sprig/v3"),
            Key::of("Go", "github.com/masterminds/sprig/v3").unwrap()
        );
        assert_eq!(
            Key::of("Debian:12", "curl"),
            Some(Key { ecosystem: "Debian".into(), name: "curl".into() })
        );
        assert_eq!(Key::of("GIT", "x"), None);
        let mut package = Package::new(Kind::Deb, "libcurl4", "7.88.1-10+b1");
        package.source = Some(Source { name: "curl".into(), version: "7.88.1-10".into() });
        let subject = &subjects(&package, Some(&distro("debian-12")))[0];
        assert_eq!((subject.key.name.as_str(), subject.version.as_str()), ("curl", "7.88.1-10"));
    }

    #[test]
    fn go_writes_candidates_in_its_own_way() {
        for (version, expected) in [
            ("v1.2.3", "1.2.3"),
            ("1.21rc2", "1.21.0-rc.2"),
            ("1.21.1", "1.21.1"),
            ("1.9beta1", "1.9.0-beta.1"),
            ("v0.0.0-20210101-abc", "0.0.0-20210101-abc"),
        ] {
            assert_eq!(go_version(version), expected);
        }
    }
}
