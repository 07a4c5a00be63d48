//! Directories that vouch for accounts: LDAP servers, Active Directory among them.
//!
//! Somebody logs in by being found there and by their password being taken there. What a directory said is believed for
//! [`DirectorySettings::remember`](crate::meta::DirectorySettings), no longer: for passwords that clients send with each
//! request, and for tokens and browsers of accounts that may be gone meanwhile.

mod connection;
mod dn;
mod login;
mod person;
mod pool;
mod remembered;
mod settings;
mod template;
mod tls;
mod trial;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use settings::check as check_settings;
pub use settings::{DirectoryKind, is_directory_name};
pub use trial::{Step, Trial};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use connection::{Bound, Fault};
use person::Person;
use pool::Pool;
use remembered::{Known, Logins, Standings};

use super::{Error, is_account_name};
use crate::clock::Clock;
use crate::meta::{Account, Actor, Directory, Meta};
use crate::secret::{Secret, random_text};

/// All directories.
#[derive(Debug)]
pub(super) struct Directories {
    meta: Meta,
    clock: Clock,
    list: Mutex<Option<List>>,
    reading: tokio::sync::Mutex<()>,
    logins: Logins,
    standings: Standings,
    numbers: AtomicU64,
}

#[derive(Debug)]
struct List {
    epoch: u64,
    directories: Arc<[Arc<Connected>]>,
}

/// A directory with the connections to it.
#[derive(Debug)]
pub(super) struct Connected {
    directory: Directory,
    pool: Pool,
    /// Another one whenever it is set in another way: what it said before does not count then.
    number: u64,
    turns: Arc<Semaphore>,
}

/// Logins that one directory judges at the same time: whoever guesses is counted before the next guess is heard.
const AT_ONCE: usize = 8;

/// What a directory says of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It vouches for it.
    Good,
    /// It does not, or nobody asks it any longer.
    Gone,
}

/// How fresh an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// From now.
    Now,
    /// One that is remembered will do; while the directory does not answer, whatever it last said.
    Remembered,
}

impl Connected {
    /// The right to have a login judged.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.directory.settings.timeout.get() * 2, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                Err(self.fails(&Fault::Unreachable("too many want to log in at once".into())))
            }
        }
    }

    fn fails(&self, fault: &Fault) -> Error {
        Error::Directory(format!("the directory {}: {fault}", self.directory.name))
    }
}

impl Directories {
    pub(super) fn new(meta: Meta, clock: Clock) -> Self {
        Self {
            meta,
            clock,
            list: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            logins: Logins::new(),
            standings: Standings::new(),
            numbers: AtomicU64::new(0),
        }
    }

    /// Those that are asked, in their order, as they are set now.
    async fn list(&self) -> Result<Arc<[Arc<Connected>]>, Error> {
        let current = || {
            let epoch = self.meta.directories_epoch();
            let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.as_ref()
                .filter(|list| list.epoch == epoch)
                .map(|list| Arc::clone(&list.directories))
        };
        if let Some(directories) = current() {
            return Ok(directories);
        }
        let _reading = self.reading.lock().await;
        if let Some(directories) = current() {
            return Ok(directories);
        }
        let epoch = self.meta.directories_epoch();
        let rows = self.meta.list_directories().await?;
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let before = list.take().map(|list| list.directories);
        // Connections of those that did not change go on.
        let mut is_other = before.as_ref().is_none_or(|before| before.is_empty());
        let mut connected = |directory: Directory| {
            let same = |known: &&Arc<Connected>| {
                let known = &known.directory;
                known.id == directory.id
                    && known.settings == directory.settings
                    && known.bind_password == directory.bind_password
            };
            if let Some(known) = before.iter().flat_map(|before| before.iter()).find(same) {
                return Arc::clone(known);
            }
            is_other = true;
            Arc::new(self.connect(directory))
        };
        let directories: Arc<[_]> =
            rows.into_iter().filter(|row| row.settings.is_enabled).map(&mut connected).collect();
        // Whoever mends a setting tries again with what was refused before.
        if is_other {
            self.logins.forget_wrong();
        }
        *list = Some(List { epoch, directories: Arc::clone(&directories) });
        Ok(directories)
    }

