//! The format of age (<https://age-encryption.org/v1>), with X25519 recipients.
//!
//! A header wraps the file's key for each recipient; then come pieces of 64 KiB, each encrypted and authenticated by itself
//! with its number, and the last one marked, so that nothing can be changed, moved or cut off.
//!
//! What was looked at, and how it is tested:
//!
//! - **Nonces.** A file's key is random and used for one file; the key of its pieces is derived with 16 random bytes more.
//!   Pieces are counted from 0 in 11 bytes, and the twelfth marks the last: no nonce comes twice under a key.
//! - **The end.** The last piece is known by nothing that follows it, and opens only with its mark. So a file that was cut
//!   between two pieces, or that goes on behind its end, is refused; an empty last piece only where all is empty.
//! - **The header** is read strictly (one space, canonical base64, lines of 64 characters, one share and one key of the right
//!   length, no point of low order, `scrypt` alone), and its MAC is compared in constant time before anything is decrypted.
//!   What an identity opens is used only after that.
//! - **Memory.** A header of 256 KiB at most, one piece, and its ciphertext: whatever the file says.
//! - **Keys** that are made or opened here are overwritten when they are done with: a file's key, shares, what wraps it, and
//!   an [`Identity`]. The schedules that ring makes of them are not; it has no way to. Nor is what was decrypted.
//! - What has been given by [`Decrypt`] before an error was in the file at that place; whoever needs all of it or nothing waits
//!   for the end.
//!
//! `tests/testkit.rs` reads the vectors that age's implementations share, `tests/age_itself.rs` files of the program `age`
//! in both directions. Passphrases, plugins, SSH keys and armour are not read.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroizing;

use crate::keys::{Identity, Recipient};

const VERSION: &str = "age-encryption.org/v1";
const X25519: &str = "X25519";
const SCRYPT: &str = "scrypt";
const WRAP_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const FILE_KEY: usize = 16;
const TAG: usize = 16;
const MAC: usize = 32;
const PIECE: usize = 64 << 10;

/// The length of all lines of a stanza's body but the last.
const BODY_LINE: usize = 64;

/// No header of ours is longer; one of a thousand recipients fits.
const LONGEST_HEADER: usize = 256 << 10;

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// It is encrypted to somebody else.
    #[error(
        "none of the identities given opens it: it was encrypted to other recipients ({0} of them)"
    )]
    WrongIdentity(usize),
    /// It is encrypted and nobody was named who could open it.
    #[error("it is encrypted with age: name the file with the identity that opens it")]
    NoIdentity,
    /// Its header is not the one that was written.
    #[error("it is damaged, or not encrypted with age: its header was changed")]
    Changed,
    /// It is not of age's format, or was changed.
    #[error("it is damaged, or not encrypted with age: {0}")]
    Damaged(&'static str),
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

struct Key32;

impl hkdf::KeyType for Key32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Key32)
        .and_then(|key| key.fill(&mut *out))
        .expect("32 bytes are not too many for HKDF");
    out
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes"))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel's random source answers");
    bytes
}

fn wrap_key(shared: &[u8; 32], ephemeral: &[u8; 32], recipient: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive(shared, &[&ephemeral[..], &recipient[..]].concat(), WRAP_INFO)
}

fn header_key(file_key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*derive(file_key, &[], b"header"))
}

/// Numbers of pieces, as the nonces that they are encrypted with.
struct Counter(u64);

