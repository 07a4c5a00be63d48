//! What may be done to a repository.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Something that may be done to a repository or to the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Read manifests, blobs, tags and referrers.
    Pull,
    /// Write blobs, manifests and tags.
    Push,
    /// Remove tags, manifests and blobs.
    Delete,
    /// Push what has a `subject`, and signature tags; nothing else.
    Sign,
    /// Change the repository's settings and who may use it.
    Manage,
    /// Everything; what `registry:catalog:*` asks for. A scope may hold it, a rule holds what it stands for.
    #[serde(rename = "*")]
    All,
}

impl Action {
    /// All that a rule can allow or deny, the most common first.
    pub const EACH: [Self; 5] = [Self::Pull, Self::Push, Self::Delete, Self::Sign, Self::Manage];

    /// As it stands in a scope and in a rule.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::Sign => "sign",
            Self::Manage => "manage",
            Self::All => "*",
        }
    }

    /// As it stands in a scope; `None` for what no registry knows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::EACH.into_iter().chain([Self::All]).find(|action| action.as_str() == text)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no action: use `pull`, `push`, `delete`, `sign`, `manage`, or one of ACR's names (`content/read`, \
     `content/write`, `content/delete`, `metadata/read`, `metadata/write`)"
)]
pub struct InvalidAction(String);

impl FromStr for Action {
    type Err = InvalidAction;

    /// Also takes the names of Azure Container Registry's scope maps.
    fn from_str(text: &str) -> Result<Self, InvalidAction> {
        let named = Self::EACH.into_iter().find(|action| action.as_str() == text);
        let alias = match text {
            // Whoever may read the tags of a repository may read what they point at: Berth does not tell them apart.
            "content/read" | "metadata/read" => Some(Self::Pull),
            "content/write" => Some(Self::Push),
            "content/delete" => Some(Self::Delete),
            "metadata/write" => Some(Self::Manage),
            _ => None,
        };
        named.or(alias).ok_or_else(|| InvalidAction(text.chars().take(60).collect()))
    }
}

/// A set of actions. Small enough to be compared in one step.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Actions(u8);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);
    /// Every action.
    pub const ALL: Self = Self::of(&Action::EACH);

    /// These actions.
    #[must_use]
    pub const fn of(actions: &[Action]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < actions.len() {
            set |= Self::bits(actions[at]);
            at += 1;
        }
        Self(set)
    }

    const fn bits(action: Action) -> u8 {
        match action {
            Action::Pull => 1,
            Action::Push => 2,
            Action::Delete => 4,
            Action::Sign => 8,
            Action::Manage => 16,
            Action::All => 31,
        }
    }

    /// Whether it holds an action; every one for [`Action::All`].
    #[must_use]
    pub const fn has(self, action: Action) -> bool {
        let wanted = Self::bits(action);
        self.0 & wanted == wanted
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is here and not there.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each of them, in the order of [`Action::EACH`].
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::EACH.into_iter().filter(move |action| self.has(*action))
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions.into_iter().fold(Self::NONE, |set, action| Self(set.0 | Self::bits(action)))
    }
}

/// A scope's actions, as tokens carry them.
impl From<Actions> for BTreeSet<Action> {
    fn from(actions: Actions) -> Self {
        actions.iter().collect()
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, action) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(action.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl FromStr for Actions {
    type Err = InvalidAction;

    /// A list separated by commas; `*` is all of them.
    fn from_str(text: &str) -> Result<Self, InvalidAction> {
        if text.trim() == "*" {
            return Ok(Self::ALL);
        }
        text.split(',').map(|action| action.trim().parse::<Action>()).collect()
    }
}

impl TryFrom<Vec<String>> for Actions {
    type Error = InvalidAction;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidAction> {
        let parsed: Result<Vec<Self>, _> = names.iter().map(|name| name.parse()).collect();
        Ok(parsed?.into_iter().fold(Self::NONE, Self::union))
    }
}

impl Serialize for Actions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Action::as_str))
    }
}

impl<'de> Deserialize<'de> for Actions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_and_prints_alike() {
        let set: Actions = "push, pull".parse().unwrap();
        assert_eq!(set.to_string(), "pull,push");
        assert_eq!("*".parse::<Actions>().unwrap(), Actions::ALL);
        assert_eq!(Actions::ALL.to_string(), "pull,push,delete,sign,manage");
        assert!(set.has(Action::Push) && !set.has(Action::Delete) && !set.has(Action::All));
        assert!(Actions::ALL.has(Action::All));
        assert_eq!(set.without(Actions::of(&[Action::Push])).to_string(), "pull");
        assert!("fly".parse::<Actions>().unwrap_err().to_string().contains("`fly` is no action"));
        assert!("".parse::<Actions>().is_err());
    }

    #[test]
    fn the_names_of_acr_are_aliases() {
        for (name, action) in [
            ("content/read", Action::Pull),
            ("metadata/read", Action::Pull),
            ("content/write", Action::Push),
            ("content/delete", Action::Delete),
            ("metadata/write", Action::Manage),
        ] {
            assert_eq!(name.parse::<Action>().unwrap(), action);
            assert_eq!(Action::parse(name), None, "a token's scope does not know them");
        }
    }
}