    fn connect(&self, directory: Directory) -> Connected {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Connected { pool: Pool::new(&directory, self.clock.clone()), directory, number, turns }
    }

    async fn find(&self, name: &str) -> Result<Option<Arc<Connected>>, Error> {
        let list = self.list().await?;
        Ok(list.iter().find(|known| *known.directory.name == *name).map(Arc::clone))
    }

    /// Which directories are asked about a login: for an account the one that vouches for it, for an unknown name all.
    /// None for an account that has its password here, or is somebody else's.
    pub(super) async fn asked_about(
        &self,
        account: Option<&Account>,
    ) -> Result<Vec<Arc<Connected>>, Error> {
        match account {
            None => Ok(self.list().await?.to_vec()),
            Some(account) if account.password_hash.is_some() => Ok(Vec::new()),
            Some(account) => match account.directory() {
                Some(name) => Ok(self.find(name).await?.into_iter().collect()),
                None => Ok(Vec::new()),
            },
        }
    }

    /// The account of somebody whose name and password were taken a moment ago.
    pub(super) async fn remembered(
        &self,
        name: &str,
        password: &Secret<String>,
    ) -> Result<Option<Arc<Account>>, Error> {
        let Some(known) = self.logins.good(name, password, self.clock.now()) else {
            return Ok(None);
        };
        let list = self.list().await?;
        if !list.iter().any(|connected| connected.number == known.directory) {
            return Ok(None);
        }
        let account = self.meta.find_account(&known.account).await?;
        // Whoever is signed out everywhere has to show the password to the directory again.
        Ok(account.filter(|account| {
            !account.is_disabled && account.id == known.id && account.login == known.login
        }))
    }

    /// Whether this name and password were refused a moment ago. Machines that keep an old password send it for ever, and
    /// many directories lock an account after a few wrong ones.
    pub(super) fn is_known_wrong(&self, name: &str, password: &Secret<String>) -> bool {
        self.logins.is_wrong(name, password, self.clock.now())
    }

    /// Asks directories who logs in with a name and a password; `None` if that is nobody. The first that knows the name
    /// decides, and one that does not answer might know it: the next is not asked then, as a name must not belong to
    /// whoever has it somewhere else.
    pub(super) async fn log_in(
        &self,
        asked: &[Arc<Connected>],
        name: &str,
        password: &Secret<String>,
    ) -> Result<Option<Arc<Account>>, Error> {
        let Some(last) = asked.last() else { return Ok(None) };
        for connected in asked {
            let found = person::find(&connected.directory, &connected.pool, name).await;
            let Some(person) = found.map_err(|fault| connected.fails(&fault))? else { continue };
            let account = self.check(connected, person, password).await?;
            match &account {
                Some(account) => {
                    let remember = connected.directory.settings.remember.get();
                    let known = Known {
                        account: Arc::clone(&account.name),
                        id: account.id,
                        login: Arc::clone(&account.login),
                        directory: connected.number,
                        until: self.clock.now() + remember,
                    };
                    self.logins.note_good(name, password, known);
                }
                None => self.note_wrong(name, password, &connected.directory),
            }
            return Ok(account);
        }
        // An unknown name takes as long as a wrong password.
        let nobody = format!("cn={},{}", random_text(12), last.directory.settings.user_base);
        let _ = last.pool.try_password(&nobody, &Secret::new(random_text(12))).await;
        self.note_wrong(name, password, &last.directory);
        Ok(None)
    }

    fn note_wrong(&self, name: &str, password: &Secret<String>, directory: &Directory) {
        let until = self.clock.now() + directory.settings.remember.get();
        self.logins.note_wrong(name, password, until);
    }

