//! Connections to the servers of one directory: few, used again, and given up quickly while no server answers.
//!
//! Those that search stay logged in as the one who may; those that try passwords are kept apart, as each try makes them
//! somebody else's.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, Semaphore};

use super::connection::{Bound, Connection, Fault, Found, Search, Security, ServerUrl, dial};
use super::tls::ClientTls;
use crate::clock::{Clock, Timestamp};
use crate::meta::Directory;
use crate::secret::Secret;

/// Questions at the same time.
const AT_ONCE: usize = 8;

/// Connections of each kind that are kept for the next question, and for how long: some firewalls forget about them.
const KEPT: usize = 4;
const KEPT_FOR: Duration = Duration::from_mins(1);

/// A server that did not answer is tried after the others for this long.
const AVOIDED_FOR: Duration = Duration::from_secs(30);

/// When none answered, nobody waits for them again for this long.
const GIVEN_UP_FOR: Duration = Duration::from_secs(5);

/// The connections to one directory.
#[derive(Debug)]
pub(super) struct Pool {
    clock: Clock,
    settings: Settings,
    tls: OnceCell<std::sync::Arc<ClientTls>>,
    places: Semaphore,
    searching: Mutex<Vec<Rested>>,
    trying: Mutex<Vec<Rested>>,
    trouble: Mutex<Trouble>,
}

#[derive(Debug)]
struct Settings {
    urls: Vec<Result<ServerUrl, String>>,
    starttls: bool,
    authorities: String,
    bind: Option<(String, Secret<String>)>,
    timeout: Duration,
}

/// A connection between two questions.
#[derive(Debug)]
struct Rested {
    connection: Connection,
    since: Instant,
}

/// What did not work lately.
#[derive(Debug, Default)]
struct Trouble {
    /// For each server: until when it is tried last.
    avoided: Vec<Timestamp>,
    /// Until when none is tried, and why.
    given_up: Option<(Timestamp, Fault)>,
}

