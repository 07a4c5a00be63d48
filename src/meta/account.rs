//! Accounts: people, who sign in with a password or are vouched for by a provider, and robots, who have tokens alone.

use std::sync::Arc;

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Error, Meta, Subject, binding};
use crate::clock::Timestamp;
use crate::oci::RepositoryPattern;
use crate::secret::{Secret, random_text};

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A person.
    User,
    /// A program.
    Robot,
}

impl AccountKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Robot => "robot",
        }
    }
}

impl ToValue for AccountKind {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl FromColumn for AccountKind {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        match String::from_column(value)?.as_str() {
            "user" => Ok(Self::User),
            "robot" => Ok(Self::Robot),
            other => Err(format!("`{other}` is no kind of account")),
        }
    }
}

/// Somebody who can be told apart from others.
#[derive(Clone, Debug)]
pub struct Account {
    /// The row.
    pub id: i64,
    /// A person or a program.
    pub kind: AccountKind,
    /// The name that they log in with; no two accounts share one, whatever their kind.
    pub name: Arc<str>,
    /// Argon2id, as a PHC string; `None` for those that have no password here.
    pub password_hash: Option<Secret<String>>,
    /// The provider that vouches for them; `None` for those that were made here.
    pub provider: Option<Arc<str>>,
    /// Another one whenever what was issued to them has to end. Tokens carry it.
    pub login: Arc<str>,
    /// Their name as people write it.
    pub full_name: String,
    /// Their address, if it is known.
    pub email: String,
    /// Whether they may not log in.
    pub is_disabled: bool,
    /// The groups that they are in, sorted.
    pub groups: Arc<[Box<str>]>,
    /// Since when.
    pub created_at: Timestamp,
    /// When they last signed in with a password or by a provider; not kept for each request.
    pub last_login_at: Option<Timestamp>,
}

impl Account {
    /// As rules name it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self.kind {
            AccountKind::User => Subject::user(&self.name),
            AccountKind::Robot => Subject::robot(&self.name),
        }
    }
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// A person or a program.
    pub kind: AccountKind,
    /// Its name, checked.
    pub name: String,
    /// The hash of its password, if it has one.
    pub password_hash: Option<Secret<String>>,
    /// The name as people write it.
    pub full_name: String,
    /// An address.
    pub email: String,
    /// A role on every repository, to begin with.
    pub role: Option<String>,
}

/// What of an account is to be changed.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// The name as people write it.
    pub full_name: Option<String>,
    /// An address.
    pub email: Option<String>,
    /// Whether they may not log in.
    pub is_disabled: Option<bool>,
    /// The one role on every repository; takes the place of those that they have there.
    pub role: Option<RoleEverywhere>,
}

/// A role on every repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleEverywhere {
    /// None.
    None,
    /// The one of this name.
    Named(String),
}

impl RoleEverywhere {
    /// Its name, if there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// `none` is no role.
impl From<String> for RoleEverywhere {
    fn from(name: String) -> Self {
        if name == "none" { Self::None } else { Self::Named(name) }
    }
}

/// What somebody who signs in by a provider is called there.
#[derive(Clone, Debug)]
pub struct ExternalAccount {
    /// The provider.
    pub provider: String,
    /// How the provider names them for ever.
    pub external_id: String,
    /// The name that they would like to have here.
    pub name: String,
    /// Their name as people write it.
    pub full_name: String,
    /// An address.
    pub email: String,
    /// The groups that the provider says they are in.
    pub groups: Vec<String>,
}

/// What came of changing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChanged {
    /// It is done.
    Done,
    /// There is no such account.
    Unknown,
    /// Nobody would be left who can administer this registry.
    LastAdministrator,
}

const COLUMNS: &str = "account.id, account.kind, account.name, account.password_hash, account.provider, account.login, \
     account.full_name, account.email, account.disabled, account.created_at, account.last_login_at";

