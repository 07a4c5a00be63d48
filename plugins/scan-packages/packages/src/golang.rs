//! Go: the build information in every program that its linker makes.

use berth_sbom::Kind;
use berth_unzip::SourceError;

use crate::elf::Elf;
use crate::found::Found;
use crate::root::read_up_to;

const SECTION: &str = ".go.buildinfo";
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// Magic, size of a pointer, flags, two pointers or nothing.
const HEADER: usize = 32;
const FLAG_BIG_ENDIAN: u8 = 1;
/// Since Go 1.18 the texts follow the header.
const FLAG_INLINE: u8 = 2;
/// Where the header is looked for in a program without a table of sections.
const SEARCHED: usize = 64 << 10;
/// The list of modules stands between two of these.
const SENTINEL: usize = 16;

/// The version of Go and its modules.
struct BuildInfo {
    go: String,
    modules: String,
}

/// Reads the build information, if it is a Go program.
pub(crate) fn read(elf: &Elf<'_>, path: &str, found: &mut Found<'_>) {
    match build_info(elf, found.limits.build_info) {
        Ok(Some(info)) => add(&info, path, found),
        Ok(None) => {}
        Err(error) => found.note(path, format!("its build information cannot be read: {error}")),
    }
}

fn build_info(elf: &Elf<'_>, max: usize) -> Result<Option<BuildInfo>, SourceError> {
    let (offset, size) = match elf.section(SECTION) {
        Some(section) => (section.offset, section.size),
        None if elf.is_bare() => match find_header(elf)? {
            Some(found) => found,
            None => return Ok(None),
        },
        None => return Ok(None),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(max);
    let data = read_up_to(elf.source, offset, size.max(HEADER))?;
    let (Some(pointer), Some(flags)) = (data.get(14), data.get(15)) else { return Ok(None) };
    if !data.starts_with(MAGIC) {
        return Ok(None);
    }
    let texts = if flags & FLAG_INLINE != 0 {
        let rest = data.get(HEADER..).unwrap_or_default();
        counted(rest).and_then(|(go, rest)| Some((go.to_vec(), counted(rest)?.0.to_vec())))
    } else {
        let big_endian = flags & FLAG_BIG_ENDIAN != 0;
        let pointers = (
            number(&data, 16, *pointer, big_endian),
            number(&data, 16 + usize::from(*pointer), *pointer, big_endian),
        );
        let (Some(go), Some(modules)) = pointers else { return Ok(None) };
        let go = string_at(elf, go, *pointer, big_endian, max)?;
        let modules = string_at(elf, modules, *pointer, big_endian, max)?;
        go.map(|go| (go, modules.unwrap_or_default()))
    };
    Ok(texts.map(|(go, modules)| {
        let inner =
            modules.get(SENTINEL..modules.len().saturating_sub(SENTINEL)).unwrap_or_default();
        BuildInfo {
            go: String::from_utf8_lossy(&go).into_owned(),
            modules: String::from_utf8_lossy(inner).into_owned(),
        }
    }))
}

/// The header in the program's data, where the linker aligns it to 16 bytes.
fn find_header(elf: &Elf<'_>) -> Result<Option<(u64, u64)>, SourceError> {
    let Some((offset, size)) = elf.data() else { return Ok(None) };
    let data =
        read_up_to(elf.source, offset, usize::try_from(size).unwrap_or(usize::MAX).min(SEARCHED))?;
    let at = (0..data.len()).step_by(16).find(|at| data[*at..].starts_with(MAGIC));
    Ok(at.map(|at| (offset + at as u64, size - at as u64)))
}

/// A text behind its length, a varint.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = &bytes[index + 1..];
            return rest.split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

fn number(bytes: &[u8], at: usize, width: u8, big_endian: bool) -> Option<u64> {
    let bytes = bytes.get(at..at + usize::from(width)).filter(|_| width == 4 || width == 8)?;
    let shift = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Some(if big_endian { bytes.iter().fold(0, shift) } else { bytes.iter().rev().fold(0, shift) })
}

/// A Go string: a pointer to its bytes and their number.
fn string_at(
    elf: &Elf<'_>,
    address: u64,
    width: u8,
    big_endian: bool,
    max: usize,
) -> Result<Option<Vec<u8>>, SourceError> {
    let Some(head) = elf.read_address(address, usize::from(width) * 2)? else { return Ok(None) };
    let parts =
        (number(&head, 0, width, big_endian), number(&head, usize::from(width), width, big_endian));
    let (Some(data), Some(length)) = parts else { return Ok(None) };
    match usize::try_from(length) {
        Ok(length) if length <= max => elf.read_address(data, length),
        _ => Ok(None),
    }
}

fn add(info: &BuildInfo, path: &str, found: &mut Found<'_>) {
    // `go1.22.1`, with the experiments it was built with; a development version has no number.
    let version = info.go.strip_prefix("go").and_then(|version| version.split_whitespace().next());
    if let Some(version) =
        version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    {
        found.add_at(Kind::Golang, "stdlib", version, path);
    }
    // A module, and the one it was replaced with.
    let mut last: Option<(&str, &str)> = None;
    for line in info.modules.lines() {
        let mut fields = line.split('\t');
        let (kind, name, version) = (fields.next(), fields.next(), fields.next());
        match (kind, name) {
            (Some("mod" | "dep"), Some(name)) => {
                add_module(last.replace((name, version.unwrap_or_default())), path, found);
            }
            // Replaced by a directory it has no version: then what is known is what was replaced.
            (Some("=>"), Some(name)) => {
                let directory = name.starts_with(['.', '/']);
                if let Some(version) = version.filter(|version| !version.is_empty() && !directory) {
                    last = Some((name, version));
                }
            }
            _ => {}
        }
    }
    add_module(last, path, found);
}

fn add_module(module: Option<(&str, &str)>, path: &str, found: &mut Found<'_>) {
    if let Some((name, version)) = module.filter(|(name, _)| !name.is_empty()) {
        // The main module of a checkout has no version.
        let version = if version == "(devel)" { "" } else { version };
        found.add_at(Kind::Golang, name, version, path);
    }
}
