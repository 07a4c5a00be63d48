//! Directories: LDAP servers that vouch for accounts. Their passwords are sealed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{self, Actor, EventKind, NewEvent};
use super::token::{from_json, to_json};
use super::tx::{Row, Tx};
use super::{Account, Error, Meta, account, group};
use crate::clock::Timestamp;
use crate::config::HumanDuration;
use crate::secret::{Keyring, Secret};

/// What the provider of an account begins with that a directory vouches for.
const PROVIDER: &str = "ldap:";

/// Cached answers about the list of directories; no repository's name holds a space.
const LIST: &str = "directory list";

/// An LDAP server that vouches for accounts.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The row; directories are asked in this order.
    pub id: i64,
    /// What it is called here; its groups are `NAME/GROUP`.
    pub name: Arc<str>,
    /// How it is asked.
    pub settings: DirectorySettings,
    /// The password that goes with [`DirectorySettings::bind_dn`].
    pub bind_password: Option<Secret<String>>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How a directory is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySettings {
    /// Whether it is asked at all.
    pub is_enabled: bool,
    /// Its servers, tried in this order: `ldaps://host:port` or `ldap://host:port`.
    pub urls: Vec<String>,
    /// Whether `ldap://` is turned into TLS before anything is said.
    pub starttls: bool,
    /// PEM of the authorities that its certificates are signed by; empty: those that the machine trusts.
    pub authorities: String,
    /// Who searches; empty: nobody in particular.
    pub bind_dn: String,
    /// Where users are looked for.
    pub user_base: String,
    /// Which entry a user is; `{user}` stands for the name that they log in with.
    pub user_filter: String,
    /// The attribute that holds an account's name.
    pub name_attribute: String,
    /// The attribute that names an entry for ever; empty: its DN does.
    pub id_attribute: String,
    /// The attribute that holds the name as people write it.
    pub full_name_attribute: String,
    /// The attribute that holds an address.
    pub email_attribute: String,
    /// How groups are found.
    pub groups: GroupLookup,
    /// Groups that do not lie below it do not count; where groups are searched for. Empty: [`Self::user_base`] for a search.
    pub group_base: String,
    /// Which groups a user is in; `{dn}` and `{user}` stand for the entry and the account's name.
    pub group_filter: String,
    /// The attribute that holds a group's name.
    pub group_name_attribute: String,
    /// What some of its groups are called here.
    pub mapping: Vec<GroupMapping>,
    /// Whether other groups do not count.
    pub only_mapped: bool,
    /// How long its answers are believed.
    pub remember: HumanDuration,
    /// How long an answer may take.
    pub timeout: HumanDuration,
}

/// How the groups of a user are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupLookup {
    /// Not at all.
    None,
    /// The user's entry lists them, in the attribute `memberOf`.
    MemberOf,
    /// They list the user: [`DirectorySettings::group_filter`] finds them.
    Search,
    /// As `Search`, through groups within groups: the matching rule of Active Directory (`LDAP_MATCHING_RULE_IN_CHAIN`).
    Nested,
}

impl GroupLookup {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MemberOf => "member-of",
            Self::Search => "search",
            Self::Nested => "nested",
        }
    }
}

impl std::str::FromStr for GroupLookup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::None, Self::MemberOf, Self::Search, Self::Nested];
        all.into_iter().find(|lookup| lookup.as_str() == text).ok_or_else(|| {
            format!(
                "`{text}` is no way to find groups: use `none`, `member-of`, `search` or `nested`"
            )
        })
    }
}

/// What a group of a directory is called here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMapping {
    /// Its DN, or its name alone.
    pub from: String,
    /// The group here.
    pub to: String,
}

impl Directory {
    /// What accounts name it by as the one who vouches for them.
    #[must_use]
    pub fn provider(&self) -> String {
        format!("{PROVIDER}{}", self.name)
    }
}

impl Account {
    /// The directory that vouches for them, if one does.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        self.provider.as_deref()?.strip_prefix(PROVIDER)
    }
}

