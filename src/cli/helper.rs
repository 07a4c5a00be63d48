//! `docker-credential-berth`: this program under another name keeps credentials for Docker, Podman, Skopeo, crane and whoever
//! else asks a credential helper (docker-credential-helpers, the protocol of `credentials.go`).
//!
//! The action is the only argument, what it is about comes on stdin, and so the answer and any complaint go to stdout: that
//! is where clients look for them. Secrets lie in a file that its user alone can read; nothing renews them by itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::output::print;
use crate::remote::Registry;

/// What the program is called then.
const NAME: &str = "docker-credential-berth";

/// Clients know "there is none" by these very words.
const NOT_FOUND: &str = "credentials not found in native keychain";
const NO_SERVER: &str = "no credentials server URL";
const NO_USERNAME: &str = "no credentials username";

/// More than any secret needs.
const LONGEST_INPUT: u64 = 1 << 20;

/// Credentials as the protocol writes them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credential {
    #[serde(rename = "ServerURL", default)]
    server: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// What is kept for a server.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    username: String,
    secret: String,
}

/// Everything that is kept, by what clients call the server.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Credentials(BTreeMap<String, Kept>);

/// Whether the program was called by the helper's name, as a link gives it.
pub(super) fn is_meant(program: Option<&OsStr>) -> bool {
    program.and_then(|program| Path::new(program).file_stem()).is_some_and(|name| name == NAME)
}

/// Does what the argument says.
pub(super) fn run(action: Option<&OsStr>) -> ExitCode {
    match answer(action.and_then(OsStr::to_str).unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let _ = print(&complaint);
            ExitCode::FAILURE
        }
    }
}

fn answer(action: &str) -> Result<(), String> {
    let file = file().ok_or("neither XDG_DATA_HOME nor HOME says where to keep credentials")?;
    let said = match action {
        "get" => Some(get(&Credentials::load(&file)?, input()?.trim())?),
        "store" => {
            let new: Credential = serde_json::from_str(&input()?).map_err(|error| {
                format!("what to store is not in the form of the protocol: {error}")
            })?;
            change(&file, |credentials| credentials.store(new))?;
            None
        }
        "erase" => {
            let server = input()?;
            change(&file, |credentials| credentials.erase(server.trim()))?;
            None
        }
        "list" => Some(list(&Credentials::load(&file)?)?),
        "version" => Some(format!("{NAME} {}", env!("CARGO_PKG_VERSION"))),
        _ => return Err(format!("usage: {NAME} get|store|erase|list|version")),
    };
    if let Some(said) = said {
        print(&said).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn input() -> Result<String, String> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST_INPUT).read_to_string(&mut text);
    read.map_err(|error| format!("stdin cannot be read: {error}"))?;
    Ok(text)
}

/// Where credentials are kept.
fn file() -> Option<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")))?;
    Some(data.join("berth/credentials.json"))
}

fn get(credentials: &Credentials, server: &str) -> Result<String, String> {
    if server.is_empty() {
        return Err(NO_SERVER.into());
    }
    let kept = credentials.find(server).ok_or(NOT_FOUND)?;
    let Kept { username, secret } = kept.clone();
    let answer = Credential { server: server.to_owned(), username, secret };
    serde_json::to_string(&answer).map_err(|error| error.to_string())
}

fn list(credentials: &Credentials) -> Result<String, String> {
    let names: BTreeMap<_, _> =
        credentials.0.iter().map(|(server, kept)| (server, &kept.username)).collect();
    serde_json::to_string(&names).map_err(|error| error.to_string())
}

/// Whether two names are of the same registry: some clients write `https://host/v2/`, some `host`.
fn is_same(one: &str, other: &str) -> bool {
    match (one.parse::<Registry>(), other.parse::<Registry>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

impl Credentials {
    fn find(&self, server: &str) -> Option<&Kept> {
        let alike =
            || self.0.iter().find(|(known, _)| is_same(known, server)).map(|(_, kept)| kept);
        self.0.get(server).or_else(alike)
    }

    fn store(&mut self, new: Credential) -> Result<(), String> {
        let Credential { server, username, secret } = new;
        if server.is_empty() {
            return Err(NO_SERVER.into());
        }
        if username.is_empty() {
            return Err(NO_USERNAME.into());
        }
        self.0.retain(|known, _| !is_same(known, &server));
        self.0.insert(server, Kept { username, secret });
        Ok(())
    }

    /// What is not there is as good as erased.
    fn erase(&mut self, server: &str) -> Result<(), String> {
        if server.is_empty() {
            return Err(NO_SERVER.into());
        }
        self.0.retain(|known, _| !is_same(known, server));
        Ok(())
    }

    fn load(file: &Path) -> Result<Self, String> {
        match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| format!("{} is not as it was written: {error}", file.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("cannot read {}: {error}", file.display())),
        }
    }

    /// Replaces the file in one step: whoever reads it meanwhile sees the old or the new one.
    fn save(&self, file: &Path) -> io::Result<()> {
        let temporary = file.with_extension(format!("json.{}", std::process::id()));
        let _ = std::fs::remove_file(&temporary);
        let mut options = File::options();
        let mut new = options.write(true).create_new(true).mode(0o600).open(&temporary)?;
        new.write_all(&serde_json::to_vec_pretty(self)?)?;
        new.write_all(b"\n")?;
        new.sync_all()?;
        std::fs::rename(&temporary, file)
    }
}

/// Changes what is kept, while no other change is under way.
fn change(
    file: &Path,
    change: impl FnOnce(&mut Credentials) -> Result<(), String>,
) -> Result<(), String> {
    let told = |error: io::Error| format!("cannot write {}: {error}", file.display());
    let directory = file.parent().unwrap_or(file);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(told)?;
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).mode(0o600);
    let lock = lock.open(file.with_extension("lock")).map_err(told)?;
    lock.lock().map_err(told)?;
    let mut credentials = Credentials::load(file)?;
    change(&mut credentials)?;
    credentials.save(file).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_meant_when_it_is_called_so() {
        for name in ["docker-credential-berth", "/usr/local/bin/docker-credential-berth"] {
            assert!(is_meant(Some(OsStr::new(name))), "{name}");
        }
        for name in ["berth", "/opt/docker-credential-berth/berth", "docker-credential-berth2", ""]
        {
            assert!(!is_meant(Some(OsStr::new(name))), "{name}");
        }
        assert!(!is_meant(None));
    }

    #[test]
    fn one_registry_has_one_entry_however_it_is_written() {
        let mut kept = Credentials::default();
        let new = |server: &str, secret: &str| Credential {
            server: server.into(),
            username: "ann".into(),
            secret: secret.into(),
        };
        kept.store(new("https://a.example/v2/", "one")).unwrap();
        kept.store(new("a.example", "two")).unwrap();
        kept.store(new("https://index.docker.io/v1/", "hub")).unwrap();
        assert_eq!(kept.0.len(), 2);
        for name in ["a.example", "https://a.example", "https://a.example/v1/"] {
            assert_eq!(kept.find(name).map(|kept| kept.secret.as_str()), Some("two"), "{name}");
        }
        assert_eq!(kept.find("docker.io").map(|kept| kept.secret.as_str()), Some("hub"));
        assert!(kept.find("a.example:5000").is_none());
        kept.erase("https://a.example").unwrap();
        kept.erase("a.example").unwrap();
        assert_eq!(kept.0.len(), 1);
    }
}
