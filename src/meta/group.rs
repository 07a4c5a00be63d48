//! Groups of accounts: made here, or by the claims of a sign-in provider.

use super::account::{self, Account};
use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{Row, Tx};
use super::{Error, Meta, Subject, binding};
use crate::clock::Timestamp;

/// Who made a membership that no provider claims.
const LOCAL: &str = "local";

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The provider whose claims made it.
    pub provider: Option<String>,
    /// How many accounts are in it.
    pub members: u64,
    /// Since when.
    pub created_at: Timestamp,
}

/// Somebody in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub name: String,
    /// `local`, or the provider whose claims put it there, and will take it away.
    pub source: String,
}

/// What came of changing a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChanged {
    /// It is as it was wanted.
    Done,
    /// There is no such group.
    NoGroup,
    /// There is no such account.
    NoAccount,
}

fn find_id(tx: &mut Tx<'_>, name: &str) -> Result<Option<i64>, Error> {
    tx.find("SELECT id FROM account_group WHERE name = $1", (name,), |row| row.get("id"))
}

fn insert(
    tx: &mut Tx<'_>,
    name: &str,
    description: &str,
    provider: Option<&str>,
    now: Timestamp,
) -> Result<Option<i64>, Error> {
    tx.find(
        "INSERT INTO account_group (name, description, provider, created_at)
         VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING
         RETURNING id",
        (name, description, provider, now),
        |row| row.get("id"),
    )
}

fn read(row: &Row<'_>) -> Result<Group, Error> {
    Ok(Group {
        name: row.get("name")?,
        description: row.get("description")?,
        provider: row.get("provider")?,
        members: row.get("members")?,
        created_at: row.get("created_at")?,
    })
}

const COLUMNS: &str = "name, description, provider, created_at, \
     (SELECT COUNT(DISTINCT account_id) FROM group_member WHERE group_id = account_group.id) AS members";

/// The groups that a provider claims an account to be in.
pub(super) fn claimed(tx: &mut Tx<'_>, account: i64, provider: &str) -> Result<Vec<String>, Error> {
    tx.query(
        "SELECT account_group.name
           FROM group_member
           JOIN account_group ON account_group.id = group_member.group_id
          WHERE group_member.account_id = $1
            AND group_member.source = $2",
        (account, provider),
        |row| row.get("name"),
    )
}

/// Brings the memberships that a provider claims up to date; those that were made here stay.
pub(super) fn set_claimed(
    tx: &mut Tx<'_>,
    account: &Account,
    provider: &str,
    groups: &[String],
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let before = claimed(tx, account.id, provider)?;
    let note = |tx: &mut Tx<'_>, group: &str, what: &str| {
        let detail = serde_json::json!({ what: &*account.name, "source": provider });
        event::append(tx, NewEvent::about(EventKind::GroupChange, group).with(detail), by, now)
    };
    for group in groups.iter().filter(|group| !before.contains(group)) {
        let id = match find_id(tx, group)? {
            Some(id) => Some(id),
            None => insert(tx, group, "", Some(provider), now)?,
        };
        let Some(id) = id else { continue };
        let added = tx.execute(
            "INSERT INTO group_member (group_id, account_id, source)
             VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING",
            (id, account.id, provider),
        )?;
        if added == 1 {
            note(tx, group, "added")?;
        }
    }
    for group in before.iter().filter(|group| !groups.contains(group)) {
        let Some(id) = find_id(tx, group)? else { continue };
        tx.execute(
            "DELETE FROM group_member WHERE group_id = $1 AND account_id = $2 AND source = $3",
            (id, account.id, provider),
        )?;
        note(tx, group, "removed")?;
    }
    Ok(())
}

fn members_of(tx: &mut Tx<'_>, group: i64) -> Result<Vec<Member>, Error> {
    tx.query(
        "SELECT account.name, group_member.source
           FROM group_member
           JOIN account ON account.id = group_member.account_id
          WHERE group_member.group_id = $1
          ORDER BY account.name, group_member.source",
        (group,),
        |row| Ok(Member { name: row.get("name")?, source: row.get("source")? }),
    )
}

