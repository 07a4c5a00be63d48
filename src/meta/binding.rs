//! Rules: who may, or may not, do what to which repositories.

use std::fmt;

use super::account::AccountKind;
use super::event::{self, Actor, EventKind, NewEvent};
use super::role::{ADMINISTRATOR, BUILT_IN_ROLES};
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta, Subject, SubjectKind, role};
use crate::clock::Timestamp;
use crate::oci::{Actions, RepositoryPattern};

/// Whether a rule allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever others allow.
    Deny,
}

impl Effect {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl ToValue for Effect {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for Effect {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        match String::from_column(value)?.as_str() {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            other => Err(format!("`{other}` is no effect")),
        }
    }
}

/// What a rule allows or denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What the role of this name may do, now and whenever it changes.
    Role(String),
    /// These actions.
    Actions(Actions),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => f.write_str(name),
            Self::Actions(actions) => write!(f, "{actions}"),
        }
    }
}

/// A rule to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBinding {
    /// Whom it is about.
    pub subject: Subject,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// What.
    pub what: What,
    /// On which repositories.
    pub pattern: RepositoryPattern,
    /// Why, for people.
    pub note: String,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub rule: NewBinding,
    /// What it allows or denies, now.
    pub actions: Actions,
    /// Since when.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// What came of making a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingAdded {
    /// It is in force, under this number. The same rule again has the same number.
    Done(i64),
    /// There is no such role.
    NoRole,
    /// There is no such account or group.
    NoSubject,
}

/// What came of removing a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingRemoved {
    /// It is gone.
    Done,
    /// There is none of this number.
    Unknown,
    /// Nobody would be left who can administer this registry.
    LastAdministrator,
}

/// A list of actions, as it is kept.
impl FromColumn for Actions {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        let text = String::from_column(value)?;
        if text.is_empty() {
            return Ok(Self::NONE);
        }
        text.parse().map_err(|error: crate::oci::action::InvalidAction| error.to_string())
    }
}

fn read(row: &Row<'_>) -> Result<Binding, Error> {
    let role: String = row.get("role")?;
    let (listed, of_role): (Actions, Option<Actions>) =
        (row.get("actions")?, row.get("role_actions")?);
    let built_in = BUILT_IN_ROLES.into_iter().find(|(name, ..)| *name == role);
    let actions = match built_in {
        Some((_, actions, _)) => actions,
        None => of_role.unwrap_or(listed),
    };
    Ok(Binding {
        id: row.get("id")?,
        rule: NewBinding {
            subject: row.get("subject")?,
            effect: row.get("effect")?,
            what: if role.is_empty() { What::Actions(listed) } else { What::Role(role) },
            pattern: row.get("pattern")?,
            note: row.get("note")?,
        },
        actions,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
    })
}

const COLUMNS: &str = "binding.id, binding.subject, binding.effect, binding.role, binding.actions, binding.pattern, \
     binding.note, binding.created_at, binding.created_by, role.actions AS role_actions";

fn exists(tx: &mut Tx<'_>, subject: &Subject) -> Result<bool, Error> {
    let account = |tx: &mut Tx<'_>, kind: AccountKind| {
        let sql = "SELECT 1 AS one FROM account WHERE name = $1 AND kind = $2";
        Ok(tx.find(sql, (subject.name(), kind), |row| row.get::<i64>("one"))?.is_some())
    };
    match subject.kind() {
        SubjectKind::User => account(tx, AccountKind::User),
        SubjectKind::Robot => account(tx, AccountKind::Robot),
        // A group may come with the first who signs in and claims it, and a workload with its federation rule.
        SubjectKind::Group
        | SubjectKind::Workload
        | SubjectKind::Authenticated
        | SubjectKind::Everyone => Ok(true),
    }
}

