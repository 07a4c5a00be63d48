//! Files as package managers write them, small.

use std::path::Path;

use miniz_oxide::deflate::compress_to_vec_zlib;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

pub(crate) const DPKG_STATUS: &str = "Package: libssl3
Status: install ok installed
Priority: optional
Source: openssl (3.0.15-1)
Version: 3.0.15-1+b1
Architecture: amd64
Description: Secure Sockets Layer toolkit
 Version: this is text
 .

Package: cron
Status: deinstall ok config-files
Version: 3.0pl1-162
Architecture: amd64

Package: python3-six
Status: install ok half-configured
Version: 1.16.0-4
Architecture: all
Source: six

Package: broken
Status: install ok installed
Architecture: all
";

pub(crate) const APK_INSTALLED: &str = "C:Q1abc=
P:libcrypto3
V:3.1.4-r5
A:x86_64
L:Apache-2.0
o:openssl
F:lib
R:libcrypto.so.3
a:0:0:755
F:usr/lib/node_modules/npm
R:package.json

P:musl
V:1.2.4_git20230717-r4
A:x86_64
L:MIT
o:musl

V:1.0-r0
";

pub(crate) const GO_MODULES: &str = "path\texample.org/tool\n\
    mod\texample.org/tool\t(devel)\t\n\
    dep\tgithub.com/Masterminds/sprig/v3\tv3.2.3\th1:abc=\n\
    dep\tgithub.com/old/module\tv1.0.0\n\
    =>\tgithub.com/new/module\tv1.1.0\th1:def=\n\
    dep\texample.org/local\tv0.1.0\n\
    =>\t./local\t(devel)\t\n\
    build\t-compiler=gc\n";

/// Where sections begin: behind the headers, as linkers align them.
const DATA: usize = 128;

/// A program with sections, as a linker lays it out: headers, data, names, the table of sections.
pub(crate) fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut file = vec![0; DATA];
    let mut table = vec![[0u8; 64]];
    let mut add = |name: &str, bytes: &[u8], names: &mut Vec<u8>, file: &mut Vec<u8>| {
        let mut entry = [0; 64];
        entry[..4].copy_from_slice(&u32::try_from(names.len()).unwrap().to_le_bytes());
        names.extend(name.bytes().chain([0]));
        entry[16..24].copy_from_slice(&(0x40_0000 + file.len() as u64).to_le_bytes());
        entry[24..32].copy_from_slice(&(file.len() as u64).to_le_bytes());
        entry[32..40].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        file.extend(bytes);
        table.push(entry);
    };
    for (name, bytes) in sections {
        add(name, bytes, &mut names, &mut file);
    }
    let mut texts = names.clone();
    texts.extend(b".shstrtab\0");
    add(".shstrtab", &texts, &mut names, &mut file);
    let at = file.len() as u64;
    let count = u16::try_from(table.len()).unwrap();
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    file[32..40].copy_from_slice(&64u64.to_le_bytes());
    file[40..48].copy_from_slice(&at.to_le_bytes());
    for (place, value) in [(54, 56), (56, 1), (58, 64), (60, count), (62, count - 1)] {
        file[place..place + 2].copy_from_slice(&u16::to_le_bytes(value));
    }
    // One segment that may be written to, with everything in it.
    file[64..72].copy_from_slice(&[1, 0, 0, 0, 6, 0, 0, 0]);
    file[80..88].copy_from_slice(&0x40_0000u64.to_le_bytes());
    file[96..104].copy_from_slice(&at.to_le_bytes());
    file.extend(table.concat());
    file.resize(file.len().max(1024), 0);
    file
}

pub(crate) fn cargo_program() -> Vec<u8> {
    let json = br#"{"packages":[{"name":"audited","version":"0.3.0","source":"local","dependencies":[1],"root":true},{"name":"memchr","version":"2.7.4","source":"crates.io"},{"name":"autocfg","version":"1.3.0","source":"crates.io","kind":"build"}]}"#;
    elf(&[(".text", b"code"), (".dep-v0", &compress_to_vec_zlib(json, 6))])
}

fn counted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = text.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend(text);
    out
}

/// Between its sentinels.
fn modules() -> Vec<u8> {
    [&[0x30; 16], GO_MODULES.as_bytes(), &[0xf9; 16]].concat()
}

/// As linkers since Go 1.18 write it.
pub(crate) fn go_program() -> Vec<u8> {
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.extend(counted(b"go1.21.3 X:boringcrypto"));
    info.extend(counted(&modules()));
    elf(&[(".go.buildinfo", &info)])
}

/// As linkers before Go 1.18 wrote it: with pointers to strings.
pub(crate) fn old_go_program() -> Vec<u8> {
    let (version, modules) = (b"go1.17.8".to_vec(), modules());
    // The information, two strings, their bytes.
    let base = 0x40_0000u64 + DATA as u64;
    let strings = base + 32;
    let bytes = strings + 32;
    let mut data = b"\xff Go buildinf:\x08\x00".to_vec();
    for number in [
        strings,
        strings + 16,
        bytes,
        version.len() as u64,
        bytes + version.len() as u64,
        modules.len() as u64,
    ] {
        data.extend(number.to_le_bytes());
    }
    data.extend(version);
    data.extend(modules);
    elf(&[(".go.buildinfo", &data)])
}

/// The same without its table of sections.
pub(crate) fn bare(mut program: Vec<u8>) -> Vec<u8> {
    program[40..48].fill(0);
    program[60..62].fill(0);
    program
}
