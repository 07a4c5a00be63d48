//! Trying a directory step by step, for whoever sets it up: what worked, and what the first thing is that did not.

use ldap3::Scope;

use super::connection::{Bound, Connection, Fault, Search, Security, dial};
use super::person::{self, Person};
use super::pool::Pool;
use crate::auth::is_account_name;
use crate::meta::{Directory, GroupLookup};
use crate::secret::Secret;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `connect`, `tls`, `bind`, `search`, `user`, `password` or `groups`.
    pub name: &'static str,
    /// Whether it worked.
    pub is_good: bool,
    /// What came of it, in words.
    pub detail: String,
}

/// What came of trying a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Step by step, for each server and then for the directory.
    pub steps: Vec<Step>,
}

impl Trial {
    /// Whether everything worked.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.steps.iter().all(|step| step.is_good)
    }

    fn note<T>(&mut self, name: &'static str, result: Result<(T, String), String>) -> Option<T> {
        match result {
            Ok((value, detail)) => {
                self.steps.push(Step { name, is_good: true, detail });
                Some(value)
            }
            Err(detail) => {
                self.steps.push(Step { name, is_good: false, detail });
                None
            }
        }
    }
}

pub(super) async fn run(
    directory: &Directory,
    pool: &Pool,
    name: Option<&str>,
    password: Option<&Secret<String>>,
) -> Trial {
    let mut trial = Trial::default();
    let mut has_server = false;
    for index in 0..pool.servers() {
        has_server |= server(&mut trial, pool, index).await.is_some();
    }
    if has_server {
        entries(&mut trial, directory, pool, name, password).await;
    }
    trial
}

/// Reaches one server and logs in there.
async fn server(trial: &mut Trial, pool: &Pool, index: usize) -> Option<()> {
    let (shown, limit) = (pool.name_of(index), pool.timeout());
    let failed = |fault: Fault| format!("{shown}: {fault}");
    let dialled = async { dial(pool.url(index)?, limit).await };
    let stream = dialled.await.map(|stream| (stream, shown.clone())).map_err(failed);
    let stream = trial.note("connect", stream)?;
    let secured = async {
        let url = pool.url(index)?;
        let security = pool.security(url).await?;
        let how = match &security {
            Security::None => "none: passwords can be read by whoever hears them",
            Security::Tls(_) => "from the first byte",
            Security::StartTls(_) => "by StartTLS",
        };
        Ok((Connection::over(stream, url, &security, limit).await?, how))
    };
    let secured = secured.await.map(|(connection, how)| (connection, format!("{shown}: {how}")));
    let mut connection = trial.note("tls", secured.map_err(failed))?;
    let bound = match pool.searcher() {
        Some(dn) => pool.log_in(&mut connection).await.map(|()| format!("{shown}: as {dn}")),
        None => Ok(format!("{shown}: as nobody in particular")),
    };
    trial.note("bind", bound.map(|detail| ((), detail)).map_err(failed))
}

/// Looks for entries, and for those of one user.
async fn entries(
    trial: &mut Trial,
    directory: &Directory,
    pool: &Pool,
    name: Option<&str>,
    password: Option<&Secret<String>>,
) {
    let told = |fault: Fault| fault.to_string();
    let base = Search {
        base: directory.settings.user_base.clone(),
        scope: Scope::Base,
        filter: "(objectClass=*)".into(),
        attributes: vec!["1.1".into()],
        limit: 1,
    };
    let found = pool.search(&base).await.map_err(told).and_then(|found| {
        let is_there = !found.entries.is_empty();
        is_there.then(|| ((), format!("{} is there", base.base))).ok_or_else(|| {
            format!("{} is not there, or may not be seen: is it written rightly, and may the one who searches read it?", base.base)
        })
    });
    let Some(()) = trial.note("search", found) else { return };
    let Some(name) = name else { return };
    let found = person::find(directory, pool, name).await.map_err(told);
    let found = found.and_then(|found| found.ok_or_else(|| format!("no entry fits `{name}`")));
    let found = found.and_then(usable);
    let Some(person) = trial.note("user", found) else { return };
    if let Some(password) = password {
        let tried = pool.try_password(&person.dn, password).await.map_err(told);
        let tried = tried.and_then(|bound| match bound {
            Bound::Yes => Ok(((), "it is taken".to_owned())),
            Bound::No(why) => Err(why),
        });
        trial.note("password", tried);
    }
    let groups = person::groups(directory, pool, &person).await.map_err(told);
    let groups = groups.map(|groups| {
        let here = person::names_here(directory, &groups);
        let detail = match (directory.settings.groups, here.is_empty()) {
            (GroupLookup::None, _) => "they are not looked up".to_owned(),
            (_, true) => format!("{} there, none that counts here", groups.len()),
            (_, false) => format!("{} there, here: {}", groups.len(), here.join(", ")),
        };
        ((), detail)
    });
    trial.note("groups", groups);
}

fn usable(person: Person) -> Result<(Person, String), String> {
    if is_account_name(&person.name) {
        let detail = format!("{} is {}, for ever {}", person.name, person.dn, person.external_id);
        return Ok((person, detail));
    }
    Err(format!(
        "{} cannot get an account: `{}` cannot be an account's name",
        person.dn, person.name
    ))
}