impl Counter {
    fn next(&mut self, is_last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[3..11].copy_from_slice(&self.0.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.0 += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Encrypts what is written. [`Encrypt::finish`] has to be called: without it the file counts as cut off.
pub struct Encrypt<W> {
    sink: W,
    key: LessSafeKey,
    counter: Counter,
    piece: Vec<u8>,
}

impl<W> std::fmt::Debug for Encrypt<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encrypt(piece {})", self.counter.0)
    }
}

impl<W: Write> Encrypt<W> {
    /// Writes the header for these recipients.
    ///
    /// # Errors
    /// If there are none, as nobody could open it, or one that would share its secret with everybody.
    ///
    /// # Panics
    /// If the kernel has no random source.
    pub fn new(mut sink: W, recipients: &[Recipient]) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        if recipients.is_empty() {
            return Err(invalid("there is nobody to encrypt it to"));
        }
        let file_key: Zeroizing<[u8; FILE_KEY]> = Zeroizing::new(random());
        let mut header = format!("{VERSION}\n");
        for recipient in recipients {
            let secret: Zeroizing<[u8; 32]> = Zeroizing::new(random());
            let ephemeral = x25519(*secret, X25519_BASEPOINT_BYTES);
            let shared = Zeroizing::new(x25519(*secret, recipient.0));
            // A point of low order makes the same secret for everybody.
            if *shared == [0; 32] {
                return Err(invalid("a recipient is a key that protects nothing"));
            }
            let key = wrap_key(&shared, &ephemeral, &recipient.0);
            let mut wrapped = file_key.to_vec();
            let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
            cipher(&key)
                .seal_in_place_append_tag(nonce, Aad::empty(), &mut wrapped)
                .expect("a file's key is short");
            let (ephemeral, wrapped) =
                (STANDARD_NO_PAD.encode(ephemeral), STANDARD_NO_PAD.encode(wrapped));
            header.extend(["-> ", X25519, " ", &ephemeral, "\n", &wrapped, "\n"]);
        }
        header += "---";
        let mac = hmac::sign(&header_key(&*file_key), header.as_bytes());
        header.extend([" ", &STANDARD_NO_PAD.encode(mac), "\n"]);
        let nonce: [u8; 16] = random();
        sink.write_all(header.as_bytes())?;
        sink.write_all(&nonce)?;
        let key = cipher(&derive(&*file_key, &nonce, b"payload"));
        Ok(Self { sink, key, counter: Counter(0), piece: Vec::with_capacity(PIECE + TAG) })
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.counter.next(is_last);
        self.key
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut self.piece)
            .expect("a piece is short");
        self.sink.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Writes the last piece; gives the sink back.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.sink)
    }
}

impl<W: Write> Write for Encrypt<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece is kept until more comes: the last one is marked, and is never empty unless all is.
        if self.piece.len() == PIECE {
            self.seal(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Reads what was encrypted.
pub struct Decrypt<R> {
    source: R,
    key: LessSafeKey,
    counter: Counter,
    /// What was decrypted and not read yet.
    piece: Vec<u8>,
    at: usize,
    /// The first bytes of the next piece, to know whether there is one.
    ahead: Vec<u8>,
    ended: bool,
}

impl<R> std::fmt::Debug for Decrypt<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decrypt(piece {})", self.counter.0)
    }
}

/// Reads a line without its end; the end of the file is an error.
fn read_line(source: &mut impl Read, header: &mut Vec<u8>) -> Result<String, AgeError> {
    let start = header.len();
    loop {
        let mut byte = [0];
        match source.read_exact(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(AgeError::Damaged("it ends in its header"));
            }
            read => read?,
        }
        header.push(byte[0]);
        if header.len() > LONGEST_HEADER {
            return Err(AgeError::Damaged("its header has no end"));
        }
        if byte[0] == b'\n' {
            let line = &header[start..header.len() - 1];
            let text = std::str::from_utf8(line)
                .map_err(|_| AgeError::Damaged("its header is no text"))?;
            return Ok(text.to_owned());
        }
    }
}

impl<R: Read> Decrypt<R> {
    /// Reads the header, and opens it with one of the identities.
    pub fn new(source: R, identities: &[Identity]) -> Result<Self, AgeError> {
        let mut source = io::BufReader::with_capacity(PIECE, source);
        let file_key = open_header(&mut source, identities)?;
        let mut nonce = [0; 16];
        source.read_exact(&mut nonce).map_err(cut)?;
        let key = cipher(&derive(&*file_key, &nonce, b"payload"));
        // What the buffer has read already belongs to the body.
        let ahead = source.buffer().to_vec();
        Ok(Self {
            source: source.into_inner(),
            key,
            counter: Counter(0),
            piece: Vec::new(),
            at: 0,
            ahead,
            ended: false,
        })
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, AgeError::Damaged(what));
        let wanted = PIECE + TAG + 1;
        if self.ahead.len() < wanted {
            let more = (wanted - self.ahead.len()) as u64;
            self.source.by_ref().take(more).read_to_end(&mut self.ahead)?;
        }
        let is_last = self.ahead.len() < wanted;
        let length = self.ahead.len().min(PIECE + TAG);
        if length < TAG || (length == TAG && self.counter.0 > 0) {
            return Err(damaged("it was cut off"));
        }
        self.piece = self.ahead.drain(..length).collect();
        let nonce = self.counter.next(is_last);
        let opened = self.key.open_in_place(nonce, Aad::empty(), &mut self.piece);
        let length =
            opened.map_err(|_| damaged("a piece of it was changed, moved or cut off"))?.len();
        self.piece.truncate(length);
        (self.at, self.ended) = (0, is_last);
        Ok(())
    }
}

