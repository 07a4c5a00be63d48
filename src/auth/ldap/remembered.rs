//! What directories said lately. Nothing of it is written anywhere, and passwords are kept as keyed hashes alone.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Standing;
use crate::clock::Timestamp;
use crate::secret::{Secret, random_text};

/// Logins and accounts that are remembered.
const REMEMBERED: usize = 10_000;

/// While a directory does not answer, an account is asked about again after this long.
const PATIENCE: Duration = Duration::from_secs(30);

type Fingerprint = [u8; 32];

/// Names and passwords that directories took or refused.
#[derive(Debug)]
pub(super) struct Logins {
    good: quick_cache::sync::Cache<Fingerprint, Known>,
    wrong: quick_cache::sync::Cache<Fingerprint, Timestamp>,
    key: String,
}

/// Whose a name and a password are.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The name of their account, which may be written in another way than they wrote it.
    pub(super) account: Arc<str>,
    pub(super) id: i64,
    pub(super) login: Arc<str>,
    /// Who said so: [`Connected::number`](super::Connected).
    pub(super) directory: u64,
    pub(super) until: Timestamp,
}

impl Logins {
    pub(super) fn new() -> Self {
        Self {
            good: quick_cache::sync::Cache::new(REMEMBERED),
            wrong: quick_cache::sync::Cache::new(REMEMBERED),
            key: random_text(32),
        }
    }

    fn fingerprint(&self, name: &str, password: &Secret<String>) -> Fingerprint {
        let mut hasher = Sha256::new();
        for part in [self.key.as_str(), name, password.expose()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    pub(super) fn good(
        &self,
        name: &str,
        password: &Secret<String>,
        now: Timestamp,
    ) -> Option<Known> {
        self.good.get(&self.fingerprint(name, password)).filter(|known| now < known.until)
    }

    pub(super) fn note_good(&self, name: &str, password: &Secret<String>, known: Known) {
        let fingerprint = self.fingerprint(name, password);
        self.wrong.remove(&fingerprint);
        self.good.insert(fingerprint, known);
    }

    pub(super) fn is_wrong(&self, name: &str, password: &Secret<String>, now: Timestamp) -> bool {
        self.wrong.get(&self.fingerprint(name, password)).is_some_and(|until| now < until)
    }

    pub(super) fn forget_wrong(&self) {
        self.wrong.clear();
    }

    pub(super) fn note_wrong(&self, name: &str, password: &Secret<String>, until: Timestamp) {
        let fingerprint = self.fingerprint(name, password);
        self.good.remove(&fingerprint);
        self.wrong.insert(fingerprint, until);
    }
}

/// What directories said of accounts.
#[derive(Debug)]
pub(super) struct Standings(quick_cache::sync::Cache<i64, Said>);

/// What a directory, by its number, said at a time.
#[derive(Clone, Copy, Debug)]
struct Said {
    directory: u64,
    standing: Standing,
    at: Timestamp,
}

impl Standings {
    pub(super) fn new() -> Self {
        Self(quick_cache::sync::Cache::new(REMEMBERED))
    }

    pub(super) fn note(&self, account: i64, directory: u64, standing: Standing, at: Timestamp) {
        self.0.insert(account, Said { directory, standing, at });
    }

    /// What was said last, however long ago.
    pub(super) fn last(&self, account: i64) -> Option<Standing> {
        self.0.get(&account).map(|said| said.standing)
    }

    /// What a directory said no longer ago than `remember`. Whoever gets nothing asks; others who come meanwhile are given
    /// what was said before.
    pub(super) fn remembered(
        &self,
        account: i64,
        directory: u64,
        now: Timestamp,
        remember: Duration,
    ) -> Option<Standing> {
        let said = self.0.get(&account).filter(|said| said.directory == directory)?;
        if now.since(said.at) < remember {
            return Some(said.standing);
        }
        let again = (now + PATIENCE.min(remember)) - remember;
        self.0.insert(account, Said { at: again, ..said });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMEMBER: Duration = Duration::from_mins(5);

    #[test]
    fn one_asks_and_the_others_go_on_with_what_was_said() {
        let (standings, start) = (Standings::new(), Timestamp::from_millis(1_000_000));
        let ask = |at| standings.remembered(1, 7, at, REMEMBER);
        assert_eq!(ask(start), None, "nothing was said yet");
        assert_eq!(ask(start), None, "so everybody asks");
        standings.note(1, 7, Standing::Gone, start);
        assert_eq!(ask(start + Duration::from_secs(299)), Some(Standing::Gone));
        let over = start + REMEMBER;
        assert_eq!(ask(over), None, "the first one asks");
        assert_eq!(ask(over), Some(Standing::Gone));
        // No answer came: somebody asks again.
        assert_eq!(ask(over + PATIENCE), None);
        assert_eq!(standings.last(1), Some(Standing::Gone));
    }

    #[test]
    fn nothing_is_remembered_where_nothing_should_be() {
        let (standings, start) = (Standings::new(), Timestamp::from_millis(1_000_000));
        standings.note(1, 7, Standing::Good, start);
        assert_eq!(standings.remembered(1, 7, start, Duration::ZERO), None);
        assert_eq!(standings.remembered(1, 7, start, Duration::ZERO), None);
        assert_eq!(
            standings.remembered(1, 8, start, REMEMBER),
            None,
            "it is set in another way now"
        );
    }
}
