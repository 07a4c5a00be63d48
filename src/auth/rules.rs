//! The rules of access, held in memory as a whole. Pure: the same function decides and explains.
//!
//! A decision looks a repository's name up among the rules about each of the principal's subjects: by the whole name, by
//! each namespace that it lies in, and among the globs that begin in one of these. What it costs depends on the depth of
//! the name and on the globs of its namespaces, not on how many rules there are.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::meta::{ADMINISTRATOR, Binding, Effect, Subject, What};
use crate::oci::{Action, Actions, RepositoryName, RepositoryPattern};

/// A rule as it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub id: i64,
    /// Whom it is about.
    pub subject: Subject,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// The role that it gives, if it names one.
    pub role: Option<String>,
    /// What it allows or denies.
    pub actions: Actions,
    /// On which repositories.
    pub pattern: RepositoryPattern,
}

/// `rule 7: group:devs may pull,push (writer) on team/**`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.effect {
            Effect::Allow => "may",
            Effect::Deny => "may not",
        };
        write!(f, "rule {}: {} {verb} {}", self.id, self.subject, self.actions)?;
        if let Some(role) = &self.role {
            write!(f, " ({role})")?;
        }
        write!(f, " on {}", self.pattern)
    }
}

impl From<Binding> for Rule {
    fn from(binding: Binding) -> Self {
        let role = match binding.rule.what {
            What::Role(name) => Some(name),
            What::Actions(_) => None,
        };
        Self {
            id: binding.id,
            subject: binding.rule.subject,
            effect: binding.rule.effect,
            role,
            actions: binding.actions,
            pattern: binding.rule.pattern,
        }
    }
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This one allows it, and none denies it.
    Allowed(Arc<Rule>),
    /// This one denies it, whatever others allow.
    Denied(Arc<Rule>),
    /// None allows it.
    NoRule,
}

/// A part of the list of repositories.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// One repository.
    Name(String),
    /// Those whose names begin so.
    Prefix(String),
}

/// All rules.
#[derive(Clone, Default)]
pub struct Rules {
    epoch: u64,
    count: usize,
    subjects: HashMap<Subject, Index>,
}

#[derive(Clone, Default)]
struct Index {
    names: HashMap<Box<str>, Vec<Arc<Rule>>>,
    /// By the namespace, with its `/`; empty for `**`.
    spaces: HashMap<Box<str>, Vec<Arc<Rule>>>,
    /// By the namespace that the glob's first star stands in.
    globs: HashMap<Box<str>, Vec<Arc<Rule>>>,
    administers: bool,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({} in epoch {})", self.count, self.epoch)
    }
}

/// The namespaces that a name lies in, the widest first: for `a/b/c` they are the whole registry, `a/` and `a/b/`.
fn spaces(name: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(name.match_indices('/').map(|(at, _)| &name[..=at]))
}

impl Rules {
    /// Puts rules that were read in `epoch` in order.
    #[must_use]
    pub fn new(epoch: u64, bindings: Vec<Binding>) -> Self {
        let mut rules = Self { epoch, count: bindings.len(), subjects: HashMap::new() };
        for rule in bindings.into_iter().map(Rule::from).map(Arc::new) {
            let index = rules.subjects.entry(rule.subject.clone()).or_default();
            let pattern = &rule.pattern;
            index.administers |= rule.effect == Effect::Allow
                && pattern.is_everything()
                && rule.role.as_deref() == Some(ADMINISTRATOR);
            let place = if let Some(space) = pattern.namespace() {
                index.spaces.entry(space.into())
            } else if pattern.is_name() {
                index.names.entry(pattern.as_str().into())
            } else {
                let prefix = pattern.literal_prefix();
                let space = &prefix[..prefix.rfind('/').map_or(0, |at| at + 1)];
                index.globs.entry(space.into())
            };
            place.or_default().push(rule);
        }
        rules
    }