fn cut(error: io::Error) -> AgeError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        AgeError::Damaged("it was cut off")
    } else {
        error.into()
    }
}

/// What a header says to one sort of recipient.
struct Stanza {
    arguments: Vec<String>,
    body: Zeroizing<Vec<u8>>,
}

/// Reads a stanza whose first line is there already.
fn read_stanza(
    line: &str,
    source: &mut impl Read,
    header: &mut Vec<u8>,
) -> Result<Stanza, AgeError> {
    let malformed = || AgeError::Damaged("a stanza of its header is not as it should be");
    let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let is_argument =
        |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !arguments.iter().all(is_argument) {
        return Err(malformed());
    }
    let mut text = String::new();
    loop {
        let line = read_line(source, header)?;
        if line.len() > BODY_LINE {
            return Err(malformed());
        }
        text.push_str(&line);
        // The body ends with a line that is shorter.
        if line.len() < BODY_LINE {
            break;
        }
    }
    let body = STANDARD_NO_PAD.decode(&text).map_err(|_| malformed())?;
    Ok(Stanza { arguments, body: Zeroizing::new(body) })
}

/// The file's key, by whichever stanza one of the identities opens.
fn open_header(
    source: &mut impl Read,
    identities: &[Identity],
) -> Result<Zeroizing<[u8; FILE_KEY]>, AgeError> {
    let mut header = Vec::new();
    if read_line(source, &mut header)? != VERSION {
        return Err(AgeError::Damaged("it does not begin as files of age do"));
    }
    let (mut found, mut stanzas, mut is_for_a_passphrase) = (None, 0, false);
    let mut line = read_line(source, &mut header)?;
    while let Some(arguments) = line.strip_prefix("-> ").map(str::to_owned) {
        let stanza = read_stanza(&arguments, source, &mut header)?;
        stanzas += 1;
        is_for_a_passphrase |= stanza.arguments[0] == SCRYPT;
        if stanza.arguments[0] == X25519 {
            let opened = unwrap(identities, &stanza)?;
            found = found.or(opened);
        }
        line = read_line(source, &mut header)?;
    }
    let damaged = || AgeError::Damaged("its header does not end as it should");
    if stanzas == 0 || (is_for_a_passphrase && stanzas > 1) {
        return Err(damaged());
    }
    let mac = line.strip_prefix("--- ").and_then(|mac| STANDARD_NO_PAD.decode(mac).ok());
    let mac = mac.filter(|mac| mac.len() == MAC).ok_or_else(damaged)?;
    let Some(file_key) = found else {
        let none = identities.is_empty();
        return Err(if none { AgeError::NoIdentity } else { AgeError::WrongIdentity(stanzas) });
    };
    let signed = &header[..header.len() - line.len() - 1 + 3];
    hmac::verify(&header_key(&*file_key), signed, &mac).map_err(|_| AgeError::Changed)?;
    Ok(file_key)
}

/// The file's key, if the stanza is for one of the identities.
fn unwrap(
    identities: &[Identity],
    stanza: &Stanza,
) -> Result<Option<Zeroizing<[u8; FILE_KEY]>>, AgeError> {
    let malformed = || AgeError::Damaged("a stanza for X25519 is not as it should be");
    let [_, share] = &stanza.arguments[..] else { return Err(malformed()) };
    let ephemeral = STANDARD_NO_PAD.decode(share).map_err(|_| malformed())?;
    let ephemeral: [u8; 32] = ephemeral.try_into().map_err(|_| malformed())?;
    if stanza.body.len() != FILE_KEY + TAG {
        return Err(malformed());
    }
    for identity in identities {
        let shared = Zeroizing::new(x25519(*identity.0, ephemeral));
        // A point of low order would make the same secret for everybody.
        if *shared == [0; 32] {
            return Err(malformed());
        }
        let key = wrap_key(&shared, &ephemeral, &identity.recipient().0);
        let mut wrapped = stanza.body.clone();
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        if let Ok(opened) = cipher(&key).open_in_place(nonce, Aad::empty(), &mut wrapped) {
            let mut file_key = Zeroizing::new([0; FILE_KEY]);
            file_key.copy_from_slice(opened);
            return Ok(Some(file_key));
        }
    }
    Ok(None)
}

impl<R: Read> Read for Decrypt<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_piece()?;
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
