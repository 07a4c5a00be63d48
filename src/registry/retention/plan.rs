//! The plan: what becomes of each tag of a repository, and of what no tag leads to, and by which rule.

use std::collections::{HashMap, HashSet};

use super::rule::{applies, words};
use crate::clock::Timestamp;
use crate::meta::{Contents, HeldManifest, HeldTag, Policy, Protection, RetentionRule};
use crate::oci::{Algorithm, Digest, Tag};

/// What is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A tag.
    Tag(HeldTag),
    /// A manifest that no tag leads to, when the tags that are dropped are gone.
    Manifest(HeldManifest),
}

/// What becomes of something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub item: Item,
    /// Whether it is dropped.
    pub is_dropped: bool,
    /// Which rule says so: `policy NAME keep 1`, `lock 3`, `nothing`.
    pub rule: String,
    /// What that says.
    pub words: String,
}

/// What becomes of everything in a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every tag, by name; then the manifests that are dropped, in the order in which they can be.
    pub decisions: Vec<Decision>,
}

impl Plan {
    /// What is dropped.
    pub fn dropped(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.is_dropped)
    }

    /// Tags that are kept.
    pub fn kept(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| !decision.is_dropped)
    }
}

/// What rules look at.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// The tag; nothing for a manifest that has none.
    pub(super) tag: Option<&'a Tag>,
    /// When the tag was moved, or the manifest pushed.
    pub(super) moved_at: Timestamp,
    pub(super) pulled_at: Option<Timestamp>,
    /// Artifact types of what refers to it.
    pub(super) referrers: &'a [String],
}

/// What is said of something, before it is known what becomes of it.
struct Verdict {
    is_dropped: bool,
    rule: String,
    words: String,
}

impl Verdict {
    fn keep(rule: impl Into<String>, words: impl Into<String>) -> Self {
        Self { is_dropped: false, rule: rule.into(), words: words.into() }
    }

    fn held(by: &Protection) -> Self {
        Self::keep(by.label(), by.to_string())
    }

    fn about(self, item: Item) -> Decision {
        let Self { is_dropped, rule, words } = self;
        Decision { item, is_dropped, rule, words }
    }
}

/// What becomes of everything in a repository, by the policies about it. The order of what is dropped is one in which
/// nothing is dropped that something else still needs.
pub(super) fn plan(contents: &Contents, policies: &[&Policy], now: Timestamp) -> Plan {
    let judge = Judge::new(contents, policies, now);
    let mut decisions: Vec<Decision> = contents
        .tags
        .iter()
        .filter(|tag| !tag.name.is_signature())
        .map(|tag| judge.tag(tag).about(Item::Tag(tag.clone())))
        .collect();
    let kept = decisions.iter().filter(|decision| !decision.is_dropped);
    let roots = kept.filter_map(|decision| match &decision.item {
        Item::Tag(tag) => Some(tag.digest.clone()),
        Item::Manifest(_) => None,
    });
    let live = judge.live(roots.collect());
    let signatures = contents.tags.iter().filter(|tag| tag.name.is_signature());
    decisions
        .extend(signatures.map(|tag| judge.signature(tag, &live).about(Item::Tag(tag.clone()))));
    let by_name = |decision: &Decision| match &decision.item {
        Item::Tag(tag) => tag.name.clone(),
        Item::Manifest(_) => unreachable!("only tags so far"),
    };
    decisions.sort_by_key(by_name);
    decisions.extend(judge.dead_manifests(&live));
    Plan { decisions }
}

struct Judge<'a> {
    contents: &'a Contents,
    policies: &'a [&'a Policy],
    now: Timestamp,
    manifests: HashMap<&'a Digest, &'a HeldManifest>,
    referrers: HashMap<&'a Digest, Vec<&'a HeldManifest>>,
    kinds: HashMap<&'a Digest, Vec<String>>,
    /// Tags, the one that was moved last first.
    newest: Vec<&'a HeldTag>,
}

