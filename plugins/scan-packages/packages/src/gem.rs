//! RubyGems: a specification for each installed gem.

use berth_sbom::{Kind, Package};

use crate::found::Found;
use crate::text::{self, file_name};

/// Reads a `.gemspec` in `specifications`. It is a program; what RubyGems writes there can be read without running it.
pub(crate) fn read(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    let content = String::from_utf8_lossy(bytes);
    let stub = content.lines().take(8).find_map(|line| line.strip_prefix("# stub: "));
    let mut stub = stub.unwrap_or_default().split_whitespace();
    let stub = (stub.next(), stub.next(), stub.next());
    let assigned = |name: &str| content.lines().find_map(|line| assigned(line, name));
    let (name, version, platform) = match stub {
        (Some(name), Some(version), platform) => (Some(name), Some(version), platform),
        _ => (assigned("name"), assigned("version"), assigned("platform")),
    };
    let (Some(name), Some(version)) = (name.and_then(text::field), version.and_then(text::field))
    else {
        return match of_file_name(file_name(path)) {
            Some((name, version)) => found.add_at(Kind::Gem, name, version, path),
            None => found.note(path, "a gem without a name or a version"),
        };
    };
    let mut package = Package::new(Kind::Gem, name, version);
    package.architecture = platform.and_then(text::owned).filter(|platform| platform != "ruby");
    package.licenses = licenses(&content);
    package.locations.push(path.to_owned());
    found.add(package);
}

/// `s.name = "rack".freeze`, whatever `s` is called; `Gem::Version.new("1.0")` too.
fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (target, value) = line.split_once('=')?;
    let (_, field) = target.trim().split_once('.')?;
    (field == name).then(|| quoted(value)).flatten().map(|(text, _)| text)
}

/// The first text in quotes, and what follows it.
fn quoted(value: &str) -> Option<(&str, &str)> {
    let start = value.find(['"', '\''])?;
    let quote = value[start..].chars().next()?;
    value[start + 1..].split_once(quote)
}

/// `s.licenses = ["MIT".freeze, "Ruby".freeze]`, of which the user may choose.
fn licenses(content: &str) -> Vec<String> {
    let line = content.lines().find_map(|line| {
        let (target, value) = line.split_once('=')?;
        let (_, field) = target.trim().split_once('.')?;
        ["licenses", "license"].contains(&field).then_some(value)
    });
    let mut rest = line.unwrap_or_default();
    let mut all = Vec::new();
    while let Some((license, behind)) = quoted(rest).filter(|_| all.len() < 16) {
        all.extend(text::license(license));
        rest = behind;
    }
    if all.len() > 1 { vec![all.join(" OR ")] } else { all }
}

/// `rack-2.2.4.gemspec`
fn of_file_name(name: &str) -> Option<(&str, &str)> {
    let stem = name.strip_suffix(".gemspec")?;
    let at = stem
        .match_indices('-')
        .find(|(at, _)| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()))?
        .0;
    Some((&stem[..at], &stem[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn one(content: &str, path: &str) -> Package {
        let limits = Limits::default();
        let mut found = Found::new(&limits);
        read(content.as_bytes(), path, &mut found);
        found.inventory.packages.remove(0)
    }

    #[test]
    fn a_specification_is_read_without_running_it() {
        let stub = "# -*- encoding: utf-8 -*-\n# stub: nokogiri 1.16.2 x86_64-linux lib\n\nGem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\nend\n";
        let gem = one(stub, "specifications/nokogiri-1.16.2-x86_64-linux.gemspec");
        assert_eq!((gem.name.as_str(), gem.version.as_str()), ("nokogiri", "1.16.2"));
        assert_eq!(gem.architecture.as_deref(), Some("x86_64-linux"));
        assert_eq!(gem.licenses, ["MIT OR Ruby"]);
        let plain = "Gem::Specification.new do |spec|\n  spec.name = 'a'\n  spec.version = Gem::Version.new(\"1.0\")\n  spec.license = 'ISC'\nend";
        let gem = one(plain, "specifications/a-1.0.gemspec");
        assert_eq!((gem.name.as_str(), gem.version.as_str()), ("a", "1.0"));
        assert_eq!(gem.licenses, ["ISC"]);
        let gem = one("computed", "specifications/net-http-0.3.0.gemspec");
        assert_eq!((gem.name.as_str(), gem.version.as_str()), ("net-http", "0.3.0"));
    }
}
