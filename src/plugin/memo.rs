//! Answers that are good for a while, so that a plugin need not be asked the same again.

use std::fmt;
use std::time::Duration;

use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::clock::{Clock, Timestamp};
use crate::secret::Secret;

/// Answers that are kept, of all plugins together.
const MOST: usize = 10_000;
/// The longest that one is kept, whatever the plugin says.
const LONGEST: Duration = Duration::from_hours(1);

/// What was asked, hashed: it may hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question([u8; 32]);

/// Answers of one kind.
pub(super) struct Memo<T> {
    answers: Cache<Question, (Timestamp, T)>,
    clock: Clock,
    /// Another one for each process, so that hashes of passwords mean nothing elsewhere.
    salt: Secret<[u8; 32]>,
}

impl<T: Clone> Memo<T> {
    pub(super) fn new(clock: Clock) -> Self {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).expect("the kernel's random source answers");
        Self { answers: Cache::new(MOST), clock, salt: Secret::new(salt) }
    }

    /// The question that these parts make; none of them runs into the next.
    pub(super) fn question<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Question {
        let mut hasher = Sha256::new_with_prefix(self.salt.expose());
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Question(hasher.finalize().into())
    }

    pub(super) fn find(&self, question: Question) -> Option<T> {
        let (until, answer) = self.answers.get(&question)?;
        (self.clock.now() < until).then_some(answer)
    }

    pub(super) fn keep(&self, question: Question, answer: T, seconds: u32) {
        if seconds > 0 {
            let until = self.clock.now() + Duration::from_secs(seconds.into()).min(LONGEST);
            self.answers.insert(question, (until, answer));
        }
    }
}

impl<T> fmt::Debug for Memo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_as_long_as_was_said() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let memo = Memo::new(clock.clone());
        let ask = |parts: &[&str]| memo.question(parts.iter().map(|part| part.as_bytes()));
        memo.keep(ask(&["a", "bc"]), 1, 10);
        memo.keep(ask(&["x"]), 2, 0);
        memo.keep(ask(&["y"]), 3, u32::MAX);
        assert_eq!(memo.find(ask(&["a", "bc"])), Some(1));
        assert_eq!(memo.find(ask(&["ab", "c"])), None);
        assert_eq!(memo.find(ask(&["x"])), None);
        clock.advance(Duration::from_secs(10));
        assert_eq!(memo.find(ask(&["a", "bc"])), None);
        assert_eq!(memo.find(ask(&["y"])), Some(3));
        clock.advance(LONGEST);
        assert_eq!(memo.find(ask(&["y"])), None);
    }
}
