//! Credentials where Docker and Podman keep them, so that whoever is logged in with one client is with all.
//!
//! Read, in this order: `$REGISTRY_AUTH_FILE`; Docker's `config.json` (in `$DOCKER_CONFIG` or `~/.docker`) with its
//! credential helpers; the containers tools' `auth.json`. Written: Docker's file alone.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Map, Value, json};

use crate::oci::RepositoryName;
use crate::remote::{Credentials, Registry};
use crate::secret::Secret;

/// The files that hold credentials.
#[derive(Clone, Debug)]
pub(super) struct CredentialFiles {
    docker: PathBuf,
    before: Vec<PathBuf>,
    after: Vec<PathBuf>,
}

impl CredentialFiles {
    /// The files of the user who runs this.
    pub(super) fn of_user() -> Self {
        Self::from_environment(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn from_environment(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
        let home = set("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let docker = set("DOCKER_CONFIG").unwrap_or_else(|| home.join(".docker"));
        let config = set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let runtime = set("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json"));
        Self {
            docker: docker.join("config.json"),
            before: set("REGISTRY_AUTH_FILE").into_iter().collect(),
            after: runtime.into_iter().chain([config.join("containers/auth.json")]).collect(),
        }
    }

    /// What is stored for a registry; where entries for single repositories are kept, the closest one counts.
    pub(super) fn find(
        &self,
        registry: &Registry,
        repository: Option<&RepositoryName>,
    ) -> anyhow::Result<Option<Credentials>> {
        for file in self.before.iter().chain([&self.docker]).chain(&self.after) {
            if let Some(found) = find_in(&load(file)?, registry, repository)
                .with_context(|| format!("{} holds a broken entry", file.display()))?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Stores a name and a password for a registry, readable for this user alone. Gives the file that holds them.
    pub(super) fn store(
        &self,
        registry: &Registry,
        username: &str,
        password: &Secret<String>,
    ) -> anyhow::Result<&Path> {
        let mut config = load(&self.docker)?;
        let auths = config.entry("auths").or_insert_with(|| json!({}));
        let auths = auths.as_object_mut().with_context(|| {
            format!("{}: `auths` is no object; correct the file first", self.docker.display())
        })?;
        let auth = STANDARD.encode(format!("{username}:{}", password.expose()));
        auths.insert(key(registry).to_owned(), json!({ "auth": auth }));
        save(&self.docker, &config)?;
        Ok(&self.docker)
    }

    /// Forgets a registry; `false` if nothing was stored for it.
    pub(super) fn forget(&self, registry: &Registry) -> anyhow::Result<bool> {
        let mut config = load(&self.docker)?;
        let Some(auths) = config.get_mut("auths").and_then(Value::as_object_mut) else {
            return Ok(false);
        };
        let before = auths.len();
        auths.retain(|name, _| name.parse::<Registry>().ok().as_ref() != Some(registry));
        if auths.len() == before {
            return Ok(false);
        }
        save(&self.docker, &config)?;
        Ok(true)
    }
}

/// What a registry's entry is called. Docker Hub's is the address that it had in 2013.
fn key(registry: &Registry) -> &str {
    if registry.is_docker_hub() { "https://index.docker.io/v1/" } else { registry.as_str() }
}

fn load(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(error).context(format!("cannot read {}", file.display())),
    };
    if text.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON object", file.display()))
}

/// Replaces the file in one step: whoever reads it meanwhile sees the old or the new one.
fn save(file: &Path, config: &Map<String, Value>) -> anyhow::Result<()> {
    // A link stays a link: some people keep the file elsewhere.
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let directory = file.parent().context("the file has a directory")?;
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        let temporary = file.with_extension(format!("json.{}", std::process::id()));
        let _ = std::fs::remove_file(&temporary);
        let mut open = std::fs::OpenOptions::new();
        let mut new = open.write(true).create_new(true).mode(0o600).open(&temporary)?;
        new.write_all(&serde_json::to_vec_pretty(config)?)?;
        new.write_all(b"\n")?;
        new.sync_all()?;
        std::fs::rename(&temporary, &file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

fn find_in(
    config: &Map<String, Value>,
    registry: &Registry,
    repository: Option<&RepositoryName>,
) -> anyhow::Result<Option<Credentials>> {
    if let Some(auths) = config.get("auths").and_then(Value::as_object) {
        for wanted in candidates(registry, repository) {
            let entry = auths.get(&wanted).or_else(|| {
                let same = |name: &str| name.parse::<Registry>().is_ok_and(|one| &one == registry);
                let found =
                    auths.iter().find(|(name, _)| wanted == registry.as_str() && same(name));
                found.map(|(_, entry)| entry)
            });
            if let Some(found) = entry.map(credentials_of).transpose()?.flatten() {
                return Ok(Some(found));
            }
        }
    }
    let helpers = config.get("credHelpers").and_then(Value::as_object);
    let own = helpers.and_then(|all| all.get(registry.as_str()).or_else(|| all.get(key(registry))));
    let helper = own.or_else(|| config.get("credsStore")).and_then(Value::as_str);
    match helper.filter(|name| !name.is_empty()) {
        Some(name) => ask_helper(name, key(registry)),
        None => Ok(None),
    }
}

/// The names under which an entry may be kept, the closest first: `host/team/app`, `host/team`, `host`.
fn candidates(registry: &Registry, repository: Option<&RepositoryName>) -> Vec<String> {
    let mut name = repository.map(RepositoryName::as_str).unwrap_or_default();
    let mut found = Vec::new();
    while !name.is_empty() {
        found.push(format!("{registry}/{name}"));
        name = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    found.push(registry.as_str().to_owned());
    found
}

fn credentials_of(entry: &Value) -> anyhow::Result<Option<Credentials>> {
    let text = |name: &str| {
        entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credentials::IdentityToken(Secret::new(token))));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Credentials::RegistryToken(Secret::new(token))));
    }
    let (username, password) = match text("auth") {
        Some(auth) => {
            let bytes = STANDARD.decode(&auth).or_else(|_| STANDARD_NO_PAD.decode(&auth));
            let pair = String::from_utf8(bytes.context("`auth` is not base64")?)
                .context("`auth` is not UTF-8")?;
            let (username, password) =
                pair.split_once(':').context("`auth` holds no `name:password`")?;
            // Docker once padded it with zero bytes.
            (username.to_owned(), password.trim_end_matches('\0').to_owned())
        }
        None => match (text("username"), text("password")) {
            (Some(username), Some(password)) => (username, password),
            _ => return Ok(None),
        },
    };
    Ok(Some(Credentials::Password { username, password: Secret::new(password) }))
}

/// Asks a credential helper, a program called `docker-credential-<name>`.
fn ask_helper(name: &str, server: &str) -> anyhow::Result<Option<Credentials>> {
    let program = format!("docker-credential-{name}");
    let mut child = Command::new(OsStr::new(&program))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run the credential helper `{program}`"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read what it is asked for answers all the same.
        let _ = stdin.write_all(server.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        // It has no code for "nothing stored", only a message; other failures look the same to Docker, too.
        let message = String::from_utf8_lossy(&output.stdout);
        tracing::debug!(helper = program, message = message.trim(), "no credentials");
        return Ok(None);
    }
    let answer: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{program}` answered with something that is no JSON"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let secret = Secret::new(text("Secret"));
    match text("Username").as_str() {
        "" => Ok(None),
        "<token>" => Ok(Some(Credentials::IdentityToken(secret))),
        username => {
            Ok(Some(Credentials::Password { username: username.to_owned(), password: secret }))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn registry(text: &str) -> Registry {
        text.parse().unwrap()
    }

    fn pair(found: Option<Credentials>) -> Option<(String, String)> {
        match found? {
            Credentials::Password { username, password } => {
                Some((username, password.expose().clone()))
            }
            Credentials::IdentityToken(token) => {
                Some(("<identity>".into(), token.expose().clone()))
            }
            Credentials::RegistryToken(token) => {
                Some(("<registry>".into(), token.expose().clone()))
            }
        }
    }

    fn find(config: &Value, host: &str, repository: Option<&str>) -> Option<(String, String)> {
        let repository = repository.map(|name| name.parse().unwrap());
        let config = config.as_object().unwrap();
        pair(find_in(config, &registry(host), repository.as_ref()).unwrap())
    }

    #[test]
    fn entries_are_found_as_docker_and_podman_write_them() {
        let auth = |pair: &str| json!({ "auth": STANDARD.encode(pair) });
        let config = json!({ "auths": {
            "a.example": auth("ann:secret:with:colons"),
            "a.example/team": auth("team:t"),
            "https://b.example/v2/": auth("bob:b"),
            "https://index.docker.io/v1/": auth("hub:h"),
            "c.example": { "identitytoken": "refresh" },
            "d.example": {},
            "e.example": { "username": "eve", "password": "e" },
        }});
        let own = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(find(&config, "a.example", None), own("ann", "secret:with:colons"));
        assert_eq!(find(&config, "a.example", Some("team/app")), own("team", "t"));
        assert_eq!(find(&config, "a.example", Some("teams/app")), own("ann", "secret:with:colons"));
        assert_eq!(find(&config, "b.example", None), own("bob", "b"));
        assert_eq!(find(&config, "docker.io", Some("library/alpine")), own("hub", "h"));
        assert_eq!(find(&config, "c.example", None), own("<identity>", "refresh"));
        assert_eq!(find(&config, "d.example", None), None);
        assert_eq!(find(&config, "e.example", None), own("eve", "e"));
    }

    #[test]
    fn a_broken_entry_is_told_and_not_passed_over() {
        for auth in ["%%%", "bm9jb2xvbg=="] {
            let config = json!({ "auths": { "a.example": { "auth": auth } } });
            assert!(find_in(config.as_object().unwrap(), &registry("a.example"), None).is_err());
        }
    }

    #[test]
    fn storing_keeps_the_rest_of_the_file_and_hides_it_from_others() {
        let home = tempfile::tempdir().unwrap();
        let files = CredentialFiles::from_environment(|name| {
            (name == "HOME").then(|| home.path().to_owned())
        });
        std::fs::create_dir(home.path().join(".docker")).unwrap();
        let file = home.path().join(".docker/config.json");
        std::fs::write(&file, r#"{"credsStore":"","psFormat":"x","auths":{"b":{"auth":"Yjpi"}}}"#)
            .unwrap();
        let host = registry("127.0.0.1:5000");
        assert_eq!(files.store(&host, "ann", &Secret::new("pw".into())).unwrap(), file);
        assert_eq!(pair(files.find(&host, None).unwrap()), Some(("ann".into(), "pw".into())));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load(&file).unwrap()["psFormat"], "x");
        assert!(files.forget(&host).unwrap());
        assert!(!files.forget(&host).unwrap());
        assert!(files.find(&host, None).unwrap().is_none());
        assert!(files.find(&registry("b"), None).unwrap().is_some());
        let hub = registry("docker.io");
        files.store(&hub, "h", &Secret::new("h".into())).unwrap();
        assert!(load(&file).unwrap()["auths"]["https://index.docker.io/v1/"].is_object());
        assert!(files.forget(&hub).unwrap());
    }

    #[test]
    fn the_environment_names_the_files() {
        let files = CredentialFiles::from_environment(|name| match name {
            "DOCKER_CONFIG" => Some("/d".into()),
            "REGISTRY_AUTH_FILE" => Some("/r.json".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/1".into()),
            "HOME" => Some("/home/ann".into()),
            _ => None,
        });
        assert_eq!(files.docker, Path::new("/d/config.json"));
        assert_eq!(files.before, [Path::new("/r.json")]);
        assert_eq!(
            files.after,
            [
                Path::new("/run/user/1/containers/auth.json"),
                Path::new("/home/ann/.config/containers/auth.json")
            ]
        );
    }
}