    /// Tries the password of somebody who was found, and brings their account up to date or makes it.
    async fn check(
        &self,
        connected: &Connected,
        person: Person,
        password: &Secret<String>,
    ) -> Result<Option<Arc<Account>>, Error> {
        let Connected { directory, pool, .. } = connected;
        let fails = |fault: Fault| connected.fails(&fault);
        match pool.try_password(&person.dn, password).await.map_err(fails)? {
            Bound::Yes => {}
            Bound::No(why) => {
                tracing::info!(
                    directory.name = &*directory.name,
                    "the directory {} refuses {}: {why}",
                    directory.name,
                    person.dn
                );
                return Ok(None);
            }
        }
        if !is_account_name(&person.name) {
            tracing::warn!(
                directory.name = &*directory.name,
                "{} cannot get an account: `{}` cannot be an account's name",
                person.dn,
                person.name
            );
            return Ok(None);
        }
        let groups = person::groups(directory, pool, &person).await.map_err(fails)?;
        let groups = person::names_here(directory, &groups);
        let (dn, name) = (person.dn.clone(), person.name.clone());
        let account = self.meta.take_in_account(person.into_account(directory, groups)).await?;
        let Some(account) = account else {
            tracing::warn!(
                directory.name = &*directory.name,
                "{dn} cannot get an account: somebody else here is called {name}"
            );
            return Ok(None);
        };
        let now = self.clock.now();
        self.standings.note(account.id, connected.number, Standing::Good, now);
        Ok(Some(Arc::new(account)).filter(|account| !account.is_disabled))
    }

    /// What the directory of an account says of it; good for accounts that need nobody to vouch for them. Whoever is gone
    /// loses what was issued to them.
    pub(super) async fn standing(
        self: &Arc<Self>,
        account: &Account,
        freshness: Freshness,
    ) -> Result<Standing, Error> {
        let Some(name) = account.directory() else { return Ok(Standing::Good) };
        let Some(connected) = self.find(name).await? else { return Ok(Standing::Gone) };
        let now = self.clock.now();
        let remember = connected.directory.settings.remember.get();
        if freshness == Freshness::Remembered
            && let Some(standing) =
                self.standings.remembered(account.id, connected.number, now, remember)
        {
            return Ok(standing);
        }
        // Hanging up must not keep anybody from learning that somebody is gone; and what a server says may be anything, even
        // what breaks ldap3.
        let (this, asked) = (Arc::clone(self), account.clone());
        let asking = tokio::spawn(async move { this.ask_and_note(&connected, &asked).await });
        match asking.await.unwrap_or_else(|panic| Err(Error::Directory(panic.to_string()))) {
            // What was once said holds until something else is.
            Err(Error::Directory(cause)) if freshness == Freshness::Remembered => {
                tracing::warn!("{cause}; {} is believed to be there still", account.name);
                Ok(self.standings.last(account.id).unwrap_or(Standing::Good))
            }
            answer => answer,
        }
    }

    async fn ask_and_note(
        &self,
        connected: &Connected,
        account: &Account,
    ) -> Result<Standing, Error> {
        let standing = self.ask(connected, account).await?;
        self.standings.note(account.id, connected.number, standing, self.clock.now());
        if standing == Standing::Gone {
            let name = &connected.directory.name;
            tracing::info!(
                user.name = &*account.name,
                "{} is no longer in the directory {name}",
                account.name
            );
            let by = Actor::internal(&format!("directory {name}"));
            self.meta.end_all_logins(&account.name, &by).await?;
        }
        Ok(standing)
    }

    async fn ask(&self, connected: &Connected, account: &Account) -> Result<Standing, Error> {
        let Connected { directory, pool, .. } = connected;
        let fails = |fault: Fault| connected.fails(&fault);
        let Some(id) = self.meta.external_id(account.id).await? else { return Ok(Standing::Gone) };
        let found = person::find_again(directory, pool, &id).await.map_err(fails)?;
        let Some(person) = found else { return Ok(Standing::Gone) };
        let groups = person::groups(directory, pool, &person).await.map_err(fails)?;
        self.meta.renew_claims(account, &person::names_here(directory, &groups)).await?;
        Ok(Standing::Good)
    }

    /// Tries a directory step by step, whether it is enabled or not.
    pub(super) async fn try_out(
        &self,
        directory: Directory,
        name: Option<&str>,
        password: Option<&Secret<String>>,
    ) -> Trial {
        let connected = self.connect(directory);
        trial::run(&connected.directory, &connected.pool, name, password).await
    }
}