impl Meta {
    /// Up to `limit` groups in the order of their names, those after `after`.
    pub async fn list_groups(&self, after: &str, limit: u64) -> Result<Vec<Group>, Error> {
        let after = after.to_owned();
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM account_group
                      WHERE name > $1
                      ORDER BY name
                      LIMIT $2"
                );
                tx.query(&sql, (&after, limit), read)
            })
            .await
    }

    /// A group with its members.
    pub async fn find_group(&self, name: &str) -> Result<Option<(Group, Vec<Member>)>, Error> {
        let name = name.to_owned();
        self.db
            .read(move |tx| {
                let Some(id) = find_id(tx, &name)? else { return Ok(None) };
                let sql = format!("SELECT {COLUMNS} FROM account_group WHERE name = $1");
                let group = tx.find(&sql, (&name,), read)?;
                let members = members_of(tx, id)?;
                Ok(group.map(|group| (group, members)))
            })
            .await
    }

    /// Makes a group; says whether the name was free.
    pub async fn add_group(
        &self,
        name: &str,
        description: &str,
        by: &Actor,
    ) -> Result<bool, Error> {
        let (name, description) = (name.to_owned(), description.to_owned());
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                if insert(tx, &name, &description, None, now)?.is_none() {
                    return Ok(false);
                }
                let detail = serde_json::json!({ "made": true });
                let event = NewEvent::about(EventKind::GroupChange, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Changes what a group is for; says whether there is one.
    pub async fn describe_group(
        &self,
        name: &str,
        description: &str,
        by: &Actor,
    ) -> Result<bool, Error> {
        let (name, description) = (name.to_owned(), description.to_owned());
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let changed = tx.execute(
                    "UPDATE account_group SET description = $1 WHERE name = $2",
                    (&description, &name),
                )?;
                if changed == 0 {
                    return Ok(false);
                }
                let detail = serde_json::json!({ "description": description });
                let event = NewEvent::about(EventKind::GroupChange, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Removes a group and all rules about it; says whether there was one.
    pub async fn remove_group(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(id) = find_id(tx, &name)? else { return Ok(false) };
                for member in members_of(tx, id)? {
                    account::touch(tx, &member.name);
                }
                tx.execute("DELETE FROM account_group WHERE id = $1", (id,))?;
                binding::remove_all_of(tx, &Subject::group(&name), &by, now)?;
                let detail = serde_json::json!({ "removed": true });
                let event = NewEvent::about(EventKind::GroupChange, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Puts an account into a group, or takes it out; what a provider claims is left to the provider.
    pub async fn set_member(
        &self,
        group: &str,
        member: &str,
        is_member: bool,
        by: &Actor,
    ) -> Result<MemberChanged, Error> {
        let (group, member) = (group.to_owned(), member.to_owned());
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(id) = find_id(tx, &group)? else { return Ok(MemberChanged::NoGroup) };
                let Some(account) = account::find(tx, &member)? else {
                    return Ok(MemberChanged::NoAccount);
                };
                let changed = if is_member {
                    tx.execute(
                        "INSERT INTO group_member (group_id, account_id, source)
                         VALUES ($1, $2, $3)
                             ON CONFLICT DO NOTHING",
                        (id, account.id, LOCAL),
                    )?
                } else {
                    tx.execute(
                        "DELETE FROM group_member WHERE group_id = $1 AND account_id = $2 AND source = $3",
                        (id, account.id, LOCAL),
                    )?
                };
                if changed == 1 {
                    let what = if is_member { "added" } else { "removed" };
                    let detail = serde_json::json!({ what: member, "source": LOCAL });
                    let event = NewEvent::about(EventKind::GroupChange, &group).with(detail);
                    event::append(tx, event, &by, now)?;
                    account::touch(tx, &member);
                }
                Ok(MemberChanged::Done)
            })
            .await
    }
}
