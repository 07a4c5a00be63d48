//! `berth plugin new`: a project of about twenty lines that builds.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::super::output::{print, say};
use crate::plugin::{Hook, Manifest, PluginName};

const HELP: &str = "\
The project is complete: Berth's contract and SDK are in its folder `berth`, so that it builds
without a checkout of Berth, against exactly this version of it. Its README.md tells how.

Examples:
  berth plugin new --hook admission acme.require-source
  berth plugin new --hook scanner acme.world-writable plugins/world-writable";

/// Writes a project in Rust.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct New {
    /// What the plugin does for the registry
    #[arg(long, value_name = "HOOK", value_parser = parse_hook)]
    hook: &'static Kind,
    /// What it is called: `VENDOR.NAME`
    name: PluginName,
    /// Where the project goes [default: the name without its vendor]
    #[arg(value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// A hook with its part of the template.
#[derive(Debug)]
struct Kind {
    hook: Hook,
    description: &'static str,
    asks: &'static str,
    manifest: &'static str,
    code: &'static str,
}

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("template/", $name))
    };
}

macro_rules! kind {
    ($hook:ident, $folder:literal, $description:literal, $asks:literal) => {
        Kind {
            hook: Hook::$hook,
            description: $description,
            asks: $asks,
            manifest: include_str!(concat!("template/", $folder, "/hook.toml.txt")),
            code: include_str!(concat!("template/", $folder, "/lib.rs.txt")),
        }
    };
}

static KINDS: [Kind; 5] = [
    kind!(Scanner, "scanner", "Finds files that anybody may change", "\"image content\""),
    kind!(Admission, "admission", "Refuses images without an annotation", "\"image metadata\""),
    kind!(
        Authenticator,
        "authenticator",
        "Asks a web service who somebody is",
        "\"http https://*\""
    ),
    kind!(
        ReplicationTarget,
        "replication-target",
        "Copies content to a web server",
        "\"http GET,HEAD,PUT,DELETE https://*\""
    ),
    kind!(EventSink, "event-sink", "Sends events to an address", "\"http POST https://*\""),
];

/// Files of `plugins/`, as they are.
macro_rules! brought {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../plugins/", $path)))),*]
    };
}

/// What the project gets from Berth: a workspace of its own, below `berth/`.
static BROUGHT: [(&str, &str); 38] = brought![
    "Cargo.toml",
    "Cargo.lock",
    "componentize/Cargo.toml",
    "componentize/src/main.rs",
    "sdk/Cargo.toml",
    "sdk/README.md",
    "sdk/src/admission.rs",
    "sdk/src/authenticator.rs",
    "sdk/src/bindings.rs",
    "sdk/src/clock.rs",
    "sdk/src/config.rs",
    "sdk/src/events.rs",
    "sdk/src/export.rs",
    "sdk/src/http.rs",
    "sdk/src/image.rs",
    "sdk/src/kv.rs",
    "sdk/src/lib.rs",
    "sdk/src/log.rs",
    "sdk/src/metrics.rs",
    "sdk/src/plugin.rs",
    "sdk/src/random.rs",
    "sdk/src/replication.rs",
    "sdk/src/scanner.rs",
    "sdk/src/stream.rs",
    "wit/admission.wit",
    "wit/authenticator.wit",
    "wit/deps/clocks.wit",
    "wit/deps/http.wit",
    "wit/deps/io.wit",
    "wit/deps/random.wit",
    "wit/events.wit",
    "wit/host.wit",
    "wit/image.wit",
    "wit/lifecycle.wit",
    "wit/replication.wit",
    "wit/scanner.wit",
    "wit/types.wit",
    "wit/worlds.wit",
];

fn parse_hook(text: &str) -> Result<&'static Kind, String> {
    KINDS.iter().find(|kind| kind.hook.as_str() == text).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.hook.as_str()).collect();
        format!("choose one of {}", known.join(", "))
    })
}