pub(super) fn insert(
    tx: &mut Tx<'_>,
    new: &NewBinding,
    by: &Actor,
    now: Timestamp,
) -> Result<BindingAdded, Error> {
    let (role, actions) = match &new.what {
        What::Role(name) => {
            if role::find(tx, name)?.is_none() {
                return Ok(BindingAdded::NoRole);
            }
            (name.clone(), String::new())
        }
        What::Actions(actions) => (String::new(), actions.to_string()),
    };
    if !exists(tx, &new.subject)? {
        return Ok(BindingAdded::NoSubject);
    }
    let known = tx.find(
        "SELECT id
           FROM binding
          WHERE subject = $1
            AND effect = $2
            AND pattern = $3
            AND role = $4
            AND actions = $5",
        (&new.subject, new.effect, &new.pattern, &role, &actions),
        |row| row.get("id"),
    )?;
    if let Some(id) = known {
        return Ok(BindingAdded::Done(id));
    }
    let id: Option<i64> = tx.find(
        "INSERT INTO binding (subject, effect, role, actions, pattern, note, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING id",
        (
            &new.subject,
            new.effect,
            &role,
            &actions,
            &new.pattern,
            &new.note,
            now,
            &*by.name,
        ),
        |row| row.get("id"),
    )?;
    let id = id.ok_or_else(|| Error::Corrupt {
        column: "id".into(),
        what: "an insert returned no row".into(),
    })?;
    note(tx, EventKind::BindingAdd, id, new, by, now)?;
    Ok(BindingAdded::Done(id))
}

fn note(
    tx: &mut Tx<'_>,
    kind: EventKind,
    id: i64,
    rule: &NewBinding,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    tx.touch_rules();
    let detail = serde_json::json!({
        "subject": rule.subject, "effect": rule.effect, "what": rule.what.to_string(), "pattern": rule.pattern,
    });
    let target = id.to_string();
    event::append(tx, NewEvent::about(kind, &target).with(detail), by, now).map(drop)
}

/// Gives a role. The caller knows that role and subject are there.
pub(super) fn allow(
    tx: &mut Tx<'_>,
    subject: &Subject,
    role: &str,
    pattern: &RepositoryPattern,
    by: &Actor,
    now: Timestamp,
) -> Result<BindingAdded, Error> {
    let rule = NewBinding {
        subject: subject.clone(),
        effect: Effect::Allow,
        what: What::Role(role.to_owned()),
        pattern: pattern.clone(),
        note: String::new(),
    };
    insert(tx, &rule, by, now)
}

fn list_of(tx: &mut Tx<'_>, subject: &Subject) -> Result<Vec<Binding>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM binding
           LEFT JOIN role ON role.name = binding.role
          WHERE binding.subject = $1
          ORDER BY binding.id"
    );
    tx.query(&sql, (subject,), read)
}

fn delete(tx: &mut Tx<'_>, binding: &Binding, by: &Actor, now: Timestamp) -> Result<(), Error> {
    tx.execute("DELETE FROM binding WHERE id = $1", (binding.id,))?;
    note(tx, EventKind::BindingRemove, binding.id, &binding.rule, by, now)
}

/// Removes every rule about somebody who is removed.
pub(super) fn remove_all_of(
    tx: &mut Tx<'_>,
    subject: &Subject,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    for binding in list_of(tx, subject)? {
        delete(tx, &binding, by, now)?;
    }
    Ok(())
}

/// Makes `role` the one role that a subject has on every repository; with `None` it has none there. Rules on some
/// repositories stay.
pub(super) fn replace_role_everywhere(
    tx: &mut Tx<'_>,
    subject: &Subject,
    role: Option<&str>,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    for binding in list_of(tx, subject)? {
        let rule = &binding.rule;
        let kept = matches!(&rule.what, What::Role(name) if Some(name.as_str()) == role);
        if rule.effect == Effect::Allow && rule.pattern.is_everything() && !kept {
            delete(tx, &binding, by, now)?;
        }
    }
    match role {
        Some(role) => allow(tx, subject, role, &RepositoryPattern::everything(), by, now).map(drop),
        None => Ok(()),
    }
}

fn administers(rule: &NewBinding) -> bool {
    rule.effect == Effect::Allow
        && rule.pattern.is_everything()
        && rule.what == What::Role(ADMINISTRATOR.into())
}

