//! Roles: names for what somebody may do.

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::oci::{Action, Actions};

/// The built-in role that may do everything; on `**` it administers the registry itself.
pub const ADMINISTRATOR: &str = "administrator";

/// The roles that are always there, the mightiest first: name, actions, explanation.
pub const BUILT_IN_ROLES: [(&str, Actions, &str); 4] = [
    (
        ADMINISTRATOR,
        Actions::ALL,
        "everything; on `**` also users, tokens, rules and settings of the registry",
    ),
    (
        "maintainer",
        Actions::of(&[Action::Pull, Action::Push, Action::Delete, Action::Sign]),
        "pull, push, sign and delete",
    ),
    ("writer", Actions::of(&[Action::Pull, Action::Push, Action::Sign]), "pull, push and sign"),
    ("reader", Actions::of(&[Action::Pull]), "pull"),
];

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What whoever has it may do.
    pub actions: Actions,
    /// What it is for.
    pub description: String,
    /// Whether it is always there.
    pub is_built_in: bool,
}

/// What came of changing or removing a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChanged {
    /// It is done.
    Done,
    /// There is no such role.
    Unknown,
    /// The built-in ones stay as they are.
    BuiltIn,
    /// So many rules use it.
    InUse(u64),
}

pub(super) fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Role>, Error> {
    if let Some((name, actions, description)) =
        BUILT_IN_ROLES.into_iter().find(|(built_in, ..)| *built_in == name)
    {
        let (name, description) = (name.to_owned(), description.to_owned());
        return Ok(Some(Role { name, actions, description, is_built_in: true }));
    }
    tx.find("SELECT name, actions, description FROM role WHERE name = $1", (name,), read)
}

fn read(row: &Row<'_>) -> Result<Role, Error> {
    Ok(Role {
        name: row.get("name")?,
        actions: row.get("actions")?,
        description: row.get("description")?,
        is_built_in: false,
    })
}

impl Meta {
    /// All roles, the built-in ones first.
    pub async fn list_roles(&self) -> Result<Vec<Role>, Error> {
        self.db
            .read(|tx| {
                let mut roles = Vec::new();
                for (name, ..) in BUILT_IN_ROLES {
                    roles.extend(find(tx, name)?);
                }
                let sql = "SELECT name, actions, description FROM role ORDER BY name";
                roles.extend(tx.query(sql, (), read)?);
                Ok(roles)
            })
            .await
    }

    /// A role by its name.
    pub async fn find_role(&self, name: &str) -> Result<Option<Role>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find(tx, &name)).await
    }

    /// Makes a role or changes what it may do.
    pub async fn put_role(
        &self,
        name: &str,
        actions: Actions,
        description: &str,
        by: &Actor,
    ) -> Result<RoleChanged, Error> {
        let (name, description) = (name.to_owned(), description.to_owned());
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                if find(tx, &name)?.is_some_and(|role| role.is_built_in) {
                    return Ok(RoleChanged::BuiltIn);
                }
                tx.execute(
                    "INSERT INTO role (name, actions, description, created_at)
                     VALUES ($1, $2, $3, $4)
                         ON CONFLICT (name) DO UPDATE
                        SET actions = excluded.actions, description = excluded.description",
                    (&name, actions.to_string(), &description, now),
                )?;
                tx.touch_rules();
                let detail = serde_json::json!({ "actions": actions });
                let event = NewEvent::about(EventKind::RoleChange, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(RoleChanged::Done)
            })
            .await
    }

    /// Removes a role that no rule uses.
    pub async fn remove_role(&self, name: &str, by: &Actor) -> Result<RoleChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                match find(tx, &name)? {
                    None => return Ok(RoleChanged::Unknown),
                    Some(role) if role.is_built_in => return Ok(RoleChanged::BuiltIn),
                    Some(_) => {}
                }
                let used = tx.find(
                    "SELECT COUNT(*) AS number FROM binding WHERE role = $1",
                    (&name,),
                    |row| row.get::<u64>("number"),
                )?;
                if let Some(used @ 1..) = used {
                    return Ok(RoleChanged::InUse(used));
                }
                tx.execute("DELETE FROM role WHERE name = $1", (&name,))?;
                let detail = serde_json::json!({ "removed": true });
                let event = NewEvent::about(EventKind::RoleChange, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(RoleChanged::Done)
            })
            .await
    }
}
