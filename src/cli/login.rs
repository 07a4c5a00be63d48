//! `berth login` and `berth logout`

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use http::{Method, StatusCode};

use super::client::{Connection, LastServer, heed_scheme, told};
use super::credentials::CredentialFiles;
use super::output::{print, say};
use crate::remote::{Credentials, Error, Options, Registry, Remote};
use crate::secret::Secret;

const LOGIN_HELP: &str = "\
The credentials are tried before they are stored. They go where Docker keeps its own (the file
config.json in $DOCKER_CONFIG or ~/.docker), so Docker, Podman, Skopeo and others find them, too.
Commands such as `berth repo list` then talk to the Berth that was last logged in to.

Without a name, a Berth is logged in to by a browser, here or on any other machine: whoever lets this
machine in there decides as whom, with their password or by single sign-on. Other registries ask for a
name and a password.

Examples:
  berth login registry.example.com
  berth login 127.0.0.1:5000 --username admin
  echo \"$PASSWORD\" | berth login registry.example.com --username ci --password-stdin
  berth login registry.lan --ca lan-ca.pem --username ann";

/// Log in to a registry
#[derive(Debug, Args)]
#[command(after_help = LOGIN_HELP)]
pub(super) struct Login {
    /// The registry, `host` or `host:port`; a URL is taken as well
    #[arg(value_name = "HOST")]
    server: String,
    /// The name to log in with; without it a Berth is logged in to by a browser, and others ask for it
    #[arg(long, short)]
    username: Option<String>,
    /// Read the password from stdin instead of asking for it
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Forget the credentials for a registry
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  berth logout 127.0.0.1:5000")]
pub(super) struct Logout {
    /// The registry, `host` or `host:port`
    #[arg(value_name = "HOST")]
    registry: Registry,
}

impl Login {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let registry: Registry = self.server.parse()?;
        let mut options = self.connection.options()?;
        heed_scheme(&mut options, &self.server, &registry);
        let by_browser = match &self.username {
            None if !self.password_stdin => by_browser(&registry, &options).await?,
            _ => None,
        };
        let (username, password) = match by_browser {
            Some(found) => found,
            None => {
                let username = self.username()?;
                let password = self.password(&username, &registry)?;
                (username, password)
            }
        };
        let credentials =
            Credentials::Password { username: username.clone(), password: password.clone() };
        let remote = Remote::new(registry.clone(), Some(credentials), &options)?;
        remote.ping().await.map_err(|error| match error {
            Error::Unauthorized { message, .. } => {
                anyhow::anyhow!("{registry} refused {username} with this password: {message}")
            }
            other => told(other),
        })?;
        let files = CredentialFiles::of_user();
        let file = files.store(&registry, &username, &password)?;
        if is_berth(&remote).await {
            LastServer::of_user().store(remote.base_url().trim_end_matches('/'));
        }
        print(&format!("logged in to {registry} as {username}"))?;
        say(&format!("the password is in {}, for you alone to read", file.display()));
        Ok(())
    }

    fn username(&self) -> anyhow::Result<String> {
        if let Some(username) = &self.username {
            return Ok(username.clone());
        }
        if self.password_stdin || !std::io::stdin().is_terminal() {
            anyhow::bail!("no name to log in with: use `--username NAME`");
        }
        let mut stderr = std::io::stderr().lock();
        write!(stderr, "Username: ")?;
        stderr.flush()?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        match line.trim() {
            "" => anyhow::bail!("no name was given"),
            name => Ok(name.to_owned()),
        }
    }

    fn password(&self, username: &str, registry: &Registry) -> anyhow::Result<Secret<String>> {
        let password = if self.password_stdin {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        } else if std::io::stdin().is_terminal() {
            rpassword::prompt_password(format!("Password of {username} at {registry}: "))?
        } else {
            anyhow::bail!(
                "there is no terminal to ask for the password on: use `--password-stdin`"
            );
        };
        if password.is_empty() {
            anyhow::bail!("no password was given");
        }
        Ok(Secret::new(password))
    }
}

/// Logs in by a browser somewhere (RFC 8628): gives a name and a token, or nothing if the registry is no Berth.
async fn by_browser(
    registry: &Registry,
    options: &Options,
) -> anyhow::Result<Option<(String, Secret<String>)>> {
    let remote = Remote::new(registry.clone(), None, options)?;
    let Some(login) = remote.start_device_login(&machine()).await.map_err(told)? else {
        return Ok(None);
    };
    say(&format!(
        "open {} in a browser, here or elsewhere,\nand let this machine in if the page shows the code {}",
        login.verification_uri_complete, login.user_code
    ));
    match remote.wait_for_device_login(&login).await.map_err(told)? {
        Ok(token) => Ok(Some((token.username.clone(), token.secret()))),
        Err(why) => anyhow::bail!("{registry} did not let this machine in: {why}"),
    }
}

/// What this machine calls itself, for whoever is asked to let it in.
fn machine() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .unwrap_or_else(|_| "a machine".into());
    match std::env::var_os("USER") {
        Some(user) => format!("{}@{}", user.to_string_lossy(), host.trim()),
        None => host.trim().to_owned(),
    }
}

/// Whether the registry has Berth's own API, so that it is worth remembering. Only an answer counts, not its content.
async fn is_berth(remote: &Remote) -> bool {
    let answer = remote.call_api(Method::GET, "api/v1/repositories?n=1", None).await;
    answer.is_ok_and(|answer| matches!(answer.status, StatusCode::OK | StatusCode::FORBIDDEN))
}

impl Logout {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let files = CredentialFiles::of_user();
        let forgotten = files.forget(&self.registry)?;
        LastServer::of_user().forget(&self.registry);
        if !forgotten {
            say(&format!("there were no credentials for {} in Docker's file", self.registry));
        }
        if files.find(&self.registry, None)?.is_some() {
            say("a credential helper or another program's file still has some");
        }
        if forgotten {
            print(&format!("logged out of {}", self.registry))?;
        }
        Ok(())
    }
}
