//! What no compiler checks: the order of the rooms, the doors of large dependencies, and that the documents say what
//! the program does.
//!
//! `BLESS=1 cargo test --test it tidy` writes what is generated from the source: `examples/berth.toml` and the list in
//! `docs/configuration.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use berth::config::{Config, KEYS, Loaded, Overlay};
use berth::oci::{Algorithm, ErrorCode};

use crate::support::TestApp;

/// The rooms of `src`; each may use those before it.
const ROOMS: [&str; 19] = [
    "clock",
    "secret",
    "metrics",
    "oci",
    "signature",
    "config",
    "meta",
    "blob",
    "remote",
    "plugin",
    "auth",
    "registry",
    "backup",
    "doctor",
    "install",
    "worker",
    "app",
    "http",
    "cli",
];

/// Large dependencies, as the source names them, and the one room that knows each.
const DOORS: [(&str, &str); 19] = [
    ("cronexpr", "clock"),
    ("prometheus_client", "metrics"),
    ("rusqlite", "meta"),
    ("opendal", "blob"),
    ("reqwest", "remote"),
    ("wasmparser", "plugin"),
    ("wasmtime", "plugin"),
    ("ldap3", "auth"),
    ("x509_parser", "auth"),
    ("wasmtime_wasi", "plugin"),
    ("wasmtime_wasi_http", "plugin"),
    ("flate2", "plugin"),
    ("ruzstd", "plugin"),
    ("axum", "http"),
    ("rust_embed", "http"),
    ("hyper", "http"),
    ("hyper_util", "http"),
    ("clap", "cli"),
    ("toml", "config"),
];

const LONGEST_FILE: usize = 600;

/// Where `docs/configuration.md` holds what is generated.
const BEGIN: &str = "<!-- from src/config/keys.rs, by: BLESS=1 cargo test --test it tidy -->\n";
const END: &str = "<!-- end -->\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files under a directory of the project that end so, with their paths from the project's root.
fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut open = vec![root().join(directory)];
    let mut found = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The source files with their rooms, without comments. `lib.rs` and `main.rs` stand outside the rooms.
fn sources() -> Vec<(PathBuf, String, String)> {
    let in_room = |path: PathBuf| {
        let first = path.components().nth(1)?.as_os_str().to_str()?;
        let room = first.strip_suffix(".rs").unwrap_or(first).to_owned();
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        (!["lib", "main"].contains(&room.as_str())).then_some((path, room, code))
    };
    files("src", "rs").into_iter().filter_map(in_room).collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What stands behind each `prefix::` that begins a path.
fn uses<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let rest = code[at + prefix.len()..].strip_prefix("::")?;
        let begins = !before.is_some_and(|before| is_word(before) || before == ':');
        begins.then(|| &rest[..rest.find(|next| !is_word(next)).unwrap_or(rest.len())])
    })
}

