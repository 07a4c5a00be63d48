//! `berth user add|list|passwd|remove`

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};

use super::settings::Settings;
use crate::auth::{MIN_PASSWORD, hash_password, is_user_name};
use crate::meta::Role;
use crate::secret::{Secret, random_text};

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
    /// Remove a user; what they pushed stays
    #[command(after_help = "Example:\n  berth user remove ann")]
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name to log in with
    name: String,
    /// What the user may do: `reader` pulls, `writer` pulls and pushes, `administrator` does everything
    #[arg(long, default_value = "reader", value_parser = ["administrator", "writer", "reader"])]
    role: String,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Passwd {
    /// Whose password
    name: String,
    #[command(flatten)]
    password: Password,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Who
    name: String,
    #[command(flatten)]
    settings: Settings,
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
            writeln!(std::io::stdout().lock(), "{}", password.expose())?;
        }
        Ok(())
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

impl UserCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => {
                if !is_user_name(&add.name) {
                    anyhow::bail!(
                        "`{}` is no user name: use letters, digits and `._@-`, 64 at most",
                        add.name
                    );
                }
                let role: Role = add.role.parse().map_err(anyhow::Error::msg)?;
                let meta = add.settings.open_or_make()?;
                let password = add.password.read()?;
                if !meta.add_user(&add.name, hash_password(&password), role).await? {
                    anyhow::bail!(
                        "there is a user `{0}` already; `berth user passwd {0}` changes the password",
                        add.name
                    );
                }
                meta.close().await;
                add.password.tell(&password)?;
                say(&format!("made the {role} {}", add.name));
            }
            Self::List(list) => list.run().await?,
            Self::Passwd(passwd) => {
                let meta = passwd.settings.open()?;
                if meta.find_user(&passwd.name).await?.is_none() {
                    anyhow::bail!(
                        "there is no user `{}`; `berth user list` shows them",
                        passwd.name
                    );
                }
                let password = passwd.password.read()?;
                meta.set_password(&passwd.name, hash_password(&password)).await?;
                meta.close().await;
                passwd.password.tell(&password)?;
                say(&format!("changed the password of {}", passwd.name));
            }
            Self::Remove(remove) => {
                let meta = remove.settings.open()?;
                let user = meta.find_user(&remove.name).await?;
                if user.is_some_and(|user| user.role == Role::Administrator)
                    && meta.count_administrators().await? == 1
                {
                    anyhow::bail!(
                        "{} is the last administrator: make another one first",
                        remove.name
                    );
                }
                if !meta.remove_user(&remove.name).await? {
                    anyhow::bail!(
                        "there is no user `{}`; `berth user list` shows them",
                        remove.name
                    );
                }
                meta.close().await;
                say(&format!("removed {}", remove.name));
            }
        }
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let meta = self.settings.open()?;
        let (mut users, mut after) = (Vec::new(), String::new());
        loop {
            let page = meta.list_users(&after, 1000).await?;
            match page.last() {
                Some(last) => after.clone_from(&last.name),
                None => break,
            }
            users.extend(page);
        }
        meta.close().await;
        let mut out = std::io::stdout().lock();
        if self.json {
            let users: Vec<_> = users
                .iter()
                .map(|user| {
                    serde_json::json!({ "name": user.name, "role": user.role, "created_at": user.created_at.to_string() })
                })
                .collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&users)?)?;
            return Ok(());
        }
        let width = users.iter().map(|user| user.name.len()).max().unwrap_or(4).max(4);
        writeln!(out, "{:width$}  {:13}  CREATED", "NAME", "ROLE")?;
        for user in users {
            writeln!(out, "{:width$}  {:13}  {}", user.name, user.role, user.created_at)?;
        }
        Ok(())
    }
}
