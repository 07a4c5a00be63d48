//! Passwords: argon2id, off the executor's threads, a few at a time.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Principal;
use crate::secret::{Secret, random_text};

/// The shortest password that is taken, in characters.
pub const MIN_PASSWORD: usize = 8;

/// Verifications at the same time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;

/// Logins that are remembered, so that clients which send Basic with each request do not pay for argon2 each time.
const REMEMBERED: usize = 10_000;

/// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("constant parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password for storing, as a PHC string. Takes some 20 ms of a core: not on the executor's threads.
#[must_use]
pub fn hash_password(password: &Secret<String>) -> Secret<String> {
    let hash: PasswordHash = argon2()
        .hash_password(password.expose().as_bytes())
        .expect("argon2 takes any password shorter than 4 GiB");
    Secret::new(hash.to_string())
}

/// Whether text can be an account's name: letters, digits and `._@-`, 64 at most, as Basic forbids a colon.
#[must_use]
pub fn is_account_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    (1..=64).contains(&text.len())
        && text.bytes().all(allowed)
        && ![Principal::ANONYMOUS, Principal::MACHINE].contains(&text)
}

/// The right to use a core and 19 MiB.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

#[derive(Debug)]
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    /// Keyed hash of name and password → the stored hash that it matched.
    good: quick_cache::sync::Cache<[u8; 32], Secret<String>>,
    key: String,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            good: quick_cache::sync::Cache::new(REMEMBERED),
            key: random_text(32),
        }
    }

    fn fingerprint(&self, name: &str, password: &Secret<String>) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for part in [self.key.as_str(), name, password.expose()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    /// Whether this password was verified before against the hash that is stored now.
    pub(super) fn is_known_good(
        &self,
        name: &str,
        password: &Secret<String>,
        hash: Option<&Secret<String>>,
    ) -> bool {
        hash.is_some_and(|hash| {
            self.good.get(&self.fingerprint(name, password)).is_some_and(|known| known == *hash)
        })
    }

    /// Waits for one of the few places.
    pub(super) async fn turn(&self) -> Turn {
        let places = Arc::clone(&self.places);
        Turn(places.acquire_owned().await.expect("the places are never closed"))
    }

    /// Compares a password with the stored hash, or with nobody's. `failed` is called for a wrong one, even if the
    /// client is gone by then: hanging up must not be a way to guess for free.
    pub(super) async fn verify(
        &self,
        turn: Turn,
        name: &str,
        password: &Secret<String>,
        hash: Option<&Secret<String>>,
        failed: impl FnOnce() + Send + 'static,
    ) -> bool {
        let (candidate, stored) = (password.clone(), hash.cloned());
        let verify = move || {
            let _turn = turn;
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| nobody().clone());
            let matches = PasswordHash::new(stored.expose()).is_ok_and(|hash| {
                argon2().verify_password(candidate.expose().as_bytes(), &hash).is_ok()
            });
            if !(matches && known) {
                failed();
            }
            matches && known
        };
        let good = tokio::task::spawn_blocking(verify).await.unwrap_or(false);
        if let Some(hash) = hash.filter(|_| good) {
            self.good.insert(self.fingerprint(name, password), hash.clone());
        }
        good
    }
}

/// A hash that is verified for unknown users, so that the answer takes as long as for known ones. Made when it is first
/// needed: it takes memory and time that a start need not.
fn nobody() -> &'static Secret<String> {
    static NOBODY: OnceLock<Secret<String>> = OnceLock::new();
    NOBODY.get_or_init(|| hash_password(&Secret::new(random_text(16))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_that_was_hashed_verifies() {
        let passwords = Passwords::new();
        let verify = async |password: &Secret<String>, hash| {
            passwords.verify(passwords.turn().await, "ann", password, hash, || {}).await
        };
        let good = Secret::new("correct horse".to_owned());
        let hash = hash_password(&good);
        assert!(hash.expose().starts_with("$argon2id$"));
        assert!(!passwords.is_known_good("ann", &good, Some(&hash)));
        assert!(verify(&good, Some(&hash)).await);
        assert!(passwords.is_known_good("ann", &good, Some(&hash)));
        assert!(
            !passwords.is_known_good("ann", &good, Some(&hash_password(&good))),
            "the stored hash has changed"
        );
        assert!(!passwords.is_known_good("bob", &good, Some(&hash)));
        assert!(!verify(&Secret::new("wrong".into()), Some(&hash)).await);
        assert!(!verify(&good, None).await, "nobody has no password");
    }

    #[test]
    fn account_names_have_no_colon() {
        assert!(is_account_name("ann.b_c@example-1"));
        for bad in ["", "anonymous", "a:b", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_account_name(bad), "{bad}");
        }
    }
}