    /// When they were read.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Every rule about one of the subjects that fits the name.
    fn about<'a>(
        &'a self,
        subjects: &'a [Subject],
        name: &'a RepositoryName,
    ) -> impl Iterator<Item = &'a Arc<Rule>> {
        subjects.iter().filter_map(|subject| self.subjects.get(subject)).flat_map(move |index| {
            let text = name.as_str();
            let whole = index.names.get(text).into_iter().flatten();
            let within = spaces(text).filter_map(|space| index.spaces.get(space)).flatten();
            let globs = spaces(text)
                .filter_map(|space| index.globs.get(space))
                .flatten()
                .filter(move |rule| rule.pattern.matches(name));
            whole.chain(within).chain(globs)
        })
    }

    /// Whether the subjects may do something to a repository, and by which rule: of several that say the same, the one with
    /// the lowest number.
    #[must_use]
    pub fn decide(&self, subjects: &[Subject], action: Action, name: &RepositoryName) -> Verdict {
        let (mut allowed, mut denied): (Option<&Arc<Rule>>, Option<&Arc<Rule>>) = (None, None);
        for rule in self.about(subjects, name) {
            // To deny a part of what is wanted is to deny it.
            let (best, concerned) = match rule.effect {
                Effect::Allow => (&mut allowed, rule.actions.has(action)),
                Effect::Deny => {
                    let wanted = Actions::from_iter([action]);
                    (&mut denied, !rule.actions.intersection(wanted).is_empty())
                }
            };
            if concerned && best.is_none_or(|best| rule.id < best.id) {
                *best = Some(rule);
            }
        }
        match (denied, allowed) {
            (Some(rule), _) => Verdict::Denied(Arc::clone(rule)),
            (None, Some(rule)) => Verdict::Allowed(Arc::clone(rule)),
            (None, None) => Verdict::NoRule,
        }
    }

    /// Every rule about one of the subjects that fits the name, by number.
    #[must_use]
    pub fn fitting(&self, subjects: &[Subject], name: &RepositoryName) -> Vec<Arc<Rule>> {
        let mut found: Vec<_> = self.about(subjects, name).cloned().collect();
        found.sort_by_key(|rule| rule.id);
        found
    }

    /// The roles that a subject has on every repository.
    #[must_use]
    pub fn roles_everywhere(&self, subject: &Subject) -> Vec<String> {
        let everywhere =
            self.subjects.get(subject).and_then(|index| index.spaces.get("")).into_iter().flatten();
        everywhere
            .filter(|rule| rule.effect == Effect::Allow)
            .filter_map(|rule| rule.role.clone())
            .collect()
    }

    /// All that the subjects may do to a repository.
    #[must_use]
    pub fn allowed(&self, subjects: &[Subject], name: &RepositoryName) -> Actions {
        let (mut allowed, mut denied) = (Actions::NONE, Actions::NONE);
        for rule in self.about(subjects, name) {
            match rule.effect {
                Effect::Allow => allowed = allowed.union(rule.actions),
                Effect::Deny => denied = denied.union(rule.actions),
            }
        }
        allowed.without(denied)
    }

    /// Whether one of the subjects administers the registry itself.
    #[must_use]
    pub fn administer(&self, subjects: &[Subject]) -> Option<&Arc<Rule>> {
        subjects
            .iter()
            .filter_map(|subject| self.subjects.get(subject).filter(|index| index.administers))
            .filter_map(|index| index.spaces.get(""))
            .flatten()
            .find(|rule| {
                rule.effect == Effect::Allow && rule.role.as_deref() == Some(ADMINISTRATOR)
            })
    }

    /// Whether the subjects may do something to every repository that a pattern matches, now and later: whoever gives
    /// rights on a namespace must have them on all of it.
    #[must_use]
    pub fn allow_on_all(
        &self,
        subjects: &[Subject],
        action: Action,
        pattern: &RepositoryPattern,
    ) -> Option<&Arc<Rule>> {
        let all = || {
            let indexes = subjects.iter().filter_map(|subject| self.subjects.get(subject));
            indexes.flat_map(|index| {
                index.names.values().chain(index.spaces.values()).chain(index.globs.values())
            })
        };
        // A denial anywhere near is taken for one of a part of the pattern.
        let denied = all().flatten().any(|rule| {
            rule.effect == Effect::Deny
                && rule.actions.has(action)
                && (rule.pattern.literal_prefix().starts_with(pattern.literal_prefix())
                    || pattern.literal_prefix().starts_with(rule.pattern.literal_prefix()))
        });
        if denied {
            return None;
        }
        all().flatten().find(|rule| {
            rule.effect == Effect::Allow && rule.actions.has(action) && rule.pattern.covers(pattern)
        })
    }

    /// Where the repositories are that the subjects may do something to: parts of the list that do not overlap, in order.
    /// They may hold others as well.
    #[must_use]
    pub fn spans(&self, subjects: &[Subject], action: Action) -> Vec<Span> {
        let mut found = BTreeSet::new();
        for index in subjects.iter().filter_map(|subject| self.subjects.get(subject)) {
            let lists =
                index.names.values().chain(index.spaces.values()).chain(index.globs.values());
            for rule in lists.flatten() {
                if rule.effect == Effect::Allow && rule.actions.has(action) {
                    found.insert(if rule.pattern.is_name() {
                        Span::Name(rule.pattern.as_str().to_owned())
                    } else {
                        Span::Prefix(rule.pattern.literal_prefix().to_owned())
                    });
                }
            }
        }
        without_overlaps(found)
    }

    /// Whether anybody at all may do something without being logged in.
    #[must_use]
    pub fn has_public(&self) -> bool {
        self.subjects.get(&Subject::everyone()).is_some_and(|index| {
            let lists =
                index.names.values().chain(index.spaces.values()).chain(index.globs.values());
            lists.flatten().any(|rule| rule.effect == Effect::Allow)
        })
    }
}

