//! `berth user`

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, print, print_json, say};
use crate::auth::MIN_PASSWORD;
use crate::secret::{Secret, random_text};

/// Manage users
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make a user
    #[command(
        after_help = "Examples:\n  berth user add ann --role writer\n  echo \"$PASSWORD\" | berth user add ci --role writer --password-stdin"
    )]
    Add(Add),
    /// Show the users
    #[command(
        after_help = "Examples:\n  berth user list\n  berth user list --json --data /srv/berth"
    )]
    List(List),
    /// Change a user's password; whoever is logged in as them must log in again
    #[command(
        after_help = "Examples:\n  berth user passwd ann\n  berth user passwd admin --generate --data /srv/berth"
    )]
    Passwd(Passwd),
    /// Change a user's role on all repositories
    #[command(
        after_help = "Examples:\n  berth user role ann maintainer\n  berth user role bob none"
    )]
    Role(Role),
    /// Shut a user out; what was issued to them ends
    #[command(after_help = "Example:\n  berth user disable ann")]
    Disable(Named),
    /// Let a user in again
    #[command(after_help = "Example:\n  berth user enable ann")]
    Enable(Named),
    /// End a user's sessions and logins everywhere; tokens for programs stay
    #[command(after_help = "Example:\n  berth user sign-out ann")]
    SignOut(Named),
    /// Remove a user; what they pushed stays
    #[command(after_help = "Example:\n  berth user remove ann")]
    Remove(Named),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name to log in with
    name: String,
    /// What the user may do on all repositories: `reader` pulls, `writer` pushes, `maintainer` deletes, `administrator` does
    /// everything; `none` leaves it to rules on some (`berth access add`)
    #[arg(long, default_value = "reader")]
    role: String,
    /// Their name as people write it
    #[arg(long, default_value = "")]
    full_name: String,
    /// Their address
    #[arg(long, default_value = "")]
    email: String,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Passwd {
    /// Whose password
    name: String,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Role {
    /// Whose role
    name: String,
    /// The role, or `none`
    #[arg(value_name = "ROLE")]
    wanted: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Who
    name: String,
    #[command(flatten)]
    target: Target,
}

/// Where a password comes from; without a flag it is asked for.
#[derive(Debug, Args)]
struct Password {
    /// Read the password from the first line of stdin
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Make a random password and print it
    #[arg(long)]
    generate: bool,
}

impl Password {
    fn read(&self) -> anyhow::Result<Secret<String>> {
        if self.generate {
            return Ok(Secret::new(random_text(15)));
        }
        let password = if self.password_stdin {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        } else if std::io::stdin().is_terminal() {
            let password = rpassword::prompt_password("Password: ")?;
            if rpassword::prompt_password("Again: ")? != password {
                anyhow::bail!("the two passwords differ; nothing was changed");
            }
            password
        } else {
            anyhow::bail!("there is no terminal to ask on: use --password-stdin or --generate");
        };
        if password.chars().count() < MIN_PASSWORD {
            anyhow::bail!(
                "the password is shorter than {MIN_PASSWORD} characters; nothing was changed"
            );
        }
        Ok(Secret::new(password))
    }

    /// Prints a password that was made here.
    fn tell(&self, password: &Secret<String>) -> anyhow::Result<()> {
        if self.generate {
            print(password.expose())?;
        }
        Ok(())
    }
}

/// A role as the API takes it: nothing for `none`.
fn role(name: &str) -> Option<&str> {
    (name != "none").then_some(name)
}

fn path(name: &str) -> String {
    format!("api/v1/users/{}", part(name))
}

impl UserCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Passwd(command) => command.run().await,
            Self::Role(command) => command.run().await,
            Self::Disable(command) => command.change(true).await,
            Self::Enable(command) => command.change(false).await,
            Self::SignOut(command) => command.sign_out().await,
            Self::Remove(command) => command.remove().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let password = self.password.read()?;
        let api = self.target.open_or_make().await?;
        let wish = json!({
            "name": self.name, "password": password.expose(), "role": role(&self.role),
            "full_name": self.full_name, "email": self.email,
        });
        let made: Value = api.post("api/v1/users", &wish).await?;
        api.close().await;
        self.password.tell(&password)?;
        let name = text(&made, "name");
        match role(&self.role) {
            Some(role) => say(&format!("made the {role} {name}")),
            None => say(&format!("made {name}, who may do nothing yet: see `berth access add`")),
        }
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let users = api.list("api/v1/users", "", "users", "last", None).await?;
        api.close().await;
        if self.json {
            return print_json(&users);
        }
        let mut table = Table::new(&["NAME", "ROLE", "GROUPS", "STATE", "CREATED", "LAST LOGIN"]);
        for user in users {
            let state = if user["is_disabled"] == true {
                "disabled".to_owned()
            } else {
                text(&user, "provider")
            };
            table.row([
                text(&user, "name"),
                text(&user, "roles"),
                text(&user, "groups"),
                state,
                text(&user, "created_at"),
                text(&user, "last_login_at"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Passwd {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        // Before a password is asked for.
        let user: Value = api.get(&path(&self.name)).await?;
        let password = self.password.read()?;
        let mut wish = json!({ "password": password.expose() });
        let asker: Value = api.get("api/v1/session").await?;
        if asker["name"] == user["name"] {
            let before = rpassword::prompt_password("Password so far: ")?;
            wish["before"] = before.into();
        }
        let () = api.send(Method::PUT, &format!("{}/password", path(&self.name)), &wish).await?;
        api.close().await;
        self.password.tell(&password)?;
        say(&format!("changed the password of {}", self.name));
        Ok(())
    }
}

impl Role {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "role": self.wanted });
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        match role(&self.wanted) {
            Some(role) => say(&format!("{} is a {role} of all repositories", self.name)),
            None => say(&format!("{} has no role on all repositories", self.name)),
        }
        Ok(())
    }
}

impl Named {
    async fn change(self, is_disabled: bool) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let wish = json!({ "is_disabled": is_disabled });
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        say(&format!("{} is {}", self.name, if is_disabled { "shut out" } else { "let in again" }));
        Ok(())
    }

    async fn sign_out(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&format!("{}/sessions", path(&self.name))).await?;
        api.close().await;
        say(&format!("signed {} out everywhere", self.name));
        Ok(())
    }

    async fn remove(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        api.delete(&path(&self.name)).await?;
        api.close().await;
        say(&format!("removed {}", self.name));
        Ok(())
    }
}
