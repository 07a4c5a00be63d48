//! Rules that make tags immutable.

use super::event::{self, Actor, EventKind, NewEvent};
use super::token::{from_json, to_json};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{RepositoryName, RepositoryPattern, Tag, TagPattern};

/// A rule to be made: which tags of which repositories stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImmutability {
    /// Repositories.
    pub repositories: Vec<RepositoryPattern>,
    /// Repositories that are not meant, although they fit.
    pub except_repositories: Vec<RepositoryPattern>,
    /// Tags.
    pub tags: Vec<TagPattern>,
    /// Tags that are not meant, although they fit.
    pub except_tags: Vec<TagPattern>,
    /// Why, for people.
    pub why: String,
}

/// A rule that makes tags immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Immutability {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub new: NewImmutability,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

impl NewImmutability {
    /// Whether it is about a repository.
    #[must_use]
    pub fn is_about(&self, name: &RepositoryName) -> bool {
        self.repositories.iter().any(|pattern| pattern.matches(name))
            && !self.except_repositories.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether a tag of a repository that it is about is immutable. Those under which signatures and referrers are kept
    /// never are: they have to grow with what they are about.
    #[must_use]
    pub fn fixes(&self, tag: &Tag) -> bool {
        !tag.is_signature()
            && self.tags.iter().any(|pattern| pattern.matches(tag))
            && !self.except_tags.iter().any(|pattern| pattern.matches(tag))
    }
}

fn read(row: &Row<'_>) -> Result<Immutability, Error> {
    let globs = |column: &str| row.get::<String>(column);
    Ok(Immutability {
        id: row.get("id")?,
        new: NewImmutability {
            repositories: from_json("repositories", &globs("repositories")?)?,
            except_repositories: from_json("except_repositories", &globs("except_repositories")?)?,
            tags: from_json("tags", &globs("tags")?)?,
            except_tags: from_json("except_tags", &globs("except_tags")?)?,
            why: row.get("why")?,
        },
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

const COLUMNS: &str =
    "id, repositories, except_repositories, tags, except_tags, why, created_at, created_by";

/// The rules about a repository. There are few rules in all.
pub(super) fn about(tx: &mut Tx<'_>, name: &RepositoryName) -> Result<Vec<Immutability>, Error> {
    let mut rules = list(tx)?;
    rules.retain(|rule| rule.new.is_about(name));
    Ok(rules)
}

fn list(tx: &mut Tx<'_>) -> Result<Vec<Immutability>, Error> {
    tx.query(&format!("SELECT {COLUMNS} FROM immutability_rule ORDER BY id"), (), read)
}

fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Immutability>, Error> {
    tx.find(&format!("SELECT {COLUMNS} FROM immutability_rule WHERE id = $1"), (id,), read)
}

fn note(
    tx: &mut Tx<'_>,
    id: i64,
    rule: &NewImmutability,
    what: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let detail = serde_json::json!({
        what: true, "repositories": rule.repositories, "except_repositories": rule.except_repositories,
        "tags": rule.tags, "except_tags": rule.except_tags, "why": rule.why,
    });
    let target = id.to_string();
    let event = NewEvent::about(EventKind::ImmutabilityChange, &target).with(detail);
    event::append(tx, event, by, now).map(drop)
}

fn add(
    tx: &mut Tx<'_>,
    new: &NewImmutability,
    by: &Actor,
    now: Timestamp,
) -> Result<Option<Immutability>, Error> {
    let id = tx.find(
        "INSERT INTO immutability_rule (repositories, except_repositories, tags, except_tags, why, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id",
        (
            to_json(&new.repositories),
            to_json(&new.except_repositories),
            to_json(&new.tags),
            to_json(&new.except_tags),
            &new.why,
            now,
            &*by.name,
        ),
        |row| row.get::<i64>("id"),
    )?;
    let Some(id) = id else { return Ok(None) };
    note(tx, id, new, "added", by, now)?;
    find(tx, id)
}

impl Meta {
    /// The rules that make tags immutable.
    pub async fn list_immutability(&self) -> Result<Vec<Immutability>, Error> {
        self.db.read(list).await
    }

    /// A rule by its number.
    pub async fn find_immutability(&self, id: i64) -> Result<Option<Immutability>, Error> {
        self.db.read(move |tx| find(tx, id)).await
    }

    /// Makes a rule.
    pub async fn add_immutability(
        &self,
        new: NewImmutability,
        by: &Actor,
    ) -> Result<Immutability, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        let made = self.db.write(move |tx| add(tx, &new, &by, now)).await?;
        made.ok_or_else(|| Error::Corrupt {
            column: "id".into(),
            what: "an insert returned no row".into(),
        })
    }

    /// Removes a rule; says whether there was one.
    pub async fn remove_immutability(&self, id: i64, by: &Actor) -> Result<bool, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(rule) = find(tx, id)? else { return Ok(false) };
                tx.execute("DELETE FROM immutability_rule WHERE id = $1", (id,))?;
                note(tx, id, &rule.new, "removed", &by, now)?;
                Ok(true)
            })
            .await
    }
}