fn without_overlaps(found: BTreeSet<Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = found.into_iter().collect();
    let text = |span: &Span| match span {
        Span::Name(text) | Span::Prefix(text) => text.clone(),
    };
    // By their text; of two with the same one, the wider comes first.
    spans.sort_by_cached_key(|span| (text(span), matches!(span, Span::Name(_))));
    let mut kept: Vec<Span> = Vec::new();
    for span in spans {
        let inside = kept.last().is_some_and(|last| match last {
            Span::Prefix(prefix) => text(&span).starts_with(prefix),
            Span::Name(_) => *last == span,
        });
        if !inside {
            kept.push(span);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::meta::NewBinding;

    fn binding(id: i64, subject: &str, effect: Effect, actions: &str, pattern: &str) -> Binding {
        let actions = actions.parse().unwrap();
        Binding {
            id,
            rule: NewBinding {
                subject: subject.parse().unwrap(),
                effect,
                what: What::Actions(actions),
                pattern: pattern.parse().unwrap(),
                note: String::new(),
            },
            actions,
            created_at: Timestamp::from_millis(0),
            created_by: "test".into(),
        }
    }

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn the_rule_that_decides_is_named() {
        use Effect::{Allow, Deny};
        let rules = Rules::new(
            1,
            vec![
                binding(1, "user:ann", Allow, "pull", "team/**"),
                binding(2, "group:devs", Allow, "pull,push", "team/*"),
                binding(3, "everyone", Deny, "push", "team/frozen"),
                binding(4, "user:ann", Allow, "delete", "team/app"),
            ],
        );
        let ann = [Subject::user("ann"), Subject::group("devs"), Subject::everyone()];
        let by = |action, text: &str| match rules.decide(&ann, action, &name(text)) {
            Verdict::Allowed(rule) => rule.id,
            Verdict::Denied(rule) => -rule.id,
            Verdict::NoRule => 0,
        };
        assert_eq!(by(Action::Pull, "team/app"), 1);
        assert_eq!(by(Action::Push, "team/app"), 2);
        assert_eq!(by(Action::Push, "team/a/b"), 0);
        assert_eq!(by(Action::Push, "team/frozen"), -3);
        assert_eq!(by(Action::Pull, "team/frozen"), 1);
        assert_eq!(by(Action::Delete, "team/app"), 4);
        assert_eq!(by(Action::Delete, "other"), 0);
        let frozen = rules.decide(&ann, Action::Push, &name("team/frozen"));
        let Verdict::Denied(rule) = frozen else { panic!("{frozen:?}") };
        assert_eq!(rule.to_string(), "rule 3: everyone may not push on team/frozen");
        assert_eq!(rules.allowed(&ann, &name("team/frozen")).to_string(), "pull");
    }

    #[test]
    fn the_list_is_read_where_there_is_something_to_see() {
        use Effect::Allow;
        let rules = Rules::new(
            1,
            vec![
                binding(1, "user:ann", Allow, "pull", "team/**"),
                binding(2, "user:ann", Allow, "pull", "team/app"),
                binding(3, "user:ann", Allow, "pull", "public/x*"),
                binding(4, "user:ann", Allow, "pull", "alone"),
                binding(5, "user:bob", Allow, "pull", "**"),
            ],
        );
        let (name, prefix) =
            (|text: &str| Span::Name(text.into()), |text: &str| Span::Prefix(text.into()));
        assert_eq!(
            rules.spans(&[Subject::user("ann")], Action::Pull),
            [name("alone"), prefix("public/x"), prefix("team/")]
        );
        assert_eq!(rules.spans(&[Subject::user("bob")], Action::Pull), [prefix("")]);
        assert_eq!(rules.spans(&[Subject::user("eve")], Action::Pull), []);
        assert!(!rules.has_public());
    }

    /// The same by going through all rules.
    fn by_the_book(
        bindings: &[Binding],
        subjects: &[Subject],
        action: Action,
        name: &RepositoryName,
    ) -> i64 {
        let fits = |binding: &&Binding, effect| {
            binding.rule.effect == effect
                && subjects.contains(&binding.rule.subject)
                && binding.rule.pattern.matches(name)
                && binding.actions.has(action)
        };
        let first = |effect| {
            bindings.iter().filter(|binding| fits(binding, effect)).map(|binding| binding.id).min()
        };
        match (first(Effect::Deny), first(Effect::Allow)) {
            (Some(id), _) => -id,
            (None, Some(id)) => id,
            (None, None) => 0,
        }
    }

    fn any_binding() -> impl Strategy<Value = (String, bool, String, String)> {
        (
            prop::sample::select(vec!["user:a", "group:g", "everyone", "user:b"])
                .prop_map(str::to_owned),
            any::<bool>(),
            prop::sample::subsequence(vec!["pull", "push", "delete", "sign", "manage"], 1..5)
                .prop_map(|list| list.join(",")),
            prop::sample::select(vec![
                "a", "a/b", "a/*", "a/**", "**", "*", "*/b", "**/b", "a/b*", "a*/b", "a/*/c",
                "a/b/**",
            ])
            .prop_map(str::to_owned),
        )
    }

    proptest! {
        #[test]
        fn the_index_decides_as_all_rules_do(
            rules in prop::collection::vec(any_binding(), 0..12),
            name in prop::sample::select(vec!["a", "b", "a/b", "a/bc", "a/b/c", "ab/b", "x/y/b"]),
        ) {
            let bindings: Vec<Binding> = rules.iter().zip(1..).map(|((subject, allow, actions, pattern), id)| {
                binding(id, subject, if *allow { Effect::Allow } else { Effect::Deny }, actions, pattern)
            }).collect();
            let compiled = Rules::new(1, bindings.clone());
            let subjects = [Subject::user("a"), Subject::group("g"), Subject::everyone()];
            let name: RepositoryName = name.parse().unwrap();
            let mut allowed = Actions::NONE;
            for action in Action::EACH {
                let decided = match compiled.decide(&subjects, action, &name) {
                    Verdict::Allowed(rule) => rule.id,
                    Verdict::Denied(rule) => -rule.id,
                    Verdict::NoRule => 0,
                };
                prop_assert_eq!(decided, by_the_book(&bindings, &subjects, action, &name));
                if decided > 0 {
                    allowed = allowed.union(Actions::from_iter([action]));
                    let seen = compiled.spans(&subjects, action).iter().any(|span| match span {
                        Span::Name(text) => text == name.as_str(),
                        Span::Prefix(text) => name.as_str().starts_with(text.as_str()),
                    });
                    prop_assert!(seen, "{} is in no span", name);
                }
            }
            prop_assert_eq!(compiled.allowed(&subjects, &name), allowed);
        }
    }
}