/// A directory to be made.
#[derive(Clone, Debug)]
pub struct NewDirectory {
    /// What it is called, checked.
    pub name: String,
    /// How it is asked, checked.
    pub settings: DirectorySettings,
    /// The password of the one who searches.
    pub bind_password: Option<Secret<String>>,
}

/// A password that is to be kept, changed or forgotten.
#[derive(Clone, Debug)]
pub enum PasswordChange {
    /// It stays.
    Keep,
    /// It is another one.
    Set(Secret<String>),
    /// There is none.
    Forget,
}

/// A row whose password is still sealed.
struct Sealed {
    directory: Directory,
    password: Option<Vec<u8>>,
}

const COLUMNS: &str = "id, name, settings, bind_password, created_at, updated_at";

fn read(row: &Row<'_>) -> Result<Sealed, Error> {
    let directory = Directory {
        id: row.get("id")?,
        name: row.get::<String>("name")?.into(),
        settings: from_json("settings", &row.get::<String>("settings")?)?,
        bind_password: None,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    };
    Ok(Sealed { directory, password: row.get("bind_password")? })
}

/// Where a password is kept, for its seal.
fn place(id: i64) -> String {
    format!("directory/{id}")
}

impl Sealed {
    fn open(self, keys: &Keyring) -> Result<Directory, Error> {
        let Some(sealed) = self.password else { return Ok(self.directory) };
        let plain = keys.open(&place(self.directory.id), &sealed)?;
        let text = String::from_utf8(plain.expose().clone()).map_err(|_| Error::Corrupt {
            column: "directory.bind_password".into(),
            what: "it is not text".into(),
        })?;
        Ok(Directory { bind_password: Some(Secret::new(text)), ..self.directory })
    }
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Directory>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM directory WHERE name = $1");
    let keys = tx.keys();
    tx.find(&sql, (name,), read)?.map(|sealed| sealed.open(keys)).transpose()
}

fn list(tx: &mut Tx<'_>) -> Result<Vec<Directory>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM directory ORDER BY id LIMIT 1000");
    let keys = tx.keys();
    tx.query(&sql, (), read)?.into_iter().map(|sealed| sealed.open(keys)).collect()
}

fn set_password(tx: &mut Tx<'_>, id: i64, password: &Secret<String>) -> Result<(), Error> {
    let sealed = tx.keys().seal(&place(id), password.expose().as_bytes());
    tx.execute("UPDATE directory SET bind_password = $1 WHERE id = $2", (&sealed[..], id)).map(drop)
}

fn note(
    tx: &mut Tx<'_>,
    name: &str,
    what: serde_json::Value,
    by: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    tx.touch(LIST);
    let detail = serde_json::json!({ "directory": what });
    let target = format!("{PROVIDER}{name}");
    event::append(tx, NewEvent::about(EventKind::TrustChange, &target).with(detail), by, now)
        .map(drop)
}

/// Ends what was issued for logins that a directory vouched for.
fn end_logins(tx: &mut Tx<'_>, name: &str) -> Result<(), Error> {
    let accounts: Vec<(i64, String)> = tx.query(
        "SELECT id, name FROM account WHERE provider = $1 AND external_id IS NOT NULL",
        (format!("{PROVIDER}{name}"),),
        |row| Ok((row.get("id")?, row.get("name")?)),
    )?;
    for (id, name) in accounts {
        account::end_logins(tx, id)?;
        account::renew_login(tx, id)?;
        account::touch(tx, &name);
    }
    Ok(())
}

/// The names of what differs, for the audit trail: values may be long, and the password must not stand there.
fn changed(before: &DirectorySettings, after: &DirectorySettings) -> Vec<String> {
    let fields = |settings| match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let after = fields(after);
    let differs = |(name, value): (String, serde_json::Value)| {
        (after.get(&name) != Some(&value)).then_some(name)
    };
    fields(before).into_iter().filter_map(differs).collect()
}

impl Meta {
    /// Another number whenever a directory was made, changed or removed.
    #[must_use]
    pub fn directories_epoch(&self) -> u64 {
        self.db.epochs.of(LIST)
    }

    /// All directories in the order in which they are asked.
    pub async fn list_directories(&self) -> Result<Vec<Directory>, Error> {
        self.db.read(list).await
    }

