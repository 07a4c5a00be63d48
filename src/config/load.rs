//! Merging the sources, and remembering which one each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{Config, KEYS};

/// Variables that begin with `BERTH_` and are no settings of the server.
const OTHER_VARIABLES: [&str; 5] =
    ["BERTH_CONFIG", "BERTH_ADMIN_PASSWORD", "BERTH_SERVER", "BERTH_USERNAME", "BERTH_PASSWORD"];

/// The tables of free settings; what is in them is a secret if its name sounds like one.
const OPTIONS: [&str; 2] = ["backup.options.", "storage.options."];

/// The name of a free setting.
fn option_of(key: &str) -> Option<&str> {
    OPTIONS.iter().find_map(|table| key.strip_prefix(table))
}

/// Where plugins are declared; each is one value.
const PLUGINS: &str = "plugins.";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A line of the configuration file, counted from 1.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub source: Source,
    /// The key, or nothing if the file as a whole cannot be read.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.what)
        } else {
            write!(f, "{}: {}: {}", self.source, self.key, self.what)
        }
    }
}

/// All that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What is laid over the defaults.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// The configuration file and its text.
    pub file: Option<(PathBuf, String)>,
    /// The environment, whole; only `BERTH_*` is looked at.
    pub environment: Vec<(String, String)>,
    /// Flags: the key that it sets, the flag's name, and its value.
    pub flags: Vec<(String, &'static str, String)>,
}

/// A checked configuration that knows where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    values: Table,
    sources: BTreeMap<String, Source>,
}

struct Setting {
    key: String,
    value: Value,
    source: Source,
}

impl Loaded {
    /// Merges and checks everything.
    pub fn load(overlay: &Overlay) -> Result<Self, Problems> {
        let defaults = Table::try_from(Config::default())
            .expect("the default configuration is representable in TOML");
        let mut problems = Vec::new();
        let mut settings = Vec::new();
        if let Some((path, text)) = &overlay.file {
            read_file(path, text, &mut settings, &mut problems);
        }
        read_environment(&defaults, &overlay.environment, &mut settings, &mut problems);
        for (key, flag, text) in &overlay.flags {
            let source = Source::Flag((*flag).to_owned());
            if matches!(kind(key), Kind::Value) {
                read_text(&defaults, key, text, source, &mut settings, &mut problems);
            } else {
                problems.push(Problem { source, what: unknown(key), key: key.clone() });
            }
        }

        let mut values = defaults.clone();
        let mut sources = BTreeMap::new();
        for Setting { key, value, source } in settings {
            if let Err(what) = check_one(&defaults, &key, &value) {
                problems.push(Problem { source, key, what });
                continue;
            }
            insert(&mut values, &key, value);
            sources.insert(key, source);
        }
        let config = match Config::deserialize(values.clone()) {
            Ok(config) => config,
            Err(error) if problems.is_empty() => {
                let what = error.message().to_owned();
                return Err(Problems(vec![Problem {
                    source: Source::Default,
                    key: String::new(),
                    what,
                }]));
            }
            Err(_) => Config::default(),
        };
        for (key, what) in config.check() {
            let source = sources.get(key).cloned().unwrap_or(Source::Default);
            problems.push(Problem { source, key: key.to_owned(), what });
        }
        if problems.is_empty() {
            Ok(Self { config, values, sources })
        } else {
            Err(Problems(problems))
        }
    }

    /// Every key with its value as TOML writes it, secrets masked, and where it came from.
    #[must_use]
    pub fn show(&self) -> Vec<(String, String, Source)> {
        let mut rows = Vec::new();
        let mut add = |key: &str, value: &Value| {
            let secret = option_of(key).is_some_and(is_secret);
            let text = if secret { "\"***\"".to_owned() } else { value.to_string() };
            rows.push((
                key.to_owned(),
                text,
                self.sources.get(key).cloned().unwrap_or(Source::Default),
            ));
        };
        for (key, _) in KEYS {
            match find(&self.values, key) {
                Some(Value::Table(table)) if !table.is_empty() => {
                    table.iter().for_each(|(name, value)| add(&format!("{key}.{name}"), value));
                }
                Some(value) => add(key, value),
                None => {}
            }
        }
        rows
    }
}

fn is_secret(option: &str) -> bool {
    ["secret", "key", "token", "password", "credential", "sas"]
        .iter()
        .any(|word| option.contains(word))
}

/// Tries one value alone, so that an error is about this key and no other.
fn check_one(defaults: &Table, key: &str, value: &Value) -> Result<(), String> {
    let mut alone = defaults.clone();
    insert(&mut alone, key, value.clone());
    Config::deserialize(alone).map(drop).map_err(|error| {
        let what = error.message().lines().next().unwrap_or_default().to_owned();
        match value.as_str() {
            // Not every parser repeats what it could not read.
            Some(text) if !what.contains(text) => format!("`{text}`: {what}"),
            _ => what,
        }
    })
}

