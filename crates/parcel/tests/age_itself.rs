//! What age and zstd make is read here, and the other way round.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use berth_parcel::{Encrypt, Form, Identity, Recipient, pack, unpack};

/// What `seq 1 14000` prints: more than one piece.
fn numbers() -> Vec<u8> {
    (1..=14_000).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

fn identities() -> Vec<Identity> {
    Identity::read_all(include_str!("made-by-age/identity.txt")).unwrap()
}

fn read(bytes: &[u8], compressed: bool, identities: &[Identity]) -> std::io::Result<Vec<u8>> {
    let form = Form { compressed, encrypted: true };
    let mut read = Vec::new();
    unpack(bytes, form, identities)?.read_to_end(&mut read)?;
    Ok(read)
}

#[test]
fn files_of_age_and_zstd_are_read() {
    let plain = include_bytes!("made-by-age/numbers.age");
    assert_eq!(read(plain, false, &identities()).unwrap(), numbers());
    let packed = include_bytes!("made-by-age/numbers.zst.age");
    assert_eq!(read(packed, true, &identities()).unwrap(), numbers());
}

#[test]
fn no_byte_can_be_changed_or_cut_off() {
    let file = include_bytes!("made-by-age/numbers.age");
    let header = file.windows(4).position(|part| part == b"\n---").unwrap();
    let end = file.len();
    for at in [0, 30, header - 60, header + 8, header + 60, 40_000, 66_000, end - 1] {
        let mut damaged = file.to_vec();
        damaged[at] ^= 1;
        assert!(read(&damaged, false, &identities()).is_err(), "{at}");
    }
    // Also at the very border of two pieces.
    let body = header + 5 + 43 + 1 + 16;
    for length in [10, header, body, body + (64 << 10) + 16, body + (64 << 10) + 17, end - 1] {
        assert!(read(&file[..length], false, &identities()).is_err(), "{length}");
    }
    let longer = [&file[..], b"!"].concat();
    assert!(read(&longer, false, &identities()).is_err());
}

#[test]
fn the_wrong_identity_is_told_from_damage() {
    let file = include_bytes!("made-by-age/numbers.age");
    let said = |identities: &[Identity]| read(file, false, identities).unwrap_err().to_string();
    assert!(said(&[Identity::random()]).contains("other recipients (2 of them)"));
    assert!(said(&[]).contains("name the file with the identity"));
}

#[test]
fn age_reads_what_is_written_here() {
    let to = [Identity::random().recipient(), identities()[0].recipient()];
    for length in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 300_000] {
        let bytes = &numbers().repeat(5)[..length];
        let mut packed = Vec::new();
        pack(bytes, &mut packed, false, &to).unwrap();
        let identity = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/made-by-age/identity.txt");
        let mut age = Command::new("age");
        age.args(["-d", "-i", identity]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = age.spawn() else {
            eprintln!("SKIPPED: there is no `age` on this machine");
            return;
        };
        let mut input = child.stdin.take().unwrap();
        let writing = std::thread::spawn(move || input.write_all(&packed));
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap().unwrap();
        assert!(output.status.success() && output.stdout == bytes, "{length}");
    }
}

#[test]
fn what_age_writes_now_is_read_here() {
    let (mine, other) = (Identity::random(), Identity::random());
    for length in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 128 << 10, 300_000] {
        let bytes = numbers().repeat(5)[..length].to_vec();
        let mut age = Command::new("age");
        for identity in [&other, &mine] {
            age.args(["-r", &identity.recipient().to_string()]);
        }
        let Ok(mut child) = age.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            eprintln!("SKIPPED: there is no `age` on this machine");
            return;
        };
        let mut input = child.stdin.take().unwrap();
        let sent = bytes.clone();
        let writing = std::thread::spawn(move || input.write_all(&sent));
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap().unwrap();
        assert!(output.status.success(), "{length}");
        assert_eq!(read(&output.stdout, false, std::slice::from_ref(&mine)).unwrap(), bytes);
        let cut = &output.stdout[..output.stdout.len() - 1];
        assert!(read(cut, false, std::slice::from_ref(&mine)).is_err(), "{length}");
    }
}

#[test]
fn nothing_is_encrypted_to_nobody_or_to_everybody() {
    let refused = |recipients: &[Recipient]| Encrypt::new(Vec::new(), recipients).unwrap_err();
    assert!(refused(&[]).to_string().contains("nobody"));
    // Bech32 of the point 0, which makes the same secret with every key.
    let zero =
        bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("age").unwrap(), &[0; 32]).unwrap();
    let good = Identity::random().recipient();
    assert!(refused(&[good, zero.parse().unwrap()]).to_string().contains("protects nothing"));
}
