//! `berth plugin install` and what goes with it.

use clap::Args;
use http::Method;
use serde_json::{Map, Value, json};

use super::wish::{Grants, Source, Terms, hooks_of, title};
use crate::cli::api::{Api, Target, text};
use crate::cli::client::part;
use crate::cli::output::{Table, confirm, print, print_json, say};

const PLUGINS: &str = "api/v1/plugins";

fn path(name: &str) -> String {
    format!("{PLUGINS}/{}", part(name))
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Show those that come with Berth
    #[arg(long)]
    bundled: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let path = if self.bundled { "api/v1/bundled-plugins" } else { PLUGINS };
        let mut found: Value = api.get(path).await?;
        api.close().await;
        let plugins = found["plugins"].take();
        if self.json {
            return print_json(&plugins);
        }
        if self.bundled {
            let mut table = Table::new(&["NAME", "VERSION", "HOOKS", "STATE", "DESCRIPTION"]);
            for one in plugins.as_array().into_iter().flatten() {
                let about = &one["plugin"];
                let state = if one["is_installed"] == true { "installed" } else { "" };
                table.row([
                    text(about, "name"),
                    text(about, "version"),
                    text(about, "hooks"),
                    state.to_owned(),
                    text(about, "description"),
                ]);
            }
            table.print()?;
            return Ok(());
        }
        let mut table =
            Table::new(&["NAME", "VERSION", "STATE", "HOOKS", ">CALLS", ">FAILED", "ORIGIN"]);
        for one in plugins.as_array().into_iter().flatten() {
            let hooks = || one["hooks"].as_array().into_iter().flatten();
            let names: Vec<String> = hooks().map(|hook| text(hook, "hook")).collect();
            let sum = |field: &str| hooks().filter_map(|hook| hook[field].as_u64()).sum::<u64>();
            table.row([
                text(one, "name"),
                text(one, "version"),
                text(one, "state"),
                names.join(","),
                sum("calls").to_string(),
                sum("failures").to_string(),
                text(one, "origin"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The plugin
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Show {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let found: Value = api.get(&path(&self.name)).await?;
        api.close().await;
        if self.json {
            return print_json(&found);
        }
        for field in [
            "name",
            "version",
            "description",
            "state",
            "problem",
            "origin",
            "component",
            "artifact",
            "signed_by",
            "granted",
            "not_granted",
            "settings",
            "previous_version",
            "installed_at",
            "installed_by",
            "changed_at",
        ] {
            let value = text(&found, field);
            if !value.is_empty() {
                print(&format!("{field:<18}{value}"))?;
            }
        }
        for secret in found["secrets"].as_array().into_iter().flatten() {
            let state = if secret["is_set"] == true { "set" } else { "not set" };
            print(&format!("{:<18}{} ({state})", "secret", text(secret, "name")))?;
        }
        let mut table = Table::new(&[
            "HOOK",
            "ASKED ABOUT",
            "FAIL",
            "MODE",
            ">ORDER",
            "REPOSITORIES",
            ">CALLS",
            ">FAILED",
            ">MEAN US",
            "RESTS UNTIL",
        ]);
        for hook in found["hooks"].as_array().into_iter().flatten() {
            let about = [text(hook, "operations"), text(hook, "events")].concat();
            table.row([
                text(hook, "hook"),
                about,
                text(hook, "fail"),
                text(hook, "mode"),
                text(hook, "order"),
                text(hook, "repositories"),
                text(hook, "calls"),
                text(hook, "failures"),
                text(hook, "mean_microseconds"),
                text(hook, "resting_until"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Inspect {
    /// A reference, `bundled:NAME` or a file
    from: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
}

impl Inspect {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = self.source.find(&api, &self.from).await?;
        let found: Value = api.post("api/v1/plugin-inspections", &wish).await?;
        api.close().await;
        print_json(&found)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Install {
    /// A reference (`registry.example/acme/label-policy:1`), `bundled:NAME` or a file
    from: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    grants: Grants,
    #[command(flatten)]
    terms: Terms,
    /// Install it without putting it in force
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    target: Target,
}

impl Install {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let done = self.install(&api).await;
        api.close().await;
        done
    }

    async fn install(&self, api: &Api) -> anyhow::Result<()> {
        let mut wish = self.source.find(api, &self.from).await?;
        let found: Value = api.post("api/v1/plugin-inspections", &wish).await?;
        let about = &found["plugin"];
        let name = title(about);
        if let Some(key) = found["signed_by"].as_str() {
            say(&format!("{name} is signed by {key}"));
        }
        let granted = self.grants.decide(&name, &about["asks"])?;
        wish["digest"] = found["digest"].clone();
        wish["granted"] = granted.unwrap_or_default().into();
        wish["settings"] = self.terms.settings()?.into();
        wish["secrets"] = self.terms.secrets()?.into();
        wish["hooks"] = self.terms.hooks(&hooks_of(about), &Value::Null)?.into();
        wish["is_enabled"] = (!self.disabled).into();
        let installed: Value = api.post(PLUGINS, &wish).await?;
        print(&text(&installed, "name"))?;
        say(&format!("installed {name} ({}); it is {}", text(&found, "digest"), state(&installed)));
        Ok(())
    }
}

fn state(plugin: &Value) -> String {
    match plugin["state"].as_str() {
        Some("in-force") => "in force".into(),
        Some("broken") => format!("broken: {}", text(plugin, "problem")),
        _ => text(plugin, "state"),
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Named {
    /// The plugin
    name: String,
    #[command(flatten)]
    target: Target,
}

impl Named {
    /// Puts it in force. One that comes with Berth and is not installed, and asks for nothing, is installed.
    pub(super) async fn enable(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let known: Value = api.get(PLUGINS).await?;
        let is_known = known["plugins"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|plugin| plugin["name"] == self.name.as_str());
        let changed: Value = if is_known {
            let wish = json!({ "is_enabled": true });
            api.send(Method::PATCH, &path(&self.name), &wish).await?
        } else {
            api.post(PLUGINS, &json!({ "source": format!("bundled:{}", self.name) })).await?
        };
        api.close().await;
        say(&format!("the plugin {} is {}", self.name, state(&changed)));
        Ok(())
    }

    pub(super) async fn disable(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "is_enabled": false });
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        say(&format!("the plugin {} is not in force any more", self.name));
        Ok(())
    }

    pub(super) async fn roll_back(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let back: Value = api.post(&format!("{}/rollback", path(&self.name)), &json!({})).await?;
        api.close().await;
        say(&format!("{} is back, and {}", title(&back), state(&back)));
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Logs {
    /// The plugin
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Logs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let mut found: Value = api.get(&format!("{}/logs", path(&self.name))).await?;
        api.close().await;
        let lines = found["lines"].take();
        if self.json {
            return print_json(&lines);
        }
        let mut table = Table::new(&["AT", "LEVEL", "HOOK", "REQUEST", "MESSAGE"]);
        for line in lines.as_array().into_iter().flatten() {
            let fields = line["fields"].as_object().into_iter().flatten();
            let fields: Vec<String> = fields
                .map(|(name, value)| format!(" {name}={}", value.as_str().unwrap_or_default()))
                .collect();
            table.row([
                text(line, "at"),
                text(line, "level"),
                text(line, "hook"),
                text(line, "request_id"),
                text(line, "message") + &fields.concat(),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Configure {
    /// The plugin
    name: String,
    #[command(flatten)]
    terms: Terms,
    /// A setting to take away; may be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    target: Target,
}

impl Configure {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let known: Value = api.get(&path(&self.name)).await?;
        let mut settings: Map<String, Value> =
            known["settings"].as_object().cloned().unwrap_or_default();
        settings.retain(|key, _| !self.unset.contains(key));
        settings.extend(self.terms.settings()?);
        let shown = &known["hooks"];
        let names: Vec<String> =
            shown.as_array().into_iter().flatten().map(|hook| text(hook, "hook")).collect();
        let wish = json!({
            "settings": settings, "secrets": self.terms.secrets()?,
            "hooks": self.terms.hooks(&names, shown)?,
        });
        let changed: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        say(&format!("changed the plugin {}; it is {}", self.name, state(&changed)));
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Grant {
    /// The plugin
    name: String,
    /// All that it may use from now on; nothing: nothing
    capabilities: Vec<String>,
    #[command(flatten)]
    target: Target,
}

impl Grant {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "granted": self.capabilities });
        let changed: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        for one in changed["granted"].as_array().into_iter().flatten() {
            print(one.as_str().unwrap_or_default())?;
        }
        for one in changed["not_granted"].as_array().into_iter().flatten() {
            say(&format!("not granted: {}", one.as_str().unwrap_or_default()));
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Upgrade {
    /// The plugin
    name: String,
    /// A reference, `bundled:NAME` or a file; where it came from before, if this is left out
    from: Option<String>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    grants: Grants,
    #[command(flatten)]
    target: Target,
}

impl Upgrade {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let done = self.upgrade(&api).await;
        api.close().await;
        done
    }

    async fn upgrade(&self, api: &Api) -> anyhow::Result<()> {
        let known: Value = api.get(&path(&self.name)).await?;
        let from = self.from.clone().unwrap_or_else(|| text(&known, "origin"));
        let mut wish = self.source.find(api, &from).await?;
        let found: Value = api.post("api/v1/plugin-inspections", &wish).await?;
        if found["component"] == known["component"] {
            say(&format!("{} is what is there already", title(&known)));
            return Ok(());
        }
        // What it asked for before and did not get was decided then.
        let before = known["asks"].as_array().cloned().unwrap_or_default();
        let new = found["beyond"].as_array().into_iter().flatten();
        let new: Vec<Value> = new.filter(|one| !before.contains(one)).cloned().collect();
        if let Some(mut granted) = self.grants.decide(&title(&found["plugin"]), &new.into())? {
            let kept = known["granted"].as_array().into_iter().flatten();
            granted.extend(kept.filter_map(|one| one.as_str().map(str::to_owned)));
            wish["granted"] = granted.into();
        }
        wish["digest"] = found["digest"].clone();
        let done: Value = api.post(&format!("{}/upgrade", path(&self.name)), &wish).await?;
        say(&format!(
            "{} took the place of {}; it is {}",
            title(&done),
            text(&known, "version"),
            state(&done)
        ));
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The plugin
    name: String,
    /// Keep what it has stored, for when it comes back
    #[arg(long)]
    keep_data: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

impl Remove {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if !self.keep_data {
            confirm(&format!("what the plugin {} keeps is lost with it", self.name), self.yes)?;
        }
        let api = self.target.open().await?;
        let query = if self.keep_data { "?keep-data=true" } else { "" };
        api.delete(&format!("{}{query}", path(&self.name))).await?;
        api.close().await;
        say(&format!("removed the plugin {}", self.name));
        Ok(())
    }
}
