//! What stands in the way of a change: locks, and rules that make tags immutable. Asked in the transaction of the change,
//! before its first row.

use std::collections::HashSet;
use std::fmt;

use super::immutability::{self, Immutability};
use super::lock::{self, Lock};
use super::repository::RepositoryId;
use super::tx::Tx;
use super::{Error, tag};
use crate::clock::Timestamp;
use crate::oci::{Digest, Reference, RepositoryName, Tag};

/// What holds something where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// A lock that somebody made.
    Lock(Lock),
    /// A rule that makes a tag immutable.
    Rule {
        /// The rule.
        rule: Immutability,
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// What it points at.
        digest: Digest,
    },
}

impl Protection {
    /// For the audit trail, and for lists.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Lock(lock) => format!("lock {}", lock.id),
            Self::Rule { rule, .. } => format!("immutability rule {}", rule.id),
        }
    }
}

/// Clients show this to people: it says what holds, who wants it so, why, and until when.
impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(Lock { id, new, created_at, created_by }) => {
                let target = new.target();
                write!(
                    f,
                    "{target} is locked against {} by {created_by} since {created_at}",
                    new.forbidden
                )?;
                if let Some(until) = new.until {
                    write!(f, ", until {until}")?;
                }
                write!(f, ": {} (lock {id}; `berth unlock {target}` takes it off)", new.why)
            }
            Self::Rule { rule, repository, tag, digest } => {
                write!(
                    f,
                    "the tag {tag} of {repository} is immutable and stays at {digest}, by rule {} of {}",
                    rule.id, rule.created_by
                )?;
                if !rule.new.why.is_empty() {
                    write!(f, ": {}", rule.new.why)?;
                }
                f.write_str("; push under another tag")
            }
        }
    }
}

/// All that holds something in a repository.
pub(super) struct Guard<'a> {
    name: &'a RepositoryName,
    locks: Vec<Lock>,
    rules: Vec<Immutability>,
}

type Found = Result<Option<Box<Protection>>, Error>;

/// Whether a lock forbids a deletion: what is deleted is changed, too.
fn forbids_deletion(lock: &Lock) -> bool {
    lock.new.forbidden.write || lock.new.forbidden.delete
}