impl<'a> Judge<'a> {
    fn new(contents: &'a Contents, policies: &'a [&'a Policy], now: Timestamp) -> Self {
        let mut referrers = HashMap::<_, Vec<_>>::new();
        let mut kinds = HashMap::<_, Vec<_>>::new();
        for manifest in &contents.manifests {
            if let Some(subject) = &manifest.subject {
                referrers.entry(subject).or_default().push(manifest);
                let kind = manifest.artifact_type.clone().unwrap_or_default();
                kinds.entry(subject).or_default().push(kind);
            }
        }
        let mut newest: Vec<_> =
            contents.tags.iter().filter(|tag| !tag.name.is_signature()).collect();
        newest.sort_by(|a, b| (b.moved_at, &b.name).cmp(&(a.moved_at, &a.name)));
        let manifests =
            contents.manifests.iter().map(|manifest| (&manifest.digest, manifest)).collect();
        Self { contents, policies, now, manifests, referrers, kinds, newest }
    }

    fn place(&self, rule: &RetentionRule, tag: &Tag) -> Option<u64> {
        let is_among = |tag: &Tag| rule.among.as_ref().is_none_or(|among| among.matches(tag));
        let mut among = self.newest.iter().filter(|other| is_among(&other.name));
        among.position(|other| other.name == *tag).map(|place| place as u64)
    }

    /// The first rule that applies, and how it is called.
    fn first(
        &self,
        candidate: &Candidate<'_>,
        word: &str,
        rules: impl Fn(&'a Policy) -> &'a [RetentionRule],
    ) -> Option<(String, &'a RetentionRule)> {
        self.policies.iter().find_map(|policy| {
            rules(policy).iter().enumerate().find_map(|(index, rule)| {
                applies(rule, candidate, self.now, |tag| self.place(rule, tag))
                    .then(|| (format!("policy {} {word} {}", policy.name, index + 1), rule))
            })
        })
    }

    fn by_rules(&self, candidate: &Candidate<'_>) -> Verdict {
        if let Some((rule, found)) = self.first(candidate, "keep", |policy| &policy.keep) {
            return Verdict::keep(rule, words(found));
        }
        match self.first(candidate, "drop", |policy| &policy.discard) {
            Some((rule, found)) => Verdict { is_dropped: true, rule, words: words(found) },
            None => Verdict::keep("nothing", "no rule drops it"),
        }
    }

    fn tag(&self, tag: &HeldTag) -> Verdict {
        if let Some(by) = &tag.protection {
            return Verdict::held(by);
        }
        let manifest = self.manifests.get(&tag.digest);
        if let Some(by) = manifest.and_then(|manifest| manifest.protection.as_ref()) {
            return Verdict::held(by);
        }
        self.by_rules(&Candidate {
            tag: Some(&tag.name),
            moved_at: tag.moved_at,
            pulled_at: manifest.and_then(|manifest| manifest.pulled_at),
            referrers: self.kinds.get(&tag.digest).map(Vec::as_slice).unwrap_or_default(),
        })
    }

    /// What no rule would drop if no tag led to it.
    fn untagged(&self, manifest: &HeldManifest) -> Verdict {
        if let Some(by) = &manifest.protection {
            return Verdict::held(by);
        }
        self.by_rules(&Candidate {
            tag: None,
            moved_at: manifest.pushed_at,
            pulled_at: manifest.pulled_at,
            referrers: self.kinds.get(&manifest.digest).map(Vec::as_slice).unwrap_or_default(),
        })
    }

    /// Everything that stays: what the tags that are kept lead to, what no rule drops, what these are made of, and what
    /// refers to them. What is about something that was never here, or has gone, is judged like anything without a tag.
    fn live(&self, roots: Vec<Digest>) -> HashSet<Digest> {
        let stays = |manifest: &&HeldManifest| !self.untagged(manifest).is_dropped;
        let mut next: Vec<Digest> = roots;
        next.extend(
            self.contents.manifests.iter().filter(stays).map(|manifest| manifest.digest.clone()),
        );
        let held = self.contents.tags.iter().filter(|tag| tag.protection.is_some());
        next.extend(held.map(|tag| tag.digest.clone()));
        let mut signatures = HashMap::<Digest, Vec<&Digest>>::new();
        for tag in &self.contents.tags {
            if let Some(subject) = subject_of(&tag.name) {
                signatures.entry(subject).or_default().push(&tag.digest);
            }
        }
        let mut live = HashSet::new();
        while let Some(digest) = next.pop() {
            if !live.insert(digest.clone()) {
                continue;
            }
            let children = self.manifests.get(&digest).map(|manifest| &manifest.children);
            next.extend(children.into_iter().flatten().cloned());
            let referrers = self.referrers.get(&digest).into_iter().flatten();
            next.extend(referrers.map(|manifest| manifest.digest.clone()));
            let signatures = signatures.get(&digest).into_iter().flatten();
            next.extend(signatures.map(|digest| (*digest).clone()));
        }
        live
    }

    /// A tag under which something is kept for a manifest goes when that has gone.
    fn signature(&self, tag: &HeldTag, live: &HashSet<Digest>) -> Verdict {
        if let Some(by) = &tag.protection {
            return Verdict::held(by);
        }
        let subject = subject_of(&tag.name);
        if subject.as_ref().is_some_and(|subject| live.contains(subject)) {
            return Verdict::keep("subject", "what it is about is kept");
        }
        if live.contains(&tag.digest) {
            return Verdict::keep("nothing", "no rule drops what it names");
        }
        let manifest = self.manifests.get(&tag.digest);
        let verdict = manifest.map(|manifest| self.untagged(manifest));
        let dropped = verdict.filter(|verdict| verdict.is_dropped);
        dropped.map_or_else(
            || Verdict::keep("nothing", "no rule drops it"),
            |verdict| Verdict { words: "what it is about is not here any more".into(), ..verdict },
        )
    }

    fn dead_manifests(&self, live: &HashSet<Digest>) -> Vec<Decision> {
        let dead: Vec<_> = self
            .contents
            .manifests
            .iter()
            .filter(|manifest| !live.contains(&manifest.digest))
            .collect();
        let mut seen = HashSet::new();
        let mut order = Vec::with_capacity(dead.len());
        for manifest in dead {
            self.after_its_children(manifest, live, &mut seen, &mut order);
        }
        // Whoever is made of others goes before them.
        order.reverse();
        let about = |manifest: &HeldManifest| {
            self.untagged(manifest).about(Item::Manifest(manifest.clone()))
        };
        order.into_iter().map(about).collect()
    }

    /// Children first, and without recursion: indexes may be nested as deep as anybody likes.
    fn after_its_children(
        &self,
        manifest: &'a HeldManifest,
        live: &HashSet<Digest>,
        seen: &mut HashSet<&'a Digest>,
        order: &mut Vec<&'a HeldManifest>,
    ) {
        let mut stack = vec![(manifest, false)];
        while let Some((manifest, is_expanded)) = stack.pop() {
            if is_expanded {
                order.push(manifest);
            } else if seen.insert(&manifest.digest) {
                stack.push((manifest, true));
                let children = manifest.children.iter().filter(|child| !live.contains(*child));
                stack.extend(
                    children.filter_map(|child| Some((*self.manifests.get(child)?, false))),
                );
            }
        }
    }
}

/// What a tag such as `sha256-HEX.sig` is about.
fn subject_of(tag: &Tag) -> Option<Digest> {
    if !tag.is_signature() {
        return None;
    }
    let (algorithm, rest) = tag.as_str().split_once('-')?;
    let hex = rest.split('.').next()?;
    // The tag of a sha512 digest holds half of it, and is found by nobody.
    let algorithm = (algorithm == "sha256").then_some(Algorithm::Sha256)?;
    format!("{algorithm}:{hex}").parse().ok()
}
