//! The licences in a Debian package's `copyright`.

use berth_sbom::license;

use crate::root::Root;
use crate::text::{self, stanzas};

/// Longer files are of packages with very many authors; they are not worth their reading.
const MAX_FILE: usize = 1 << 20;
/// More licences than this say nothing.
const MAX_LICENSES: usize = 32;

/// What `/usr/share/doc/NAME/copyright` declares: in the machine-readable format, or by the common licences it names.
pub(crate) fn licenses(root: &dyn Root, package: &str) -> Vec<String> {
    let path = format!("usr/share/doc/{package}/copyright");
    let plain = !package.contains('/') && package != "..";
    let Some(bytes) = plain.then(|| root.read(&path, MAX_FILE).ok()).flatten() else {
        return Vec::new();
    };
    let mut all = parse(&String::from_utf8_lossy(&bytes));
    all.sort_unstable();
    all.dedup();
    all.truncate(MAX_LICENSES);
    all
}

fn parse(content: &str) -> Vec<String> {
    let head = stanzas(content).next();
    let format = head.and_then(|mut lines| lines.find_map(|line| text::header(line, "Format")));
    if format.is_some_and(|format| format.contains("copyright-format")) {
        let fields = stanzas(content).flat_map(|lines| {
            // The licences of files, not their texts, which stand in paragraphs of their own.
            let counts = lines.clone().any(|line| text::header(line, "Files").is_some());
            lines.filter(move |_| counts).filter_map(|line| text::header(line, "License"))
        });
        return fields.filter_map(text::license).map(|short| spdx(&short)).collect();
    }
    let named = content.match_indices("/usr/share/common-licenses/").filter_map(|(at, start)| {
        let rest = &content[at + start.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"-.+".contains(c))
            .unwrap_or(rest.len());
        text::license(rest[..end].trim_end_matches('.'))
    });
    named.collect()
}

/// A short name of the format as SPDX writes it, if it has the same licences in it.
fn spdx(short: &str) -> String {
    let words = short.replace(", ", " ").split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    license::expression(&words).unwrap_or_else(|| short.to_owned())
}

fn word(word: &str) -> String {
    match word.to_ascii_lowercase().as_str() {
        "expat" | "mit/x11" => return "MIT".to_owned(),
        "public-domain" => return word.to_owned(),
        "artistic" => return "Artistic-1.0-Perl".to_owned(),
        _ => {}
    }
    // `GPL-2+`, `LGPL-2.1`, `GFDL-1.3+`
    let (name, later) = word.strip_suffix('+').map_or((word, false), |name| (name, true));
    let family = name.rsplit_once('-').filter(|(family, _)| {
        ["GPL", "LGPL", "AGPL", "GFDL"].iter().any(|known| family.eq_ignore_ascii_case(known))
    });
    match family {
        Some((family, version)) => {
            let version =
                if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
            let end = if later { "or-later" } else { "only" };
            format!("{}-{version}-{end}", family.to_ascii_uppercase())
        }
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_identifiers() {
        let content = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nLicense: none\n\n\
            Files: *\nCopyright: me\nLicense: GPL-2+ or Expat\n\nFiles: b\nLicense: LGPL-2.1\n text\n\n\
            Files: c\nLicense: mine\n\nLicense: Expat\n the text\n";
        assert_eq!(parse(content), ["GPL-2.0-or-later OR MIT", "LGPL-2.1-only", "mine"]);
    }

    #[test]
    fn without_the_format_common_licences_are_named() {
        let content = "This is free software. See /usr/share/common-licenses/GPL-3, and\n`/usr/share/common-licenses/Artistic'.";
        assert_eq!(parse(content), ["GPL-3", "Artistic"]);
    }
}