fn read(row: &Row<'_>) -> Result<Account, Error> {
    let hash: String = row.get("password_hash")?;
    Ok(Account {
        id: row.get("id")?,
        kind: row.get("kind")?,
        name: row.get::<String>("name")?.into(),
        password_hash: (!hash.is_empty()).then(|| Secret::new(hash)),
        provider: row.get::<Option<String>>("provider")?.map(Into::into),
        login: row.get::<String>("login")?.into(),
        full_name: row.get("full_name")?,
        email: row.get("email")?,
        is_disabled: row.get("disabled")?,
        groups: Arc::new([]),
        created_at: row.get("created_at")?,
        last_login_at: row.get("last_login_at")?,
    })
}

fn with_groups(tx: &mut Tx<'_>, account: Account) -> Result<Account, Error> {
    let groups = tx.query(
        "SELECT DISTINCT account_group.name
           FROM group_member
           JOIN account_group ON account_group.id = group_member.group_id
          WHERE group_member.account_id = $1
          ORDER BY account_group.name",
        (account.id,),
        |row| Ok(row.get::<String>("name")?.into_boxed_str()),
    )?;
    Ok(Account { groups: groups.into(), ..account })
}

pub(super) fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Account>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM account WHERE name = $1");
    let found = tx.find(&sql, (name,), read)?;
    found.map(|account| with_groups(tx, account)).transpose()
}

pub(super) fn find_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Account>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM account WHERE id = $1");
    let found = tx.find(&sql, (id,), read)?;
    found.map(|account| with_groups(tx, account)).transpose()
}

/// Says that cached answers about an account are out of date. Accounts share the epochs of repositories; no repository's
/// name holds a space.
pub(super) fn touch(tx: &mut Tx<'_>, name: &str) {
    tx.touch(&epoch_name(name));
}

fn epoch_name(name: &str) -> String {
    format!("account {name}")
}

/// A login of its own for everything that is issued from now on.
fn new_login() -> String {
    random_text(12)
}

