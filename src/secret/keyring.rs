//! The keys under which secrets are kept in the database, and under which its log of events is chained.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::hmac;

use super::Secret;

/// Bytes of one key.
pub(super) const KEY_BYTES: usize = 32;

/// Bytes that name the key which sealed something.
const ID_BYTES: usize = 4;

/// The first byte of everything that is sealed: the form, so that another one can follow.
const FORM: u8 = 1;

/// Keys that seal secrets before they are stored. The first one seals; all of them open, so that a new one can be put
/// before the others.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: [u8; ID_BYTES],
    seal: [u8; KEY_BYTES],
    chain: [u8; KEY_BYTES],
}

/// Why something sealed cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key sealed it.
    #[error(
        "a secret in the database was sealed with a key that is not in the key file: bring that key file back"
    )]
    UnknownKey,
    /// It was changed, moved to another place, or never was sealed.
    #[error("a secret in the database is damaged, or was moved there from somewhere else")]
    Damaged,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

struct Len;

impl KeyType for Len {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl Key {
    fn new(master: &[u8; KEY_BYTES]) -> Self {
        let derive = |purpose: &str| {
            let mut out = [0; KEY_BYTES];
            Salt::new(HKDF_SHA256, b"berth")
                .extract(master)
                .expand(&[purpose.as_bytes()], Len)
                .and_then(|key| key.fill(&mut out))
                .expect("32 bytes are not too many for HKDF");
            out
        };
        let id = derive("key id");
        Self { id: [id[0], id[1], id[2], id[3]], seal: derive("seal"), chain: derive("chain") }
    }

    fn aead(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.seal).expect("the key has 32 bytes"))
    }
}

impl Keyring {
    /// A ring of these keys, the one that seals first.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn new(masters: &[[u8; KEY_BYTES]]) -> Self {
        assert!(!masters.is_empty(), "a keyring has a key");
        Self { keys: masters.iter().map(Key::new).collect() }
    }

    /// A ring with one new key that is kept nowhere: what it seals is lost with it.
    #[must_use]
    pub fn random() -> Self {
        Self::new(&[random_key()])
    }

    fn first(&self) -> &Key {
        self.keys.first().expect("a keyring has a key")
    }

    /// Encrypts `plain` (AES-256-GCM). `place` says where the result is kept, such as `signing_key/ID`: somewhere else it
    /// does not open.
    ///
    /// # Panics
    /// If the kernel has no random source.
    #[must_use]
    pub fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let key = self.first();
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the kernel's random source answers");
        let mut sealed = vec![FORM];
        sealed.extend(key.id);
        sealed.extend(nonce);
        let mut body = plain.to_vec();
        key.aead()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut body,
            )
            .expect("a secret is shorter than 64 GiB");
        sealed.extend(body);
        sealed
    }

    /// Decrypts what was sealed for `place`.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (head, body) =
            sealed.split_at_checked(1 + ID_BYTES + NONCE_LEN).ok_or(SealError::Damaged)?;
        if head[0] != FORM {
            return Err(SealError::Damaged);
        }
        let key = self.keys.iter().find(|key| key.id == head[1..=ID_BYTES]);
        let key = key.ok_or(SealError::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(&head[1 + ID_BYTES..])
            .map_err(|_| SealError::Damaged)?;
        let mut body = body.to_vec();
        let opened = key.aead().open_in_place(nonce, Aad::from(place.as_bytes()), &mut body);
        let length = opened.map_err(|_| SealError::Damaged)?.len();
        body.truncate(length);
        Ok(Secret::new(body))
    }

    /// A name for whoever has these keys, which tells nothing of them.
    #[must_use]
    pub fn mark(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.first().chain);
        let tag = hmac::sign(&key, b"berth instance");
        tag.as_ref().iter().take(12).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Whether `sealed` was made with the key that seals now.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=ID_BYTES).is_some_and(|id| *id == self.first().id)
    }

    /// The next link of a chain of records: HMAC-SHA-256 of the link before and the record, with the name of the key in
    /// front.
    #[must_use]
    pub fn link(&self, before: &[u8], record: &[u8]) -> Vec<u8> {
        Self::link_with(self.first(), before, record)
    }

    /// Whether `link` is the one that follows `before` for this record.
    pub fn verify_link(&self, before: &[u8], record: &[u8], link: &[u8]) -> Result<(), SealError> {
        let id = link.get(..ID_BYTES).ok_or(SealError::Damaged)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or(SealError::UnknownKey)?;
        let expected = Secret::new(Self::link_with(key, before, record));
        if expected == Secret::new(link.to_vec()) { Ok(()) } else { Err(SealError::Damaged) }
    }

    fn link_with(key: &Key, before: &[u8], record: &[u8]) -> Vec<u8> {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, &key.chain);
        let mut context = hmac::Context::with_key(&mac);
        context.update(&(before.len() as u64).to_le_bytes());
        context.update(before);
        context.update(record);
        let mut link = key.id.to_vec();
        link.extend(context.sign().as_ref());
        link
    }
}

/// 32 bytes from the kernel.
pub(super) fn random_key() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("the kernel's random source answers");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let keys = Keyring::random();
        let sealed = keys.seal("webhook/1", b"hush");
        assert!(!sealed.windows(4).any(|part| part == b"hush"));
        assert_ne!(sealed, keys.seal("webhook/1", b"hush"));
        assert_eq!(keys.open("webhook/1", &sealed).unwrap().expose(), b"hush");
        assert_eq!(keys.open("webhook/2", &sealed).unwrap_err(), SealError::Damaged);
        for at in [0, 10, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(keys.open("webhook/1", &damaged).unwrap_err(), SealError::Damaged, "{at}");
        }
        assert_eq!(keys.open("webhook/1", &sealed[..8]).unwrap_err(), SealError::Damaged);
        let other = Keyring::random();
        assert_eq!(other.open("webhook/1", &sealed).unwrap_err(), SealError::UnknownKey);
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_still_opens() {
        let (old, new) = (random_key(), random_key());
        let before = Keyring::new(&[old]);
        let after = Keyring::new(&[new, old]);
        let sealed = before.seal("place", b"hush");
        assert_eq!(after.open("place", &sealed).unwrap().expose(), b"hush");
        assert!(before.is_current(&sealed) && !after.is_current(&sealed));
        assert!(after.is_current(&after.seal("place", b"hush")));
        let link = before.link(b"", b"record");
        assert_eq!(after.verify_link(b"", b"record", &link), Ok(()));
    }

    #[test]
    fn a_link_holds_its_record_and_the_link_before() {
        let keys = Keyring::random();
        let first = keys.link(b"", b"one");
        let second = keys.link(&first, b"two");
        assert_eq!(keys.verify_link(&first, b"two", &second), Ok(()));
        assert_eq!(keys.verify_link(&first, b"twp", &second), Err(SealError::Damaged));
        assert_eq!(keys.verify_link(b"", b"two", &second), Err(SealError::Damaged));
        assert_eq!(keys.verify_link(&first, b"two", b""), Err(SealError::Damaged));
    }
}
