//! Which distribution this is.

use berth_sbom::Distro;

use crate::found::Found;
use crate::text;

/// Reads `os-release`; the first that is read counts.
pub(crate) fn read(bytes: &[u8], found: &mut Found<'_>) {
    let distro = parse(&String::from_utf8_lossy(bytes));
    if found.inventory.distro.is_none() && !distro.id.is_empty() {
        found.inventory.distro = Some(distro);
    }
}

fn parse(content: &str) -> Distro {
    let mut distro = Distro::default();
    for line in content.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = unquote(value);
        let Some(value) = text::owned(&value) else { continue };
        match key {
            "ID" => distro.id = value.to_ascii_lowercase(),
            "ID_LIKE" => {
                distro.like = value.split_whitespace().map(str::to_ascii_lowercase).collect();
            }
            "VERSION_ID" => distro.version = value,
            "VERSION_CODENAME" => distro.codename = Some(value),
            "PRETTY_NAME" => distro.name = Some(value),
            "CPE_NAME" => distro.cpe = Some(value),
            _ => {}
        }
    }
    distro
}

/// As a shell would read a word.
fn unquote(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        if let Some(inner) = inner {
            let mut out = String::with_capacity(inner.len());
            let mut characters = inner.chars();
            while let Some(c) = characters.next() {
                out.extend(if c == '\\' && quote == '"' { characters.next() } else { Some(c) });
            }
            return out;
        }
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_taken_off() {
        let distro = parse(
            "# a comment\nPRETTY_NAME=\"A \\\"B\\\" 9\"\nID='rhel'\nID_LIKE=\"fedora  centos\"\nVERSION_ID=\"9.4\"\n\
             CPE_NAME=cpe:/o:redhat:enterprise_linux:9\nVERSION_CODENAME=\n",
        );
        assert_eq!(distro.id, "rhel");
        assert_eq!(distro.version, "9.4");
        assert_eq!(distro.like, ["fedora", "centos"]);
        assert_eq!(distro.name.as_deref(), Some("A \"B\" 9"));
        assert_eq!(distro.codename, None);
    }
}