    /// A directory.
    pub async fn find_directory(&self, name: &str) -> Result<Option<Directory>, Error> {
        let name = name.to_owned();
        self.db.read(move |tx| find(tx, &name)).await
    }

    /// Makes a directory; says whether the name was free.
    pub async fn add_directory(&self, new: NewDirectory, by: &Actor) -> Result<bool, Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let id: Option<i64> = tx.find(
                    "INSERT INTO directory (name, settings, created_at, updated_at)
                     VALUES ($1, $2, $3, $3)
                         ON CONFLICT DO NOTHING
                     RETURNING id",
                    (&new.name, to_json(&new.settings), now),
                    |row| row.get("id"),
                )?;
                let Some(id) = id else { return Ok(false) };
                if let Some(password) = &new.bind_password {
                    set_password(tx, id, password)?;
                }
                note(tx, &new.name, "made".into(), &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Changes a directory; says whether there is one. Shutting it ends the logins that it vouched for.
    pub async fn change_directory(
        &self,
        name: &str,
        settings: DirectorySettings,
        password: PasswordChange,
        by: &Actor,
    ) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(before) = find(tx, &name)? else { return Ok(false) };
                tx.execute(
                    "UPDATE directory SET settings = $1, updated_at = $2 WHERE id = $3",
                    (to_json(&settings), now, before.id),
                )?;
                let mut what = changed(&before.settings, &settings);
                match &password {
                    PasswordChange::Keep => {}
                    PasswordChange::Set(password) => set_password(tx, before.id, password)?,
                    PasswordChange::Forget => {
                        tx.execute(
                            "UPDATE directory SET bind_password = NULL WHERE id = $1",
                            (before.id,),
                        )?;
                    }
                }
                if !matches!(password, PasswordChange::Keep) {
                    what.push("bind_password".into());
                }
                if before.settings.is_enabled && !settings.is_enabled {
                    end_logins(tx, &name)?;
                }
                note(tx, &name, what.into(), &by, now)?;
                Ok(true)
            })
            .await
    }

    /// Removes a directory; says whether there was one. The accounts that it vouched for stay, and nobody gets in with
    /// them.
    pub async fn remove_directory(&self, name: &str, by: &Actor) -> Result<bool, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                if tx.execute("DELETE FROM directory WHERE name = $1", (&name,))? == 0 {
                    return Ok(false);
                }
                end_logins(tx, &name)?;
                note(tx, &name, "removed".into(), &by, now)?;
                Ok(true)
            })
            .await
    }

    /// How many accounts a directory vouches for.
    pub async fn count_accounts_of(&self, directory: &str) -> Result<u64, Error> {
        let provider = format!("{PROVIDER}{directory}");
        let count = self.db.read(move |tx| {
            tx.find(
                "SELECT COUNT(*) AS count FROM account WHERE provider = $1 AND external_id IS NOT NULL",
                (provider,),
                |row| row.get("count"),
            )
        });
        Ok(count.await?.unwrap_or(0))
    }

    /// How the provider of an account names it for ever.
    pub async fn external_id(&self, account: i64) -> Result<Option<String>, Error> {
        let found = self.db.read(move |tx| {
            tx.find("SELECT external_id FROM account WHERE id = $1", (account,), |row| {
                row.get::<Option<String>>("external_id")
            })
        });
        Ok(found.await?.flatten())
    }

    /// Brings the groups up to date that an account's provider claims; writes only if something changed.
    pub async fn renew_claims(&self, account: &Account, groups: &[String]) -> Result<(), Error> {
        let Some(provider) = account.provider.as_deref().map(str::to_owned) else { return Ok(()) };
        let id = account.id;
        let source = provider.clone();
        let mut before = self.db.read(move |tx| group::claimed(tx, id, &source)).await?;
        before.sort_unstable();
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        if before == groups {
            return Ok(());
        }
        let (account, now) = (account.clone(), self.clock.now());
        let by = Actor::internal(&format!("provider {provider}"));
        self.db
            .write(move |tx| {
                group::set_claimed(tx, &account, &provider, &groups, &by, now)?;
                account::touch(tx, &account.name);
                Ok(())
            })
            .await
    }
}
