//! The vulnerabilities of an inventory.

use std::collections::{BTreeMap, HashSet};

use berth_sbom::{Inventory, Package};
use serde::{Deserialize, Serialize};

use crate::advisory::{Advisory, Affected};
use crate::affected::matches;
use crate::ecosystem::{Key, Subject, subjects};
use crate::severity::{Severity, Vector, judge};

/// A package, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The advisory's own identifier.
    pub id: String,
    /// Other names of it, the CVEs that it is about among them.
    pub aliases: Vec<String>,
    /// Its package URL.
    pub package: String,
    pub name: String,
    /// As the package has it, not its source.
    pub installed: String,
    /// The first version that is not affected; for a distribution's packages that of the source package.
    pub fixed: Option<String>,
    pub severity: Severity,
    /// By CVSS, if there is a vector.
    pub score: Option<f64>,
    pub vector: Option<String>,
    pub summary: String,
    pub urls: Vec<String>,
    /// Where the package was found.
    pub locations: Vec<String>,
}

/// What is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Packages of languages that came with a distribution's package, too. The distribution's advisories speak of them,
    /// and its fixes do not change their versions.
    pub owned: bool,
    /// What is no vulnerability, such as a crate that nobody maintains any more.
    pub informational: bool,
}

/// A package that is affected, before what is the same is put together.
struct Hit {
    package: usize,
    fixed: Option<String>,
    advisory: Advisory,
    /// Of the advisory: the package that it is about.
    affected: Affected,
}

/// Looks up every package of an inventory. `load` gives the advisories that are kept under a key; it is asked once for
/// each.
pub fn find<E>(
    inventory: &Inventory,
    options: &Options,
    mut load: impl FnMut(&Key) -> Result<Vec<Advisory>, E>,
) -> Result<Vec<Finding>, E> {
    let distro = inventory.distro.as_ref();
    let mut wanted: BTreeMap<Key, Vec<(usize, Subject)>> = BTreeMap::new();
    for (index, package) in inventory.packages.iter().enumerate() {
        if package.owner.is_some() && !options.owned {
            continue;
        }
        for subject in subjects(package, distro) {
            wanted.entry(subject.key.clone()).or_default().push((index, subject));
        }
    }
    let mut hits: BTreeMap<usize, Vec<Hit>> = BTreeMap::new();
    for (key, subjects) in wanted {
        for advisory in load(&key)? {
            if advisory.withdrawn.is_some() {
                continue;
            }
            for (index, subject) in &subjects {
                let package = &inventory.packages[*index];
                if let Some(hit) = hit(&advisory, package, *index, subject, options) {
                    hits.entry(*index).or_default().push(hit);
                }
            }
        }
    }
    let mut findings = Vec::new();
    for (index, hits) in hits {
        let package = &inventory.packages[index];
        let purl = package.purl(distro).to_string();
        findings.extend(merge(hits).into_iter().map(|hit| finding(hit, package, &purl)));
    }
    Ok(findings)
}

fn hit(
    advisory: &Advisory,
    package: &Package,
    index: usize,
    subject: &Subject,
    options: &Options,
) -> Option<Hit> {
    let mut best: Option<Hit> = None;
    for affected in &advisory.affected {
        let concerned = Key::of(&affected.ecosystem, &affected.name).as_ref() == Some(&subject.key)
            && subject.release.covers(&affected.ecosystem)
            && is_of_module(affected, &subject.version)
            && (options.informational || !affected.informational)
            && (!subject.by_source
                || affected.binaries.is_empty()
                || affected.binaries.contains(&package.name));
        if !concerned {
            continue;
        }
        if let Some(found) = matches(affected, &subject.version, subject.order) {
            let earlier =
                best.as_ref().and_then(|best| best.fixed.as_deref()).zip(found.fixed.as_deref());
            let better = match (&best, earlier) {
                (None, _) => true,
                (Some(_), Some((old, new))) => {
                    subject.order.compare(new, old).is_some_and(std::cmp::Ordering::is_lt)
                }
                (Some(best), None) => best.fixed.is_none() && found.fixed.is_some(),
            };
            if better {
                let affected = affected.clone();
                best = Some(Hit {
                    package: index,
                    fixed: found.fixed,
                    advisory: advisory.clone(),
                    affected,
                });
            }
        }
    }
    best
}

/// A fix of a module says nothing of a package that is of none; `.module+` in the release tells them apart. Which stream
/// of a module it is, no advisory says.
fn is_of_module(affected: &Affected, installed: &str) -> bool {
    let mut versions =
        affected.ranges.iter().flat_map(|range| &range.events).filter_map(|event| match event {
            crate::advisory::Event::Fixed(version) => Some(version),
            _ => None,
        });
    installed.contains(".module+") || !versions.any(|version| version.contains(".module+"))
}

/// Leaves one of those that are the same vulnerability, and takes out what others have said one by one.
fn merge(mut hits: Vec<Hit>) -> Vec<Hit> {
    // The best one of each comes first, and takes the names of the others.
    hits.sort_by(|one, other| {
        quality(other).cmp(&quality(one)).then_with(|| one.advisory.id.cmp(&other.advisory.id))
    });
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits {
        debug_assert!(kept.iter().all(|other| other.package == hit.package));
        let names: HashSet<&str> = hit.advisory.names().into_iter().collect();
        let same = kept
            .iter()
            .position(|other| other.advisory.names().iter().any(|name| names.contains(name)));
        match same {
            Some(at) => {
                let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
                let other = &mut kept[at];
                other.fixed = other.fixed.take().or(hit.fixed);
                other.advisory.aliases.extend(names);
            }
            None => kept.push(hit),
        }
    }
    let single: HashSet<String> = kept
        .iter()
        .filter(|hit| !hit.advisory.is_bundle())
        .flat_map(|hit| hit.advisory.names())
        .map(str::to_owned)
        .collect();
    kept.retain(|hit| {
        !hit.advisory.is_bundle() || !hit.advisory.upstream.iter().all(|name| single.contains(name))
    });
    kept.sort_by(|one, other| one.advisory.id.cmp(&other.advisory.id));
    kept
}

/// A record with a fix and a score tells more than one without.
fn quality(hit: &Hit) -> (bool, bool, bool) {
    let advisory = &hit.advisory;
    let scored = !advisory.severity.is_empty() || !hit.affected.severity.is_empty();
    (hit.fixed.is_some(), scored, !advisory.summary.is_empty())
}

fn finding(hit: Hit, package: &Package, purl: &str) -> Finding {
    let Hit { fixed, advisory, affected, .. } = hit;
    let vectors: &[Vector] =
        if affected.severity.is_empty() { &advisory.severity } else { &affected.severity };
    let (mut severity, score, vector) =
        judge(vectors, affected.rating.as_deref(), advisory.rating.as_deref());
    if affected.informational {
        severity = Severity::Negligible;
    } else if severity == Severity::Unknown && advisory.id.starts_with("MAL-") {
        // A package that was made to do harm has no vector.
        severity = Severity::Critical;
    }
    let vector = vector.map(str::to_owned);
    let mut aliases: Vec<String> =
        advisory.aliases.iter().chain(&advisory.upstream).cloned().collect();
    aliases.retain(|alias| *alias != advisory.id);
    aliases.sort_unstable();
    aliases.dedup();
    Finding {
        id: advisory.id,
        aliases,
        package: purl.to_owned(),
        name: package.name.clone(),
        installed: package.version.clone(),
        fixed,
        severity,
        score,
        vector,
        summary: advisory.summary,
        urls: advisory.urls,
        locations: package.locations.clone(),
    }
}