#[test]
fn a_room_uses_only_rooms_before_it() {
    let order = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for (path, room, code) in sources() {
        let Some(mine) = order(&room) else {
            wrong.push(format!("{} is in no room that is known", path.display()));
            continue;
        };
        for used in uses(&code, "crate") {
            if order(used).is_none_or(|other| other > mine) {
                wrong.push(format!("{} uses `crate::{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the order of the rooms:\n{}", wrong.join("\n"));
}

#[test]
fn a_large_dependency_has_one_door() {
    let mut wrong = Vec::new();
    for (path, room, code) in sources() {
        for (dependency, door) in DOORS {
            if room != door && uses(&code, dependency).next().is_some() {
                wrong.push(format!("{} uses {dependency}, whose door is {door}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// SQLite numbers `$1` and `$2` by where they are first used, not by their digits: `SET a = $2 WHERE id = $1` would bind
/// the first value to `a`.
#[test]
fn placeholders_stand_in_the_order_of_their_first_use() {
    let mut wrong = Vec::new();
    for (path, _, code) in sources() {
        for text in code.split('"').skip(1).step_by(2) {
            let mut numbers: Vec<usize> = Vec::new();
            for rest in text.split('$').skip(1) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                numbers.extend(digits.parse().ok().filter(|number| !numbers.contains(number)));
            }
            if numbers.iter().enumerate().any(|(index, number)| index + 1 != *number) {
                wrong.push(format!("{}: {numbers:?} in {text}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_source_file_grows_beyond_one_idea() {
    let lines = |path: &PathBuf| fs::read_to_string(root().join(path)).unwrap().lines().count();
    let long: Vec<_> =
        files("src", "rs").into_iter().filter(|path| lines(path) > LONGEST_FILE).collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines: {long:?}");
}

/// A key with its explanation and its default as TOML writes it.
type Setting = (&'static str, &'static str, String);

fn settings() -> Vec<Setting> {
    let shown = Loaded::load(&Overlay::default()).unwrap().show();
    assert_eq!(shown.len(), KEYS.len(), "a key of KEYS is not in Config");
    KEYS.iter()
        .zip(shown)
        .map(|((key, explanation), (shown, default, _))| {
            assert_eq!(*key, shown);
            (*key, *explanation, default)
        })
        .collect()
}

fn variable((key, _, default): &Setting) -> String {
    let name = key.replace('.', "_").to_uppercase();
    if default == "{}" { format!("BERTH_{name}_<NAME>") } else { format!("BERTH_{name}") }
}

/// Compares a file with what it should be, or writes it.
fn matches(path: &str, expected: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(path), expected).unwrap();
    }
    assert!(
        read(path) == expected,
        "{path} is not what the program says; to write it anew: BLESS=1 cargo test --test it tidy"
    );
}

#[test]
fn the_documented_settings_are_those_that_exist() {
    let path = "docs/configuration.md";
    let text = read(path);
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the generated list");
    let (_, after) = rest.split_once(END).expect("the end of the generated list");
    let mut list = String::new();
    for setting in settings() {
        let (key, explanation, default) = &setting;
        writeln!(
            list,
            "\n- **`{key}`** {explanation}\n  - default `{default}`, environment `{}`",
            variable(&setting)
        )
        .unwrap();
    }
    matches(path, &format!("{before}{BEGIN}{list}\n{END}{after}"));
}

const EXAMPLE_HEAD: &str = "\
# Every setting of Berth, at its default. None of them is needed: an empty file is a working
# registry. `berth config check` tells of mistakes, `berth config show` what is in force and why.
# docs/configuration.md explains how values are written and what overrides what.
";

#[test]
fn the_example_configuration_shows_every_default() {
    let (mut expected, mut section) = (EXAMPLE_HEAD.to_owned(), "");
    for (key, explanation, default) in settings() {
        let (table, name) = key.rsplit_once('.').unwrap();
        if table != section {
            write!(expected, "\n[{table}]\n").unwrap();
            section = table;
        }
        write!(expected, "# {explanation}\n# {name} = {default}\n").unwrap();
    }
    matches("examples/berth.toml", &expected);
}

#[test]
fn the_example_configuration_means_what_it_shows() {
    let example = read("examples/berth.toml");
    let is_value = |line: &str| {
        let name = line.strip_prefix("# ").and_then(|line| line.split_once(" = "));
        name.is_some_and(|(name, _)| name.chars().all(is_word))
    };
    let uncommented = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(value) if is_value(line) => value,
        _ => line,
    });
    let uncommented = uncommented.collect::<Vec<_>>().join("\n");
    for text in [&example, &uncommented] {
        let file = Some((PathBuf::from("berth.toml"), text.clone()));
        let loaded = Loaded::load(&Overlay { file, ..Overlay::default() }).unwrap();
        assert_eq!(loaded.config, Config::default());
    }
    assert_ne!(example, uncommented);
}

#[test]
fn every_error_code_is_documented() {
    let text = read("docs/errors.md");
    let codes = ErrorCode::ALL.map(ErrorCode::as_str);
    for code in codes.into_iter().chain(["UNKNOWN", "UNAVAILABLE"]) {
        assert!(text.contains(&format!("| `{code}` |")), "{code} is not in docs/errors.md");
    }
}

#[tokio::test]
async fn every_metric_is_documented() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.get("/v2/").await.ok();
    // Some figures are there when what they count is.
    let job = berth::meta::NewJob::new("test", serde_json::Value::Null);
    berth.app.meta.add_job(job, &crate::support::tester()).await.unwrap();
    crate::plugins::installed::freeze(&berth, &admin, serde_json::json!({})).await;
    let calls = berth.app.metrics.plugin_calls();
    calls.ended("test", "admission", "answered", std::time::Duration::ZERO);
    let target = serde_json::json!({ "name": "there", "url": "https://registry.example" });
    admin.post_json("/api/v1/replication/targets", target).await.status(201);
    admin
        .put_json("/api/v1/quotas", serde_json::json!({ "namespace": "team", "tags": 1 }))
        .await
        .ok();
    let answer = admin.get("/metrics").await.ok();
    let served = String::from_utf8(answer.bytes).unwrap();
    let names: BTreeSet<_> = served
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
        })
        .collect();
    assert!(names.len() > 10, "{served}");
    let text = read("docs/operations.md");
    let documented: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `berth_")?.split_once('`'))
        .map(|(name, _)| format!("berth_{name}"))
        .collect();
    assert_eq!(documented, names, "the table of metrics in docs/operations.md");
}

/// Plugins are kept built, so that nobody needs their toolchain; then what is kept has to be of these sources.
#[test]
fn built_plugins_are_of_the_sources_beside_them() {
    let shared = ["plugins/wit", "plugins/sdk", "plugins/componentize"];
    for folder in ["plugins", "tests/guests"] {
        let list = root().join(folder).join("built/SOURCES");
        let Ok(list) = fs::read_to_string(&list) else {
            // The contract and the SDK alone make nothing.
            assert_eq!(folder, "plugins", "{} is missing", list.display());
            continue;
        };
        let listed: BTreeSet<(String, String)> = list
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
            .collect();
        let mut sources: BTreeSet<PathBuf> =
            ["plugins/Cargo.toml", "plugins/Cargo.lock"].map(Into::into).into();
        for folder in shared.into_iter().chain([folder]) {
            for extension in ["rs", "toml", "wit", "lock"] {
                sources.extend(files(folder, extension));
            }
        }
        let is_source = |path: &PathBuf| {
            !path
                .components()
                .any(|part| part.as_os_str() == "target" || part.as_os_str() == "built")
        };
        let hashed = |path: PathBuf| {
            let bytes = fs::read(root().join(&path)).unwrap();
            let hash = Algorithm::Sha256.digest(&bytes).hex().to_owned();
            (path.to_str().unwrap().to_owned(), hash)
        };
        let actual: BTreeSet<_> = sources.into_iter().filter(is_source).map(hashed).collect();
        let changed: Vec<_> = listed.symmetric_difference(&actual).map(|(path, _)| path).collect();
        assert!(
            changed.is_empty(),
            "{folder}/built is of other sources; plugins/build.sh builds them anew: {changed:?}"
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = files("docs", "md");
    documents
        .extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(Into::into));
    let mut broken = Vec::new();
    for document in documents {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap_or_default();
            let is_file = !target.is_empty() && !target.contains("://");
            let directory = root().join(document.parent().unwrap());
            if is_file && !directory.join(target).exists() {
                broken.push(format!("{} → {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
}

/// The UI is kept built as well, for those who have no Node; types of the API leave no trace in it.
#[test]
fn the_built_ui_is_of_the_sources_beside_it() {
    let listed: BTreeSet<(String, String)> = read("web/SOURCES")
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect();
    let fixed =
        ["index.html", "package.json", "package-lock.json", "vite.config.js", "scripts/pack.js"];
    let mut sources: BTreeSet<PathBuf> =
        fixed.iter().map(|name| Path::new("web").join(name)).collect();
    for extension in ["svelte", "ts", "css", "js", "svg"] {
        sources.extend(files("web/src", extension));
        sources.extend(files("web/public", extension));
    }
    let hashed = |path: PathBuf| {
        let hash =
            Algorithm::Sha256.digest(&fs::read(root().join(&path)).unwrap()).hex().to_owned();
        (path.strip_prefix("web").unwrap().to_str().unwrap().to_owned(), hash)
    };
    let is_type = |path: &PathBuf| path.to_str().is_some_and(|path| path.ends_with(".d.ts"));
    let actual: BTreeSet<_> =
        sources.into_iter().filter(|path| !is_type(path)).map(hashed).collect();
    let changed: Vec<_> = listed.symmetric_difference(&actual).map(|(path, _)| path).collect();
    assert!(
        changed.is_empty(),
        "web/dist is of other sources; `npm ci && npm run build` in web/ builds it anew: {changed:?}"
    );
}