/// Whether a subject administers the registry and nobody else does who has an account that can log in.
pub(super) fn is_last_administrator(tx: &mut Tx<'_>, subject: &Subject) -> Result<bool, Error> {
    if !list_of(tx, subject)?.iter().any(|binding| administers(&binding.rule)) {
        return Ok(false);
    }
    let others: Vec<Subject> = tx.query(
        "SELECT subject
           FROM binding
          WHERE pattern = '**'
            AND role = 'administrator'
            AND effect = 'allow'
            AND subject <> $1",
        (subject,),
        |row| row.get("subject"),
    )?;
    for other in others {
        let enabled = match other.kind() {
            SubjectKind::User => {
                let sql = "SELECT 1 AS one FROM account WHERE name = $1 AND kind = 'user' AND disabled = 0";
                tx.find(sql, (other.name(),), |row| row.get::<i64>("one"))?.is_some()
            }
            SubjectKind::Group => {
                let sql = "SELECT 1 AS one
                             FROM account_group
                             JOIN group_member ON group_member.group_id = account_group.id
                             JOIN account ON account.id = group_member.account_id
                            WHERE account_group.name = $1
                              AND account.kind = 'user'
                              AND account.disabled = 0
                              AND account.name <> $2
                            LIMIT 1";
                let member =
                    tx.find(sql, (other.name(), subject.name()), |row| row.get::<i64>("one"))?;
                member.is_some()
            }
            _ => false,
        };
        if enabled {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which rules are wanted; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub struct BindingFilter {
    /// About this one.
    pub subject: Option<Subject>,
    /// With this very pattern.
    pub pattern: Option<RepositoryPattern>,
}

impl Meta {
    /// All rules, in the order of their numbers, and the epoch in which they were read.
    pub async fn load_rules(&self) -> Result<(u64, Vec<Binding>), Error> {
        let epoch = self.rules_epoch();
        let rules = self
            .db
            .read(|tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM binding
                       LEFT JOIN role ON role.name = binding.role
                      ORDER BY binding.id"
                );
                tx.query(&sql, (), read)
            })
            .await?;
        Ok((epoch, rules))
    }

    /// Another number whenever a rule has changed.
    #[must_use]
    pub fn rules_epoch(&self) -> u64 {
        self.db.epochs.at(super::cache::Epochs::RULES)
    }

    /// Up to `limit` rules in the order of their numbers, those after the rule `after`.
    pub async fn list_bindings(
        &self,
        filter: BindingFilter,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Binding>, Error> {
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM binding
                       LEFT JOIN role ON role.name = binding.role
                      WHERE binding.id > $1
                        AND ($2 IS NULL OR binding.subject = $2)
                        AND ($3 IS NULL OR binding.pattern = $3)
                      ORDER BY binding.id
                      LIMIT $4"
                );
                tx.query(&sql, (after, filter.subject, filter.pattern, limit), read)
            })
            .await
    }

    /// A rule.
    pub async fn find_binding(&self, id: i64) -> Result<Option<Binding>, Error> {
        self.db.read(move |tx| find(tx, id)).await
    }

    /// Makes a rule.
    pub async fn add_binding(&self, new: NewBinding, by: &Actor) -> Result<BindingAdded, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| insert(tx, &new, &by, now)).await
    }

    /// Removes a rule.
    pub async fn remove_binding(&self, id: i64, by: &Actor) -> Result<BindingRemoved, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(binding) = find(tx, id)? else { return Ok(BindingRemoved::Unknown) };
                if administers(&binding.rule) && is_last_administrator(tx, &binding.rule.subject)? {
                    return Ok(BindingRemoved::LastAdministrator);
                }
                delete(tx, &binding, &by, now)?;
                Ok(BindingRemoved::Done)
            })
            .await
    }
}

fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Binding>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}
           FROM binding
           LEFT JOIN role ON role.name = binding.role
          WHERE binding.id = $1"
    );
    tx.find(&sql, (id,), read)
}
