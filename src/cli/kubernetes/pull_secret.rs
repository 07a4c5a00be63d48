//! `berth k8s pull-secret`

use std::fmt::Write as _;
use std::io::BufRead as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::api::{Target, text};
use crate::cli::output::{print_bytes, say};
use crate::remote::Registry;

/// Print a Secret with which a namespace pulls
#[derive(Debug, Args)]
pub(in crate::cli) struct PullSecret {
    /// What the Secret is called; a pod or a service account names it in `imagePullSecrets`
    name: String,
    /// The namespace that it is for; without it, the one that `kubectl` is in
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The registry as images name it, `host` or `host:port`
    #[arg(long, value_name = "HOST")]
    registry: Registry,
    /// Make a token of this robot for it
    #[arg(long, value_name = "ROBOT", conflicts_with_all = ["username", "password_stdin"])]
    create_token: Option<String>,
    /// What that token is limited to
    #[arg(long, value_name = "PATTERN", default_value = "**", requires = "create_token")]
    on: Vec<String>,
    /// How long that token is good, such as `90d`; for ever without it
    #[arg(long, value_name = "DURATION", requires = "create_token")]
    expires: Option<String>,
    /// Who pulls; goes with `--password-stdin`
    #[arg(long, short, requires = "password_stdin", required_unless_present = "create_token")]
    username: Option<String>,
    /// Read the password or the token from stdin
    #[arg(long, requires = "username")]
    password_stdin: bool,
    #[command(flatten)]
    target: Target,
}

impl PullSecret {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        for name in [Some(&self.name), self.namespace.as_ref()].into_iter().flatten() {
            if !is_object_name(name) {
                anyhow::bail!(
                    "Kubernetes takes no `{name}` for a name: use up to 253 lower-case letters, digits, `-` and `.`"
                );
            }
        }
        let (username, password) = match (&self.create_token, &self.username) {
            (Some(robot), _) => (robot.clone(), self.make_token(robot).await?),
            (None, Some(username)) => (username.clone(), read_line()?),
            (None, None) => anyhow::bail!(
                "say who pulls: `--create-token ROBOT`, or `--username` with `--password-stdin`"
            ),
        };
        print_bytes(self.manifest(&username, &password).as_bytes())?;
        Ok(())
    }

    /// A token that can do nothing but pull, called after what it is for.
    async fn make_token(&self, robot: &str) -> anyhow::Result<String> {
        let limits: Vec<Value> = self
            .on
            .iter()
            .map(|pattern| json!({ "pattern": pattern, "actions": ["pull"] }))
            .collect();
        let namespace =
            self.namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
        let wish = json!({
            "name": format!("k8s {namespace}{}", self.name), "owner": robot, "limits": limits,
            "expires_in": self.expires,
        });
        let api = self.target.open().await?;
        let made: Value = api.post("api/v1/tokens", &wish).await?;
        api.close().await;
        say(&format!(
            "made the token {} of {robot}; it stands only in this Secret",
            text(&made["token"], "name")
        ));
        Ok(text(&made, "secret"))
    }

    fn manifest(&self, username: &str, password: &str) -> String {
        let auth = STANDARD.encode(format!("{username}:{password}"));
        let login = json!({ "username": username, "password": password, "auth": auth });
        let config = json!({ "auths": { self.registry.as_str(): login } });
        let mut text =
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata:\n"
                .to_owned();
        let _ = writeln!(text, "  name: {}", quoted(&self.name));
        if let Some(namespace) = &self.namespace {
            let _ = writeln!(text, "  namespace: {}", quoted(namespace));
        }
        let _ =
            writeln!(text, "data:\n  .dockerconfigjson: {}", STANDARD.encode(config.to_string()));
        text
    }
}

/// JSON's strings are YAML's, and `on` or `1e3` is no name in quotes.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// As Kubernetes names objects (RFC 1123).
fn is_object_name(text: &str) -> bool {
    let inner =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let outer =
        |byte: Option<&u8>| byte.is_some_and(|byte| inner(*byte) && byte.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    bytes.len() <= 253
        && bytes.iter().all(|byte| inner(*byte))
        && outer(bytes.first())
        && outer(bytes.last())
}

fn read_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        anyhow::bail!("no password was given on stdin");
    }
    Ok(password.to_owned())
}
