//! Passwords: argon2id, off the executor's threads, a few at a time.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

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

/// Whether text can be a user's name: letters, digits and `._@-`, 64 at most, as Basic forbids a colon.
#[must_use]
pub fn is_user_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && text != Principal::ANONYMOUS
}

#[derive(Debug)]
pub(super) struct Passwords {
    permits: Semaphore,
    /// Verified for an unknown user, so that the answer takes as long as for a known one.
    nobody: Secret<String>,
    /// Keyed hash of name and password → the stored hash that it matched.
    good: quick_cache::sync::Cache<[u8; 32], Secret<String>>,
    key: String,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            permits: Semaphore::new(AT_ONCE),
            nobody: hash_password(&Secret::new(random_text(16))),
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

    pub(super) async fn verify(
        &self,
        name: &str,
        password: &Secret<String>,
        hash: Option<&Secret<String>>,
    ) -> bool {
        let Ok(_permit) = self.permits.acquire().await else { return false };
        let (password_copy, stored) = (password.clone(), hash.unwrap_or(&self.nobody).clone());
        let verify = move || {
            PasswordHash::new(stored.expose()).is_ok_and(|hash| {
                argon2().verify_password(password_copy.expose().as_bytes(), &hash).is_ok()
            })
        };
        let matches = tokio::task::spawn_blocking(verify).await.unwrap_or(false);
        match hash {
            Some(hash) if matches => {
                self.good.insert(self.fingerprint(name, password), hash.clone());
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_that_was_hashed_verifies() {
        let passwords = Passwords::new();
        let good = Secret::new("correct horse".to_owned());
        let hash = hash_password(&good);
        assert!(hash.expose().starts_with("$argon2id$"));
        assert!(!passwords.is_known_good("ann", &good, Some(&hash)));
        assert!(passwords.verify("ann", &good, Some(&hash)).await);
        assert!(passwords.is_known_good("ann", &good, Some(&hash)));
        assert!(
            !passwords.is_known_good("ann", &good, Some(&hash_password(&good))),
            "the stored hash has changed"
        );
        assert!(!passwords.is_known_good("bob", &good, Some(&hash)));
        assert!(!passwords.verify("ann", &Secret::new("wrong".into()), Some(&hash)).await);
        assert!(!passwords.verify("ann", &good, None).await, "nobody has no password");
    }

    #[test]
    fn user_names_have_no_colon() {
        assert!(is_user_name("ann.b_c@example-1"));
        for bad in ["", "anonymous", "a:b", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_user_name(bad), "{bad}");
        }
    }
}
