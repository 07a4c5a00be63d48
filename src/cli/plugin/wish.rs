//! What `berth plugin` takes: where a plugin comes from, what it may use, its settings, secrets and hooks.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::api::{Api, text};
use crate::cli::credentials::CredentialFiles;
use crate::cli::output::{confirm, say};
use crate::install::Source as From;
use crate::remote::Credentials;

#[derive(Debug, Args)]
pub(super) struct Source {
    /// The digest that it has to have: of the artifact, or of the component
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// The file of a public key (cosign.pub) that has to have signed it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Grants {
    /// What it may use, as it asks for it, or `all`; may be repeated
    #[arg(long = "grant", value_name = "CAPABILITY")]
    granted: Vec<String>,
    /// Grant all that it asks for without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Terms {
    /// A setting, as `KEY=VALUE`; VALUE is JSON, or else text; may be repeated
    #[arg(long = "setting", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// The value of a secret, as `NAME=env:VARIABLE` or `NAME=file:PATH`; may be repeated
    #[arg(long = "secret", value_name = "SECRET")]
    secrets: Vec<String>,
    /// The hook that the following are about, if it has several
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// What happens while it has no answer: `open` or `closed`
    #[arg(long, value_name = "POLICY")]
    fail: Option<String>,
    /// What its denials are worth: `enforce`, `warn` or `dry-run`
    #[arg(long)]
    mode: Option<String>,
    /// Those with lower numbers are asked first
    #[arg(long, allow_hyphen_values = true)]
    order: Option<i32>,
    /// Repositories that it is asked about; may be repeated
    #[arg(long, value_name = "GLOB")]
    on: Vec<String>,
}

impl Source {
    /// What to send; a file is uploaded.
    pub(super) async fn find(&self, api: &Api, what: &str) -> anyhow::Result<Value> {
        let key = self.key.as_ref().map(|path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        });
        let mut wish = json!({ "source": what, "digest": self.digest, "key": key.transpose()? });
        if Path::new(what).is_file() {
            let bytes = std::fs::read(what).with_context(|| format!("cannot read {what}"))?;
            let file = json!({ "component": STANDARD.encode(bytes) });
            let kept: Value = api.post("api/v1/plugin-files", &file).await?;
            wish["source"] = kept["source"].clone();
        } else if let Ok(From::Reference { registry: Some(registry), repository, .. }) =
            what.parse()
            && let Some(Credentials::Password { username, password }) =
                CredentialFiles::of_user().find(&registry, Some(&repository))?
        {
            wish["username"] = username.into();
            wish["password"] = password.expose().as_str().into();
        }
        Ok(wish)
    }
}

impl Grants {
    /// Shows what a plugin asks for, and asks whether it may have it. `missing` is what nobody has granted yet.
    pub(super) fn decide(
        &self,
        name: &str,
        missing: &Value,
    ) -> anyhow::Result<Option<Vec<String>>> {
        let missing: Vec<String> =
            missing.as_array().into_iter().flatten().filter_map(as_text).collect();
        if self.granted.iter().any(|one| one == "all") {
            return Ok(Some(missing));
        }
        if !self.granted.is_empty() {
            for one in missing.iter().filter(|one| !self.granted.contains(one)) {
                say(&format!("not granted: {one}"));
            }
            return Ok(Some(self.granted.clone()));
        }
        if missing.is_empty() {
            return Ok(None);
        }
        say(&format!("{name} asks for:"));
        missing.iter().for_each(|one| say(&format!("  {one}")));
        confirm(&format!("{name} may use all of that from then on"), self.yes)?;
        Ok(Some(missing))
    }
}

fn as_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

impl Terms {
    /// Settings by name.
    pub(super) fn settings(&self) -> anyhow::Result<Map<String, Value>> {
        let mut settings = Map::new();
        for setting in &self.settings {
            let (key, value) = pair(setting)?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            settings.insert(key.to_owned(), value);
        }
        Ok(settings)
    }

    /// The values of secrets by name.
    pub(super) fn secrets(&self) -> anyhow::Result<Map<String, Value>> {
        let mut secrets = Map::new();
        for secret in &self.secrets {
            let (name, from) = pair(secret)?;
            let value = match from.split_once(':') {
                Some(("env", variable)) => {
                    #[expect(clippy::disallowed_methods, reason = "the flag names the variable")]
                    let value = std::env::var(variable);
                    value.with_context(|| format!("the environment has no variable {variable}"))?
                }
                Some(("file", path)) => {
                    let text = std::fs::read_to_string(path);
                    let text = text.with_context(|| format!("cannot read {path}"))?;
                    text.trim_end_matches('\n').to_owned()
                }
                _ => anyhow::bail!(
                    "write the secret `{name}` as `{name}=env:VARIABLE` or `{name}=file:PATH`, so that its value is in no list of processes"
                ),
            };
            secrets.insert(name.to_owned(), value.into());
        }
        Ok(secrets)
    }

    /// How hooks are to be used, from how they are.
    pub(super) fn hooks(
        &self,
        hooks: &[String],
        known: &Value,
    ) -> anyhow::Result<Map<String, Value>> {
        let is_set = self.fail.is_some()
            || self.mode.is_some()
            || self.order.is_some()
            || !self.on.is_empty();
        let mut changed = Map::new();
        if !is_set {
            return Ok(changed);
        }
        let hook = match (&self.hook, hooks) {
            (Some(hook), _) => hook.clone(),
            (None, [only]) => only.clone(),
            (None, several) => {
                anyhow::bail!("name one of its hooks with --hook: {}", several.join(", "))
            }
        };
        let mut binding = json!({});
        let shown = known.as_array().into_iter().flatten().find(|one| one["hook"] == hook.as_str());
        if let Some(shown) = shown {
            for field in ["fail", "mode", "order", "repositories", "limits"] {
                binding[field] = shown[field].clone();
            }
        }
        if let Some(fail) = &self.fail {
            binding["fail"] = fail.as_str().into();
        }
        if let Some(mode) = &self.mode {
            binding["mode"] = mode.as_str().into();
        }
        if let Some(order) = self.order {
            binding["order"] = order.into();
        }
        if !self.on.is_empty() {
            binding["repositories"] = self.on.clone().into();
        }
        changed.insert(hook, binding);
        Ok(changed)
    }
}

fn pair(text: &str) -> anyhow::Result<(&str, &str)> {
    text.split_once('=').with_context(|| format!("write `{text}` as `NAME=VALUE`"))
}

/// The hooks that a manifest names.
pub(super) fn hooks_of(about: &Value) -> Vec<String> {
    about["hooks"].as_array().into_iter().flatten().filter_map(as_text).collect()
}

/// One line about a plugin.
pub(super) fn title(about: &Value) -> String {
    format!("{} {}", text(about, "name"), text(about, "version"))
}