pub(super) fn insert(
    tx: &mut Tx<'_>,
    new: &NewAccount,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, Error> {
    touch(tx, &new.name);
    let hash = new.password_hash.as_ref().map_or("", |hash| hash.expose().as_str());
    let added = tx.execute(
        "INSERT INTO account (kind, name, password_hash, login, full_name, email, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
             ON CONFLICT DO NOTHING",
        (new.kind, &new.name, hash, new_login(), &new.full_name, &new.email, now),
    )?;
    if added == 0 {
        return Ok(false);
    }
    let subject = match new.kind {
        AccountKind::User => Subject::user(&new.name),
        AccountKind::Robot => Subject::robot(&new.name),
    };
    let detail = serde_json::json!({ "kind": new.kind, "role": new.role });
    event::append(tx, NewEvent::about(EventKind::AccountAdd, &new.name).with(detail), by, now)?;
    if let Some(role) = &new.role {
        binding::allow(tx, &subject, role, &RepositoryPattern::everything(), by, now)?;
    }
    Ok(true)
}

fn change(
    tx: &mut Tx<'_>,
    name: &str,
    change: &AccountChange,
    by: &Actor,
    now: Timestamp,
) -> Result<AccountChanged, Error> {
    let Some(account) = find(tx, name)? else { return Ok(AccountChanged::Unknown) };
    let subject = account.subject();
    let demoted =
        change.role.as_ref().is_some_and(|role| role.name() != Some(super::ADMINISTRATOR));
    if (demoted || change.is_disabled == Some(true))
        && binding::is_last_administrator(tx, &subject)?
    {
        return Ok(AccountChanged::LastAdministrator);
    }
    // Whoever is shut out loses what was issued; letting them in again must not bring it back.
    let ends = change.is_disabled.is_some_and(|disabled| disabled != account.is_disabled);
    tx.execute(
        "UPDATE account
            SET full_name = $1, email = $2, disabled = $3, login = $4, updated_at = $5
          WHERE id = $6",
        (
            change.full_name.as_ref().unwrap_or(&account.full_name),
            change.email.as_ref().unwrap_or(&account.email),
            change.is_disabled.unwrap_or(account.is_disabled),
            if ends { new_login() } else { account.login.to_string() },
            now,
            account.id,
        ),
    )?;
    if ends {
        end_logins(tx, account.id)?;
    }
    let mut detail = serde_json::Map::new();
    if let Some(disabled) = change.is_disabled {
        detail.insert("disabled".into(), disabled.into());
    }
    if let Some(role) = &change.role {
        detail.insert("role".into(), serde_json::json!(role.name()));
    }
    for (what, changed) in [("full_name", &change.full_name), ("email", &change.email)] {
        if let Some(value) = changed {
            detail.insert(what.into(), value.as_str().into());
        }
    }
    let event = NewEvent::about(EventKind::AccountChange, name).with(detail.into());
    event::append(tx, event, by, now)?;
    if let Some(role) = &change.role {
        binding::replace_role_everywhere(tx, &subject, role.name(), by, now)?;
    }
    touch(tx, name);
    tx.touch_tokens();
    Ok(AccountChanged::Done)
}

/// Ends the registry tokens of an account.
pub(super) fn renew_login(tx: &mut Tx<'_>, account: i64) -> Result<(), Error> {
    tx.execute("UPDATE account SET login = $1 WHERE id = $2", (new_login(), account)).map(drop)
}

/// Ends what was handed out in exchange for a login: refresh tokens and browsers.
pub(super) fn end_logins(tx: &mut Tx<'_>, account: i64) -> Result<(), Error> {
    tx.execute("DELETE FROM refresh_token WHERE user_id = $1", (account,))?;
    tx.execute("DELETE FROM session WHERE account_id = $1", (account,)).map(drop)
}

fn set_password(
    tx: &mut Tx<'_>,
    name: &str,
    hash: &Secret<String>,
    by: &Actor,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(account) = find(tx, name)? else { return Ok(false) };
    tx.execute(
        "UPDATE account SET password_hash = $1, login = $2, updated_at = $3 WHERE id = $4",
        (hash.expose(), new_login(), now, account.id),
    )?;
    end_logins(tx, account.id)?;
    let detail = serde_json::json!({ "password": true });
    event::append(tx, NewEvent::about(EventKind::AccountChange, name).with(detail), by, now)?;
    touch(tx, name);
    Ok(true)
}

/// Gives an account that nobody has used yet the password of whoever takes it.
pub(super) fn replace_password(
    tx: &mut Tx<'_>,
    new: &NewAccount,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    match &new.password_hash {
        Some(hash) => set_password(tx, &new.name, hash, by, now).map(drop),
        None => Ok(()),
    }
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    name: &str,
    by: &Actor,
    now: Timestamp,
) -> Result<AccountChanged, Error> {
    let Some(account) = find(tx, name)? else { return Ok(AccountChanged::Unknown) };
    let subject = account.subject();
    if binding::is_last_administrator(tx, &subject)? {
        return Ok(AccountChanged::LastAdministrator);
    }
    tx.execute("DELETE FROM account WHERE id = $1", (account.id,))?;
    // Whoever gets the name next must not inherit what it was allowed.
    binding::remove_all_of(tx, &subject, by, now)?;
    super::federation::remove_all_as(tx, &subject, by, now)?;
    let detail = serde_json::json!({ "kind": account.kind });
    event::append(tx, NewEvent::about(EventKind::AccountRemove, name).with(detail), by, now)?;
    touch(tx, name);
    tx.touch_tokens();
    Ok(AccountChanged::Done)
}

/// The account of somebody whom a provider vouches for, made when they come for the first time.
fn take_in(
    tx: &mut Tx<'_>,
    external: &ExternalAccount,
    now: Timestamp,
) -> Result<Option<Account>, Error> {
    let by = Actor::internal(&format!("provider {}", external.provider));
    let sql = format!("SELECT {COLUMNS} FROM account WHERE provider = $1 AND external_id = $2");
    let found = tx.find(&sql, (&external.provider, &external.external_id), read)?;
    let account = match found {
        Some(account) => account,
        None => {
            // A name that somebody else has, here or at another provider, is not taken over: they are told to choose.
            let new = NewAccount {
                kind: AccountKind::User,
                name: external.name.clone(),
                password_hash: None,
                full_name: external.full_name.clone(),
                email: external.email.clone(),
                role: None,
            };
            if !insert(tx, &new, &by, now)? {
                return Ok(None);
            }
            tx.execute(
                "UPDATE account SET provider = $1, external_id = $2 WHERE name = $3",
                (&external.provider, &external.external_id, &external.name),
            )?;
            match find(tx, &external.name)? {
                Some(account) => account,
                None => return Ok(None),
            }
        }
    };
    tx.execute(
        "UPDATE account SET full_name = $1, email = $2, last_login_at = $3 WHERE id = $4",
        (&external.full_name, &external.email, now, account.id),
    )?;
    super::group::set_claimed(tx, &account, &external.provider, &external.groups, &by, now)?;
    touch(tx, &account.name);
    find_by_id(tx, account.id)
}

impl Meta {
    /// An account by name, from memory when the row has not changed.
    pub async fn find_account(&self, name: &str) -> Result<Option<Arc<Account>>, Error> {
        let epoch = self.db.epochs.of(&epoch_name(name));
        if let Some(account) = self.accounts.get(name, epoch) {
            return Ok(Some(account));
        }
        let key = name.to_owned();
        let found = self.db.read(move |tx| find(tx, &key)).await?.map(Arc::new);
        if let Some(account) = &found {
            self.accounts.put(name, epoch, Arc::clone(account));
        }
        Ok(found)
    }

    /// An account by row.
    pub async fn find_account_by_id(&self, id: i64) -> Result<Option<Account>, Error> {
        self.db.read(move |tx| find_by_id(tx, id)).await
    }

    /// Up to `limit` accounts of a kind in the order of their names, those after `after`.
    pub async fn list_accounts(
        &self,
        kind: AccountKind,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Account>, Error> {
        let after = after.to_owned();
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM account
                      WHERE kind = $1
                        AND name > $2
                      ORDER BY name
                      LIMIT $3"
                );
                let found = tx.query(&sql, (kind, &after, limit), read)?;
                found.into_iter().map(|account| with_groups(tx, account)).collect()
            })
            .await
    }

    /// Whether there is any account yet.
    pub async fn has_accounts(&self) -> Result<bool, Error> {
        let sql = "SELECT 1 AS one FROM account LIMIT 1";
        self.db.read(|tx| Ok(tx.find(sql, (), |row| row.get::<i64>("one"))?.is_some())).await
    }

    /// Makes an account; says whether the name was free.
    pub async fn add_account(&self, new: NewAccount, by: &Actor) -> Result<bool, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db.write(move |tx| insert(tx, &new, &by, now)).await
    }

    /// Changes what is known of an account.
    pub async fn change_account(
        &self,
        name: &str,
        wanted: AccountChange,
        by: &Actor,
    ) -> Result<AccountChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| change(tx, &name, &wanted, &by, now)).await
    }

    /// Changes a password, and ends whatever was issued for the old one but for personal tokens; says whether there is
    /// such an account.
    pub async fn set_password(
        &self,
        name: &str,
        hash: Secret<String>,
        by: &Actor,
    ) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| set_password(tx, &name, &hash, &by, now)).await
    }

    /// Removes an account with its tokens and all rules about it; what it pushed stays.
    pub async fn remove_account(&self, name: &str, by: &Actor) -> Result<AccountChanged, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db.write(move |tx| remove(tx, &name, &by, now)).await
    }

    /// The account of somebody whom a provider vouches for: found by what the provider calls them, brought up to date, or
    /// made. `None` if another account has their name.
    pub async fn take_in_account(
        &self,
        external: ExternalAccount,
    ) -> Result<Option<Account>, Error> {
        let now = self.clock.now();
        self.db.write(move |tx| take_in(tx, &external, now)).await
    }

    /// Notes that somebody has signed in, without waiting.
    pub fn note_login(&self, account: &Account) {
        let (id, name, now) = (account.id, Arc::clone(&account.name), self.clock.now());
        self.db.write_behind(move |tx| {
            touch(tx, &name);
            tx.execute("UPDATE account SET last_login_at = $1 WHERE id = $2", (now, id)).map(drop)
        });
    }
}