impl Pool {
    pub(super) fn new(directory: &Directory, clock: Clock) -> Self {
        let settings = &directory.settings;
        let password = directory.bind_password.clone().unwrap_or_default();
        let bind_dn = settings.bind_dn.clone();
        Self {
            clock,
            settings: Settings {
                urls: settings.urls.iter().map(|url| url.parse()).collect(),
                starttls: settings.starttls,
                authorities: settings.authorities.clone(),
                bind: (!bind_dn.is_empty()).then_some((bind_dn, password)),
                timeout: settings.timeout.get(),
            },
            tls: OnceCell::new(),
            places: Semaphore::new(AT_ONCE),
            searching: Mutex::default(),
            trying: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// Asks for entries, as the one who may search.
    pub(super) async fn search(&self, search: &Search) -> Result<Found, Fault> {
        let _place = self.place().await?;
        if let Some(mut connection) = take(&self.searching) {
            match connection.search(search).await {
                // The server may have closed it just now; what is fresh tells.
                Err(Fault::Unreachable(_)) => forget(&self.searching),
                answer => {
                    keep(&self.searching, connection);
                    return answer;
                }
            }
        }
        let mut connection = self.connect().await?;
        self.log_in(&mut connection).await?;
        let answer = connection.search(search).await;
        if !matches!(answer, Err(Fault::Unreachable(_))) {
            keep(&self.searching, connection);
        }
        answer
    }

    /// Whether a password is the one of an entry.
    pub(super) async fn try_password(
        &self,
        dn: &str,
        password: &Secret<String>,
    ) -> Result<Bound, Fault> {
        let _place = self.place().await?;
        if let Some(mut connection) = take(&self.trying) {
            match connection.bind(dn, password).await {
                Err(Fault::Unreachable(_)) => forget(&self.trying),
                answer => {
                    keep(&self.trying, connection);
                    return answer;
                }
            }
        }
        let mut connection = self.connect().await?;
        let answer = connection.bind(dn, password).await;
        if answer.is_ok() {
            keep(&self.trying, connection);
        }
        answer
    }

    async fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Fault> {
        let limit = self.settings.timeout;
        match tokio::time::timeout(limit, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Fault::Unreachable("it is no longer asked".into())),
            Err(_) => Err(Fault::Unreachable(format!(
                "{AT_ONCE} questions are being answered, and none was done within {} ms",
                limit.as_millis()
            ))),
        }
    }

    /// A new connection to the first server that answers.
    async fn connect(&self) -> Result<Connection, Fault> {
        let mut last = Fault::Unreachable("it has no server".into());
        for index in self.order()? {
            match self.connect_to(index).await {
                Ok(connection) => {
                    self.note(index, None);
                    return Ok(connection);
                }
                Err(fault) => {
                    tracing::warn!(
                        "a server of a directory cannot be used: {}: {fault}",
                        self.name_of(index)
                    );
                    self.note(index, Some(&fault));
                    last = match fault {
                        Fault::Unreachable(why) => {
                            Fault::Unreachable(format!("{}: {why}", self.name_of(index)))
                        }
                        Fault::Refused(why) => {
                            Fault::Refused(format!("{}: {why}", self.name_of(index)))
                        }
                    };
                }
            }
        }
        let until = self.clock.now() + GIVEN_UP_FOR;
        self.trouble().given_up = Some((until, last.clone()));
        Err(last)
    }

    async fn connect_to(&self, index: usize) -> Result<Connection, Fault> {
        let url = self.url(index)?;
        let security = self.security(url).await?;
        let limit = self.settings.timeout;
        Connection::over(dial(url, limit).await?, url, &security, limit).await
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers in the order in which they are tried, those that failed lately at the end.
    fn order(&self) -> Result<Vec<usize>, Fault> {
        let (now, mut trouble) = (self.clock.now(), self.trouble());
        if let Some((until, fault)) = &trouble.given_up {
            if now < *until {
                return Err(fault.clone());
            }
            trouble.given_up = None;
        }
        let mut order: Vec<usize> = (0..self.settings.urls.len()).collect();
        order.sort_by_key(|index| trouble.avoided.get(*index).is_some_and(|until| now < *until));
        Ok(order)
    }

    fn note(&self, index: usize, fault: Option<&Fault>) {
        let until = match fault {
            Some(_) => self.clock.now() + AVOIDED_FOR,
            None => Timestamp::from_millis(0),
        };
        let mut trouble = self.trouble();
        trouble.avoided.resize(self.settings.urls.len(), Timestamp::from_millis(0));
        trouble.avoided[index] = until;
    }

    /// The addresses of the servers.
    pub(super) fn servers(&self) -> usize {
        self.settings.urls.len()
    }

    /// A server's address as it is shown.
    pub(super) fn name_of(&self, index: usize) -> String {
        match self.settings.urls.get(index) {
            Some(Ok(url)) => url.text.clone(),
            Some(Err(error)) => error.clone(),
            None => String::new(),
        }
    }

    pub(super) fn url(&self, index: usize) -> Result<&ServerUrl, Fault> {
        let url = self.settings.urls.get(index);
        let url = url.ok_or_else(|| Fault::Refused("there is no such server".into()))?;
        url.as_ref().map_err(|error| Fault::Refused(error.clone()))
    }

    pub(super) async fn security(&self, url: &ServerUrl) -> Result<Security, Fault> {
        if !url.is_tls && !self.settings.starttls {
            return Ok(Security::None);
        }
        let authorities = self.settings.authorities.clone();
        let load = || async {
            let trusting = move || ClientTls::trusting(&authorities).map(std::sync::Arc::new);
            let loaded = tokio::task::spawn_blocking(trusting).await;
            loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        };
        let tls = self.tls.get_or_try_init(load).await.map_err(Fault::Refused)?.clone();
        Ok(if url.is_tls { Security::Tls(tls) } else { Security::StartTls(tls) })
    }

    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Who searches; nobody in particular if there is none.
    pub(super) fn searcher(&self) -> Option<&str> {
        self.settings.bind.as_ref().map(|(dn, _)| dn.as_str())
    }

    /// Logs in as the one who may search.
    pub(super) async fn log_in(&self, connection: &mut Connection) -> Result<(), Fault> {
        let Some((dn, password)) = &self.settings.bind else { return Ok(()) };
        match connection.bind(dn, password).await? {
            Bound::Yes => Ok(()),
            Bound::No(why) => Err(Fault::Refused(format!("it does not let `{dn}` in: {why}"))),
        }
    }
}

/// The connection that was used last.
fn take(from: &Mutex<Vec<Rested>>) -> Option<Connection> {
    let mut rested = from.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(Rested { mut connection, since }) = rested.pop() {
        if since.elapsed() < KEPT_FOR && !connection.is_closed() {
            return Some(connection);
        }
    }
    None
}

fn keep(kept: &Mutex<Vec<Rested>>, connection: Connection) {
    let mut rested = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if rested.len() >= KEPT {
        rested.remove(0);
    }
    rested.push(Rested { connection, since: Instant::now() });
}

/// Where one is broken, the others are as well.
fn forget(kept: &Mutex<Vec<Rested>>) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
