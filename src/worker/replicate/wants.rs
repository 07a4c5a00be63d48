//! Which rules want what.

use serde_json::Value;

use super::source::Here;
use super::{subject_of_tag, wanted};
use crate::meta::{self, Event, EventKind, Meta, ReplicationRule, Wanted};
use crate::oci::manifest::Content;
use crate::oci::{Digest, Manifest, Platform, Reference, RepositoryName, Tag};
use crate::remote::transfer::Source as _;
use crate::remote::{Error, Fetched};

/// What of something is to be copied.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Of an index only these; none: all.
    pub(super) platforms: Vec<Platform>,
    /// What it refers to.
    pub(super) subject: Option<Digest>,
}

/// What an event causes: tags and digests that targets should have, each once.
pub(in crate::worker) async fn caused_by(
    meta: &Meta,
    rules: &[ReplicationRule],
    event: &Event,
) -> Result<Vec<Wanted>, meta::Error> {
    let repository = event.repository.as_deref().and_then(|name| name.parse().ok());
    let Some(repository): Option<RepositoryName> = repository else { return Ok(Vec::new()) };
    let mut found: Vec<Wanted> = Vec::new();
    for rule in rules {
        let (wish, settings) = (&rule.wish, &rule.wish.settings);
        let is_told = wish.is_enabled && settings.on_push && event.id > rule.since_event;
        if !is_told || !settings.covers(&repository) {
            continue;
        }
        if event.kind == "repository.delete" && settings.deletions {
            let there = meta.list_replicated(rule.target_id, &repository).await?;
            found.extend(there.iter().map(|one| wanted(rule.target_id, &repository, one)));
        }
        if let Some(reference) = reference(rule, event) {
            found.push(wanted(rule.target_id, &repository, reference));
        }
        // What was held back did not go when it was pushed.
        if event.kind == EventKind::QuarantineRelease.as_str()
            && let Some(Ok(digest)) = event.target.as_deref().map(str::parse::<Digest>)
        {
            let tags = meta.list_tags_at(&repository, &digest).await?;
            let covered = tags.iter().filter(|tag| settings.covers_tag(tag));
            found.extend(covered.map(|tag| wanted(rule.target_id, &repository, tag.as_str())));
        }
    }
    let mut once = Vec::new();
    for one in found {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    Ok(once)
}

/// The tag or digest that a rule wants because of an event.
fn reference<'a>(rule: &ReplicationRule, event: &'a Event) -> Option<&'a str> {
    let settings = &rule.wish.settings;
    let target = event.target.as_deref()?;
    let wants_tag =
        || target.parse::<Tag>().is_ok_and(|tag| settings.covers_tag(&tag) || tag.is_signature());
    let has_subject = || {
        let detail = event.detail.as_deref().and_then(|text| serde_json::from_str(text).ok());
        detail.is_some_and(|detail: Value| detail["subject"].is_string())
    };
    let is_wanted = match event.kind.as_str() {
        "tag.push" => wants_tag(),
        "tag.delete" => settings.deletions && wants_tag(),
        "manifest.push" => has_subject(),
        "manifest.delete" => settings.deletions,
        _ => false,
    };
    is_wanted.then_some(target)
}

/// Whether a rule wants something deleted there that was deleted here.
pub(super) fn deletes(
    rule: &ReplicationRule,
    repository: &RepositoryName,
    reference: &Reference,
) -> bool {
    let (wish, settings) = (&rule.wish, &rule.wish.settings);
    let is_meant = match reference {
        Reference::Tag(tag) => settings.covers_tag(tag) || tag.is_signature(),
        Reference::Digest(_) => true,
    };
    wish.is_enabled && settings.deletions && settings.covers(repository) && is_meant
}

/// What rules of one target want of something; `None` if nothing.
pub(super) async fn choose<'a>(
    rules: impl Iterator<Item = &'a ReplicationRule>,
    here: &Here,
    repository: &RepositoryName,
    reference: &Reference,
    manifest: &Fetched,
) -> Result<Option<Chosen>, Error> {
    let parsed = manifest.parse()?;
    let subject = match reference {
        Reference::Tag(tag) => subject_of_tag(tag),
        Reference::Digest(_) => parsed.subject().map(|subject| subject.digest.clone()),
    };
    let (mut platforms, mut is_wanted, mut wants_all) = (Vec::new(), false, false);
    for rule in rules {
        let settings = &rule.wish.settings;
        if !rule.wish.is_enabled || !settings.covers(repository) {
            continue;
        }
        let is_meant = match reference {
            // What refers to something goes along with it, whatever it is tagged with.
            _ if subject.is_some() => true,
            Reference::Tag(tag) => {
                settings.covers_tag(tag) && has_labels(here, &parsed, &settings.labels).await?
            }
            Reference::Digest(_) => false,
        };
        if is_meant {
            is_wanted = true;
            wants_all |= settings.platforms.is_empty();
            platforms.extend(settings.read_platforms());
        }
    }
    if wants_all {
        platforms.clear();
    }
    Ok(is_wanted.then_some(Chosen { platforms, subject }))
}

/// Whether an image has labels, or its manifest annotations; of an index, one image with them is enough.
async fn has_labels(here: &Here, manifest: &Manifest, wanted: &[String]) -> Result<bool, Error> {
    if wanted.is_empty() {
        return Ok(true);
    }
    let mut candidates = vec![manifest.clone()];
    for child in manifest.children() {
        let child = here.find_manifest(&Reference::Digest(child.digest.clone())).await?;
        candidates.extend(child.and_then(|child| child.parse().ok()));
    }
    for candidate in candidates {
        let labels = match candidate.content() {
            Content::Image { config, .. } => labels(here, &config.digest).await?,
            Content::Index { .. } => Value::Null,
        };
        let value = |key: &str| {
            let noted = candidate.annotations().and_then(|annotations| annotations.get(key));
            noted.map(String::as_str).or_else(|| labels[key].as_str())
        };
        let fits = |wish: &String| match wish.split_once('=') {
            Some((key, wanted)) => value(key) == Some(wanted),
            None => value(wish).is_some(),
        };
        if wanted.iter().all(fits) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn labels(here: &Here, config: &Digest) -> Result<Value, Error> {
    let config = here.read_small(config).await?;
    let config: Option<Value> = config.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(config.map(|mut config| config["config"]["Labels"].take()).unwrap_or_default())
}