impl New {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let own = self.name.as_str().rsplit('.').next().unwrap_or_default();
        let directory = self.directory.clone().unwrap_or_else(|| PathBuf::from(own));
        let files = files(self.hook, &self.name)?;
        let place = directory.clone();
        tokio::task::spawn_blocking(move || write(&place, &files)).await??;
        print(&directory.display().to_string())?;
        say("its README.md tells how it is built and tried");
        Ok(())
    }
}

/// The whole project: paths and contents.
fn files(kind: &Kind, name: &PluginName) -> anyhow::Result<Vec<(String, String)>> {
    let own = name.as_str().rsplit('.').next().unwrap_or_default();
    // A crate's name begins with a letter.
    let package = if own.starts_with(|first: char| first.is_ascii_digit()) {
        format!("plugin-{own}")
    } else {
        own.to_owned()
    };
    let looks_at_images = matches!(kind.hook, Hook::Scanner | Hook::Admission);
    let tried = if looks_at_images { template!("try.md.txt") } else { "" };
    let fill = |text: &str| {
        text.replace("@try@\n", tried)
            .replace("@name@", name.as_str())
            .replace("@crate@", &package)
            .replace("@module@", &package.replace('-', "_"))
            .replace("@Type@", &type_name(&package))
            .replace("@hook@", kind.hook.as_str())
            .replace("@description@", kind.description)
            .replace("@asks@", kind.asks)
    };
    let manifest = fill(&[template!("plugin.toml.txt"), kind.manifest].concat());
    Manifest::parse(&manifest).context("the template is broken")?;
    let mut files = vec![
        ("Cargo.toml".to_owned(), fill(template!("Cargo.toml.txt"))),
        ("README.md".to_owned(), fill(template!("README.md"))),
        (".gitignore".to_owned(), template!("gitignore.txt").to_owned()),
        ("build.sh".to_owned(), fill(template!("build.sh"))),
        ("plugin.toml".to_owned(), manifest),
        ("src/lib.rs".to_owned(), fill(kind.code)),
    ];
    files.extend(BROUGHT.iter().map(|(path, text)| (format!("berth/{path}"), brought(path, text))));
    Ok(files)
}

/// The workspace comes without Berth's own plugins.
fn brought(path: &str, text: &str) -> String {
    let shared = text.find("[workspace.package]").filter(|_| path == "Cargo.toml");
    shared.map_or_else(
        || text.to_owned(),
        |at| {
            let own = "[workspace]\nmembers = [\"sdk\", \"componentize\"]\nresolver = \"3\"\n\n";
            [own, &text[at..]].concat()
        },
    )
}

/// `require-source` becomes `RequireSource`.
fn type_name(package: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_uppercase() + rest
    };
    package.split('-').map(part).collect()
}

fn write(directory: &Path, files: &[(String, String)]) -> anyhow::Result<()> {
    let told = || directory.display().to_string();
    if directory.exists() && std::fs::read_dir(directory).with_context(told)?.next().is_some() {
        anyhow::bail!("{} is there already, and not empty: name another directory", told());
    }
    for (path, text) in files {
        let path = directory.join(path);
        let told = || path.display().to_string();
        std::fs::create_dir_all(path.parent().unwrap_or(directory)).with_context(told)?;
        std::fs::write(&path, text).with_context(told)?;
        #[cfg(unix)]
        if path.ends_with("build.sh") {
            use std::os::unix::fs::PermissionsExt;
            let mode = PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&path, mode).with_context(told)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_filled_in_for_each_hook() {
        for kind in &KINDS {
            let name = "acme.2-things".parse().unwrap();
            for (path, text) in files(kind, &name).unwrap() {
                for word in ["@name@", "@crate@", "@Type@", "@hook@", "@try@", "@asks@", "@module@"]
                {
                    assert!(!text.contains(word), "{word} in {path}");
                }
            }
        }
        assert_eq!(type_name("plugin-2-things"), "Plugin2Things");
    }

    #[test]
    fn nothing_of_the_contract_and_the_sdk_is_left_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
        let mut folders = vec![root.join("wit"), root.join("sdk"), root.join("componentize")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                assert!(BROUGHT.iter().any(|(brought, _)| *brought == name), "{name}");
            }
        }
    }
}