impl<'a> Guard<'a> {
    pub(super) fn load(
        tx: &mut Tx<'_>,
        name: &'a RepositoryName,
        now: Timestamp,
    ) -> Result<Self, Error> {
        Ok(Self {
            name,
            locks: lock::in_force(tx, name, now)?,
            rules: immutability::about(tx, name)?,
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.locks.is_empty() && self.rules.is_empty()
    }

    /// What forbids to point tags at `digest`. A tag that points there already may be pushed again.
    pub(super) fn of_push(
        &self,
        tx: &mut Tx<'_>,
        repository: Option<RepositoryId>,
        tags: &[Tag],
        digest: &Digest,
    ) -> Found {
        if self.is_idle() {
            return Ok(None);
        }
        let whole = |lock: &&Lock| lock.new.forbidden.write && lock.new.reference.is_none();
        if let Some(lock) = self.locks.iter().find(whole) {
            return Ok(Some(Box::new(Protection::Lock(lock.clone()))));
        }
        for tag in tags {
            let current = match repository {
                Some(repository) => tag::find_target(tx, repository, tag)?,
                None => None,
            };
            if current.as_ref() == Some(digest) {
                continue;
            }
            let reference = Reference::Tag(tag.clone());
            let mine = |lock: &&Lock| lock.new.forbidden.write && lock.is_about(&reference);
            if let Some(lock) = self.locks.iter().find(mine) {
                return Ok(Some(Box::new(Protection::Lock(lock.clone()))));
            }
            if let Some(current) = current
                && let Some(hold) = self.rule_on(tag, current)
            {
                return Ok(Some(Box::new(hold)));
            }
        }
        Ok(None)
    }

    fn rule_on(&self, tag: &Tag, digest: Digest) -> Option<Protection> {
        let rule = self.rules.iter().find(|rule| rule.new.fixes(tag))?;
        Some(Protection::Rule {
            rule: rule.clone(),
            repository: self.name.clone(),
            tag: tag.clone(),
            digest,
        })
    }

    /// What forbids to delete a tag that points at `digest`.
    pub(super) fn of_tag(&self, tag: &Tag, digest: &Digest) -> Option<Box<Protection>> {
        let reference = Reference::Tag(tag.clone());
        let lock =
            self.locks.iter().find(|lock| forbids_deletion(lock) && lock.is_about(&reference));
        let hold =
            lock.cloned().map(Protection::Lock).or_else(|| self.rule_on(tag, digest.clone()));
        hold.map(Box::new)
    }

    /// What forbids to delete the manifest of a digest, by itself: not by its tags, nor by what is made of it.
    pub(super) fn of_digest(&self, digest: &Digest) -> Option<Box<Protection>> {
        let reference = Reference::Digest(digest.clone());
        let lock =
            self.locks.iter().find(|lock| forbids_deletion(lock) && lock.is_about(&reference));
        lock.cloned().map(|lock| Box::new(Protection::Lock(lock)))
    }

    /// What forbids to delete a manifest or a blob: a lock on it or on one of its tags, or on anything that is made of it.
    pub(super) fn of_content(
        &self,
        tx: &mut Tx<'_>,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Found {
        if self.is_idle() {
            return Ok(None);
        }
        let mut seen = HashSet::from([digest.clone()]);
        let mut next = vec![digest.clone()];
        while let Some(digest) = next.pop() {
            if let Some(hold) = self.of_digest(&digest) {
                return Ok(Some(hold));
            }
            for tag in tags_of(tx, repository, &digest)? {
                if let Some(hold) = self.of_tag(&tag, &digest) {
                    return Ok(Some(hold));
                }
            }
            for parent in parents(tx, repository, &digest)? {
                if seen.insert(parent.clone()) {
                    next.push(parent);
                }
            }
        }
        Ok(None)
    }

    /// What forbids to delete the repository: any lock in it, or an immutable tag.
    pub(super) fn of_repository(&self, tx: &mut Tx<'_>, repository: RepositoryId) -> Found {
        if let Some(lock) = self.locks.iter().find(|lock| forbids_deletion(lock)) {
            return Ok(Some(Box::new(Protection::Lock(lock.clone()))));
        }
        if self.rules.is_empty() {
            return Ok(None);
        }
        let (found, _) = tx.query_until(
            "SELECT tag.name, manifest.digest
               FROM tag
               JOIN manifest ON manifest.id = tag.manifest_id
              WHERE tag.repository_id = $1
              ORDER BY tag.name",
            (repository,),
            |row| Ok(Some((row.get::<Tag>("name")?, row.get::<Digest>("digest")?))),
        )?;
        let hold = found.into_iter().find_map(|(tag, digest)| self.rule_on(&tag, digest));
        Ok(hold.map(Box::new))
    }
}

fn tags_of(tx: &mut Tx<'_>, repository: RepositoryId, digest: &Digest) -> Result<Vec<Tag>, Error> {
    tx.query(
        "SELECT tag.name
           FROM tag
           JOIN manifest ON manifest.id = tag.manifest_id
          WHERE tag.repository_id = $1
            AND manifest.digest = $2",
        (repository, digest),
        |row| row.get("name"),
    )
}

/// Manifests of the repository that are made of this one.
fn parents(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<Vec<Digest>, Error> {
    tx.query(
        "SELECT parent.digest AS digest
           FROM manifest_reference AS reference
           JOIN repository_manifest AS owned ON owned.manifest_id = reference.parent_id
                                            AND owned.repository_id = $1
           JOIN manifest AS parent ON parent.id = reference.parent_id
          WHERE reference.child = $2
            AND reference.kind <> 'subject'",
        (repository, digest),
        |row| row.get("digest"),
    )
}
