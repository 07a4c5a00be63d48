//! Whom a rule is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::tx::{FromColumn, ToValue, Value};

/// Whom a rule is about, written as `user:ann`, `group:devs` or `everyone`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject {
    text: Box<str>,
    colon: usize,
}

/// The kinds of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// A person's account.
    User,
    /// A program's account.
    Robot,
    /// The members of a group.
    Group,
    /// Whoever shows a token of an issuer, or a certificate, that a federation rule accepts.
    Workload,
    /// Whoever proved to be somebody.
    Authenticated,
    /// Anybody, logged in or not.
    Everyone,
}

/// Text that is no subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is nobody a rule can be about: write `user:NAME`, `robot:NAME`, `group:NAME`, `workload:RULE`, \
     `authenticated` or `everyone`"
)]
pub struct InvalidSubject(String);

/// The longest name of a group: those of directories are long.
const LONGEST_NAME: usize = 255;

impl Subject {
    /// A person.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self::named("user", name)
    }

    /// A program.
    #[must_use]
    pub fn robot(name: &str) -> Self {
        Self::named("robot", name)
    }

    /// A group.
    #[must_use]
    pub fn group(name: &str) -> Self {
        Self::named("group", name)
    }

    /// What a federation rule accepts.
    #[must_use]
    pub fn workload(rule: &str) -> Self {
        Self::named("workload", rule)
    }

    /// Whoever is logged in.
    #[must_use]
    pub fn authenticated() -> Self {
        Self { text: "authenticated".into(), colon: "authenticated".len() }
    }

    /// Anybody.
    #[must_use]
    pub fn everyone() -> Self {
        Self { text: "everyone".into(), colon: "everyone".len() }
    }

    fn named(kind: &str, name: &str) -> Self {
        Self { text: format!("{kind}:{name}").into(), colon: kind.len() }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What kind of subject it is.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        match &self.text[..self.colon] {
            "user" => SubjectKind::User,
            "robot" => SubjectKind::Robot,
            "group" => SubjectKind::Group,
            "workload" => SubjectKind::Workload,
            "authenticated" => SubjectKind::Authenticated,
            _ => SubjectKind::Everyone,
        }
    }

    /// The name behind the kind; empty for those that have none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let invalid = || InvalidSubject(text.chars().take(100).collect());
        match text.split_once(':') {
            None if text == "everyone" => Ok(Self::everyone()),
            None if text == "authenticated" => Ok(Self::authenticated()),
            Some((kind @ ("user" | "robot" | "group" | "workload"), name)) => {
                let plain = !name.is_empty()
                    && name.len() <= LONGEST_NAME
                    && name.trim() == name
                    && !name.chars().any(char::is_control);
                if plain { Ok(Self::named(kind, name)) } else { Err(invalid()) }
            }
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = InvalidSubject;

    fn try_from(text: String) -> Result<Self, InvalidSubject> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.text.into()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl ToValue for Subject {
    fn to_value(&self) -> Value<'_> {
        Value::Text(&self.text)
    }
}

impl FromColumn for Subject {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        String::from_column(value)?.parse().map_err(|error: InvalidSubject| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_read_and_print_alike() {
        for (text, kind, name) in [
            ("user:ann", SubjectKind::User, "ann"),
            ("group:entra/a b", SubjectKind::Group, "entra/a b"),
            ("group:a:b", SubjectKind::Group, "a:b"),
            ("workload:build", SubjectKind::Workload, "build"),
            ("everyone", SubjectKind::Everyone, ""),
            ("authenticated", SubjectKind::Authenticated, ""),
        ] {
            let subject: Subject = text.parse().unwrap();
            assert_eq!((subject.as_str(), subject.kind(), subject.name()), (text, kind, name));
        }
        assert_eq!(Subject::group("x"), "group:x".parse().unwrap());
        for bad in ["", "ann", "user:", "user: ann", "team:x", "everyone:x", "group:a\nb"] {
            assert!(bad.parse::<Subject>().is_err(), "{bad}");
        }
    }
}
