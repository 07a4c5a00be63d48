//! The test vectors that all implementations of age share: what is to be opened, what is to be refused, and why.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use berth_parcel::{AgeError, Decrypt, Identity};
use ring::digest::{SHA256, digest};

/// A vector: what is said of it, and the file itself.
struct Vector {
    fields: Vec<(String, String)>,
    file: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.windows(2).position(|part| part == b"\n\n").unwrap();
        let field = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        let fields: Vec<_> =
            std::str::from_utf8(&bytes[..end]).unwrap().lines().map(field).collect();
        let mut file = bytes[end + 2..].to_vec();
        if fields.iter().any(|(name, value)| name == "compressed" && value == "zlib") {
            let mut plain = Vec::new();
            flate2::read::ZlibDecoder::new(&file[..]).read_to_end(&mut plain).unwrap();
            file = plain;
        }
        Self { fields, file }
    }

    fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| &**value)
    }

    /// What comes of it in the words of the vectors, and what was read.
    fn open(&self) -> (&'static str, Option<Vec<u8>>) {
        let identities: Vec<Identity> =
            self.all("identity").flat_map(|text| Identity::read_all(text).unwrap()).collect();
        let mut reader = match Decrypt::new(&self.file[..], &identities) {
            Ok(reader) => reader,
            Err(AgeError::WrongIdentity(_) | AgeError::NoIdentity) => return ("no match", None),
            Err(AgeError::Changed) => return ("HMAC failure", None),
            Err(AgeError::Damaged(_)) => return ("header failure", None),
            Err(AgeError::Io(error)) => panic!("{error}"),
        };
        let mut read = Vec::new();
        match reader.read_to_end(&mut read) {
            Ok(_) => ("success", Some(read)),
            Err(_) => ("payload failure", Some(read)),
        }
    }
}

#[test]
fn every_vector_is_opened_or_refused_as_it_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testkit");
    let (mut counts, mut wrong) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let vector = Vector::read(&path);
        let expected = vector.all("expect").next().unwrap();
        let (found, read) = vector.open();
        *counts.entry(found).or_default() += 1;
        // That a nonce lacks is found before the first piece is looked at.
        let is_alike = found == expected
            || (expected == "payload failure" || expected == "header failure")
                && found == "header failure"
                && name.ends_with("nonce");
        if !is_alike {
            wrong.push(format!("{name}: {found}, not {expected}"));
        }
        // Before a failure less is given here than by others, who look at what follows a piece after they gave it.
        if let (Some(read), Some(hash), "success") = (read, vector.all("payload").next(), found) {
            let hash_of = digest(&SHA256, &read);
            let hex: Vec<String> =
                hash_of.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            if hex.concat() != hash {
                wrong.push(format!("{name}: what was read ({} bytes) is not in it", read.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts["success"] >= 14 && counts.len() == 5, "{counts:?}");
}