fn read_file(path: &Path, text: &str, settings: &mut Vec<Setting>, problems: &mut Vec<Problem>) {
    let line_of = |offset: usize| {
        text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
    };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(span.start));
            let source = Source::File(path.to_owned(), line);
            let what = error.message().to_owned();
            problems.push(Problem { source, key: String::new(), what });
            return;
        }
    };
    let mut open = vec![(String::new(), table.into_inner())];
    while let Some((prefix, table)) = open.pop() {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let source = Source::File(path.to_owned(), line_of(name.span().start));
            match (value.into_inner(), kind(&key)) {
                (_, Kind::Unknown) => problems.push(Problem { source, what: unknown(&key), key }),
                (DeValue::Table(table), Kind::Section) => open.push((format!("{key}."), table)),
                (_, Kind::Section) => {
                    problems.push(Problem {
                        source,
                        what: format!("this is a section: write `[{key}]`"),
                        key,
                    });
                }
                (value, Kind::Value) => match Value::deserialize(toml::de::ValueDeserializer::from(
                    toml::Spanned::new(0..0, value),
                )) {
                    Ok(value) => settings.push(Setting { key, value, source }),
                    Err(error) => {
                        problems.push(Problem { source, key, what: error.message().to_owned() });
                    }
                },
            }
        }
    }
}

enum Kind {
    Section,
    Value,
    Unknown,
}

fn kind(key: &str) -> Kind {
    let section = format!("{key}.");
    let is_table = OPTIONS.contains(&&*section);
    let is_value = KEYS.iter().any(|(known, _)| *known == key) && !is_table;
    if is_value || option_of(key).is_some_and(|name| !name.is_empty()) {
        return Kind::Value;
    }
    if key.strip_prefix(PLUGINS).is_some_and(|name| !name.contains('_')) {
        return Kind::Value;
    }
    if is_table || KEYS.iter().any(|(known, _)| known.starts_with(&section)) {
        Kind::Section
    } else {
        Kind::Unknown
    }
}

fn unknown(key: &str) -> String {
    let nearest = KEYS.iter().map(|(known, _)| (distance(known, key), *known)).min();
    match nearest {
        Some((edits, known)) if edits <= 1 + key.len() / 4 => {
            format!("unknown key; did you mean `{known}`?")
        }
        _ => "unknown key; `berth config show` lists those that exist".to_owned(),
    }
}

fn variable(key: &str) -> String {
    format!("BERTH_{}", key.replace('.', "_").to_uppercase())
}

fn read_environment(
    defaults: &Table,
    environment: &[(String, String)],
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) {
    for (name, text) in environment {
        if !name.starts_with("BERTH_") || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        let source = Source::Environment(name.clone());
        let known =
            KEYS.iter().find(|(key, _)| variable(key) == *name).map(|(key, _)| (*key).to_owned());
        let option = || {
            OPTIONS.iter().find_map(|table| {
                let option = name.strip_prefix(&variable(table))?;
                Some(format!("{table}{}", option.to_lowercase()))
            })
        };
        match known.or_else(option) {
            Some(key) => read_text(defaults, &key, text, source, settings, problems),
            None => {
                let nearest = KEYS
                    .iter()
                    .map(|(key, _)| variable(key))
                    .min_by_key(|known| distance(known, name));
                let what =
                    format!("no such setting; did you mean {}?", nearest.unwrap_or_default());
                problems.push(Problem { source, key: String::new(), what });
            }
        }
    }
}

/// Text from the environment or a flag becomes a value of the type that the default has.
fn read_text(
    defaults: &Table,
    key: &str,
    text: &str,
    source: Source,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) {
    let value = match find(defaults, key) {
        Some(Value::Integer(_)) => {
            text.parse().map(Value::Integer).map_err(|_| format!("`{text}` is not a whole number"))
        }
        Some(Value::Boolean(_)) => text
            .parse()
            .map(Value::Boolean)
            .map_err(|_| format!("`{text}` is not `true` or `false`")),
        // Tables are written as in the file: `[{ min_size = "1MiB" }]`.
        Some(Value::Array(_)) if text.trim_start().starts_with('[') => {
            toml::from_str::<Table>(&format!("value = {text}"))
                .map_err(|error| format!("`{text}`: {}", error.message()))
                .and_then(|mut table| table.remove("value").ok_or_else(|| "no value".to_owned()))
        }
        // A list, separated by commas.
        Some(Value::Array(_)) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        _ => Ok(Value::String(text.to_owned())),
    };
    match value {
        Ok(value) => settings.push(Setting { key: key.to_owned(), value, source }),
        Err(what) => problems.push(Problem { source, key: key.to_owned(), what }),
    }
}

fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (section, rest) = match key.split_once('.') {
        Some((section, rest)) => (section, Some(rest)),
        None => (key, None),
    };
    match (table.get(section)?, rest) {
        (Value::Table(table), Some(rest)) => find(table, rest),
        (value, None) => Some(value),
        _ => None,
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    // Names of plugins may have dots in them.
    if let Some(name) = key.strip_prefix(PLUGINS)
        && !KEYS.iter().any(|(known, _)| *known == key)
        && let Some(Value::Table(plugins)) = table.get_mut("plugins")
    {
        plugins.insert(name.to_owned(), value);
        return;
    }
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            if let Value::Table(inner) =
                table.entry(section).or_insert_with(|| Value::Table(Table::new()))
            {
                insert(inner, rest, value);
            }
        }
    }
}

/// Levenshtein distance, for suggestions only.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Loaded, Problems> {
        Loaded::load(&Overlay {
            file: Some(("berth.toml".into(), file.to_owned())),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            flags: Vec::new(),
        })
    }

    fn problems(file: &str, environment: &[(&str, &str)]) -> String {
        load(file, environment).unwrap_err().to_string()
    }

    #[test]
    fn every_key_is_explained_and_has_a_default() {
        fn leaves(prefix: &str, table: &Table, into: &mut Vec<String>) {
            for (name, value) in table {
                match value {
                    Value::Table(table) if !table.is_empty() => {
                        leaves(&format!("{prefix}{name}."), table, into);
                    }
                    _ => into.push(format!("{prefix}{name}")),
                }
            }
        }
        let mut found = Vec::new();
        leaves("", &Table::try_from(Config::default()).unwrap(), &mut found);
        let mut explained: Vec<_> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
        found.sort();
        explained.sort();
        assert_eq!(found, explained);
    }

    #[test]
    fn later_sources_win_and_are_remembered() {
        let overlay = Overlay {
            file: Some((
                "berth.toml".into(),
                "[server]\nlisten = '127.0.0.1:1'\nidle_timeout = '5m'\n".into(),
            )),
            environment: vec![
                ("BERTH_SERVER_LISTEN".into(), "127.0.0.1:2".into()),
                ("PATH".into(), "/".into()),
            ],
            flags: vec![("storage.data".into(), "--data", "/srv".into())],
        };
        let loaded = Loaded::load(&overlay).unwrap();
        assert_eq!(loaded.config.server.listen.port(), 2);
        let shown = loaded.show();
        let source = |key: &str| shown.iter().find(|row| row.0 == key).unwrap().2.to_string();
        assert_eq!(source("server.listen"), "environment BERTH_SERVER_LISTEN");
        assert_eq!(source("server.idle_timeout"), "berth.toml:3");
        assert_eq!(source("storage.data"), "flag --data");
        assert_eq!(source("log.filter"), "default");
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let file = "[server]\nlistn = 'x'\nlisten = 'nowhere'\n[uploads]\nexpire_after = '5s'\n[storage]\nbackend = 3\n";
        let said =
            problems(file, &[("BERTH_AUTH_FAILED_LOGINS", "many"), ("BERTH_SERVR_LISTEN", "x")]);
        for part in [
            "berth.toml:2: server.listn: unknown key; did you mean `server.listen`?",
            "berth.toml:3: server.listen: ",
            "berth.toml:5: uploads.expire_after: 5s is shorter than one minute",
            "berth.toml:7: storage.backend: ",
            "environment BERTH_AUTH_FAILED_LOGINS: auth.failed_logins: `many` is not a whole number",
            "environment BERTH_SERVR_LISTEN: no such setting; did you mean BERTH_SERVER_LISTEN?",
        ] {
            assert!(said.contains(part), "{part}\n---\n{said}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_names_the_line() {
        assert!(problems("[server]\nlisten = \n", &[]).starts_with("berth.toml:2: "));
        assert!(problems("server = 5\n", &[]).contains("write `[server]`"));
    }

    #[test]
    fn tls_needs_both_files() {
        assert!(problems("[server.tls]\ncertificate = 'a.pem'\n", &[]).contains("server.tls.key"));
    }

    #[test]
    fn secrets_of_a_bucket_are_masked() {
        let loaded =
            load("[storage.options]\nbucket = 'b'\nsecret_access_key = 'hush'\n", &[]).unwrap();
        let shown: Vec<_> =
            loaded.show().into_iter().map(|row| format!("{} {}", row.0, row.1)).collect();
        assert!(shown.contains(&"storage.options.bucket \"b\"".to_owned()), "{shown:?}");
        assert!(
            shown.contains(&"storage.options.secret_access_key \"***\"".to_owned()),
            "{shown:?}"
        );
        let loaded = load("", &[("BERTH_STORAGE_OPTIONS_BUCKET", "c")]).unwrap();
        assert_eq!(loaded.config.storage.options["bucket"], "c");
    }
}
