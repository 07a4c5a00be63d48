//! Archives that Python's `zipfile` wrote, whole and damaged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use berth_unzip::{Archive, Entry, Error, ReadAt};
use proptest::prelude::*;

const ALL: [&str; 5] = ["plain.zip", "comment.zip", "behind.zip", "nested.zip", "zip64.zip"];

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archives").join(name)).unwrap()
}

fn entries(archive: &Archive<'_>) -> Result<Vec<Entry>, Error> {
    let mut all = Vec::new();
    archive.visit(|entry| {
        all.push(entry);
        Ok::<_, Error>(true)
    })?;
    Ok(all)
}

#[test]
fn entries_are_found_and_unpacked() {
    for name in ["plain.zip", "comment.zip", "behind.zip"] {
        let bytes = bytes(name);
        let archive = Archive::open(&bytes).unwrap();
        let all = entries(&archive).unwrap();
        let names: Vec<_> = all.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a.txt", "dir/b.txt"], "{name}");
        assert_eq!(archive.read(&all[0], 100).unwrap(), b"hello");
        assert_eq!(archive.read(&all[1], 6000).unwrap(), b"world ".repeat(1000));
        assert!(matches!(archive.read(&all[1], 5999), Err(Error::TooLarge)));
    }
    let bytes = bytes("zip64.zip");
    let archive = Archive::open(&bytes).unwrap();
    assert_eq!(archive.read(&entries(&archive).unwrap()[0], 100).unwrap(), b"hello");
}

#[test]
fn a_stored_archive_is_read_in_its_place() {
    let bytes = bytes("nested.zip");
    let archive = Archive::open(&bytes).unwrap();
    let all = entries(&archive).unwrap();
    let part = archive.part(&all[0]).unwrap();
    assert_eq!(part.size(), all[0].size);
    let inner = Archive::open(&part).unwrap();
    let all = entries(&inner).unwrap();
    assert_eq!(inner.read(&all[0], 100).unwrap(), b"hello");
    assert!(inner.part(&all[1]).is_err(), "it is packed");
}

#[test]
fn a_large_entry_is_unpacked_piece_by_piece() {
    let bytes = bytes("large.zip");
    assert!(bytes.len() > 150_000, "it is more than is read at once");
    let archive = Archive::open(&bytes).unwrap();
    let all = entries(&archive).unwrap();
    let large = archive.read(&all[0], 1 << 20).unwrap();
    assert_eq!(large.len() as u64, all[0].size);
    assert!(large.ends_with(b"the end"));
    assert!(matches!(archive.read(&all[0], large.len() - 1), Err(Error::TooLarge)));
    // Every piece counts.
    for at in [1000, 70_000, 140_000] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(Archive::open(&damaged).unwrap().read(&all[0], 1 << 20).is_err());
    }
}

#[test]
fn a_directory_longer_than_one_read_is_read_whole() {
    // Stored entries without content, as the format writes them.
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for index in 0..3000u32 {
        let name = format!("{index:04}/{}", "n".repeat(40));
        let header = u32::try_from(archive.len()).unwrap();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        archive.extend(b"PK\x03\x04");
        archive.extend([0; 22]);
        archive.extend(length);
        archive.extend([0; 2]);
        archive.extend(name.as_bytes());
        directory.extend(b"PK\x01\x02");
        directory.extend([0; 24]);
        directory.extend(length);
        directory.extend([0; 12]);
        directory.extend(header.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let offset = u32::try_from(archive.len()).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(3000u16.to_le_bytes());
    archive.extend(3000u16.to_le_bytes());
    archive.extend(size.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend([0; 2]);
    let opened = Archive::open(&archive).unwrap();
    let all = entries(&opened).unwrap();
    assert_eq!(all.len(), 3000);
    assert!(all[2999].name.starts_with("2999/"));
    assert_eq!(opened.read(&all[1234], 10).unwrap(), b"");
    // Counted in too few bits, none is lost.
    let end = archive.len() - 22;
    archive[end + 10..end + 12].copy_from_slice(&7u16.to_le_bytes());
    assert_eq!(entries(&Archive::open(&archive).unwrap()).unwrap().len(), 3000);
    archive[end + 10..end + 12].copy_from_slice(&3001u16.to_le_bytes());
    assert!(entries(&Archive::open(&archive).unwrap()).is_err());
}

/// Everything that can be asked of bytes, whatever they are.
fn try_all(bytes: &[u8]) {
    let owned = bytes.to_vec();
    let Ok(archive) = Archive::open(&owned) else { return };
    let mut seen = 0;
    let _ = archive.visit(|entry| {
        if let Ok(bytes) = archive.read(&entry, 1 << 16) {
            assert_eq!(bytes.len() as u64, entry.size);
        }
        if let Ok(part) = archive.part(&entry) {
            assert!(part.size() <= owned.size());
        }
        seen += 1;
        Ok::<_, Error>(seen < 1000)
    });
}

#[test]
fn damaged_archives_do_no_harm() {
    for name in ALL {
        let whole = bytes(name);
        for at in 0..whole.len().min(150) {
            try_all(&whole[..at]);
            for with in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                let at = damaged.len() - 1 - at;
                damaged[at] = with;
                try_all(&damaged);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), end in any::<bool>()) {
        if end {
            bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\0\0\0\0\0\0");
        }
        try_all(&bytes);
    }
}
