//! `berth directory`

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::api::{Target, text};
use super::client::part;
use super::output::{Table, confirm, count, print_json, say};

/// Manage directories: LDAP servers, such as Active Directory, that vouch for users
#[derive(Debug, Subcommand)]
pub(super) enum DirectoryCommand {
    /// Make a directory; from then on it is asked about users who are not known here
    #[command(
        after_help = "Examples:\n  echo \"$BIND_PASSWORD\" | berth directory add corp --url ldaps://ldap.example.org \\\n      --bind-dn cn=berth,dc=example,dc=org --bind-password-stdin --user-base ou=people,dc=example,dc=org\n  echo \"$BIND_PASSWORD\" | berth directory add ad --kind active-directory --url ldap://dc1.example.org --url ldap://dc2.example.org \\\n      --bind-dn berth@example.org --bind-password-stdin --user-base dc=example,dc=org --groups nested \\\n      --map 'CN=Developers,OU=Groups,DC=example,DC=org' devs"
    )]
    Add(Box<Add>),
    /// Show the directories
    #[command(after_help = "Examples:\n  berth directory list\n  berth directory list --json")]
    List(List),
    /// Show how a directory is asked
    #[command(after_help = "Example:\n  berth directory show corp")]
    Show(Named),
    /// Try a directory step by step, and say what worked
    #[command(
        after_help = "Examples:\n  berth directory test corp\n  berth directory test corp --user ann\n  echo \"$PASSWORD\" | berth directory test corp --user ann --password-stdin"
    )]
    Test(Test),
    /// Change a directory; what is not named stays
    #[command(
        after_help = "Examples:\n  berth directory change corp --url ldaps://a.example.org --url ldaps://b.example.org\n  berth directory change corp --disable"
    )]
    Change(Box<Change>),
    /// Remove a directory; the users whom it vouched for stay, and cannot log in
    #[command(after_help = "Example:\n  berth directory remove corp --yes")]
    Remove(Remove),
}

/// How a directory is asked.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Wish {
    /// A server, `ldaps://host` or `ldap://host:port`; may be repeated, and they are tried in this order
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
    /// Do not turn `ldap://` into TLS: passwords can be read by whoever hears them
    #[arg(long)]
    no_starttls: bool,
    /// Turn `ldap://` into TLS before anything is said (the default)
    #[arg(long, conflicts_with = "no_starttls")]
    starttls: bool,
    /// Trust the certificate authorities in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Who searches: a DN, or `name@domain` for Active Directory; without it, nobody in particular
    #[arg(long, value_name = "DN")]
    bind_dn: Option<String>,
    /// Read the password of the one who searches from stdin
    #[arg(long)]
    bind_password_stdin: bool,
    /// Below which entry users are looked for
    #[arg(long, value_name = "DN")]
    user_base: Option<String>,
    /// Which entry a user is; `{user}` stands for the name that they log in with
    #[arg(long, value_name = "FILTER")]
    user_filter: Option<String>,
    /// The attribute that holds an account's name
    #[arg(long, value_name = "ATTRIBUTE")]
    name_attribute: Option<String>,
    /// The attribute that names an entry for ever, also after it is renamed; empty: its DN does
    #[arg(long, value_name = "ATTRIBUTE")]
    id_attribute: Option<String>,
    /// The attribute that holds the name as people write it
    #[arg(long, value_name = "ATTRIBUTE")]
    full_name_attribute: Option<String>,
    /// The attribute that holds an address
    #[arg(long, value_name = "ATTRIBUTE")]
    email_attribute: Option<String>,
    /// How groups are found: as the user's entry lists them, by `--group-filter`, or through groups within groups (Active
    /// Directory)
    #[arg(long, value_parser = ["none", "member-of", "search", "nested"])]
    groups: Option<String>,
    /// Groups that do not lie below this entry do not count
    #[arg(long, value_name = "DN")]
    group_base: Option<String>,
    /// Which groups a user is in; `{dn}` and `{user}` stand for their entry and their account's name
    #[arg(long, value_name = "FILTER")]
    group_filter: Option<String>,
    /// The attribute that holds a group's name
    #[arg(long, value_name = "ATTRIBUTE")]
    group_name_attribute: Option<String>,
    /// What a group of the directory, by its DN or name, is called here; may be repeated. Others are `DIRECTORY/GROUP`
    #[arg(long, num_args = 2, value_names = ["GROUP", "GROUP_HERE"])]
    map: Vec<String>,
    /// Leave out groups that are not mapped
    #[arg(long)]
    only_mapped: bool,
    /// How long an answer is believed, such as `5m`; `0s`: it is asked each time
    #[arg(long, value_name = "DURATION")]
    remember: Option<String>,
    /// How long an answer may take, such as `5s`
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// What it is called: lower-case letters, digits and `-`
    name: String,
    /// What kind of server it is, for the defaults
    #[arg(long, value_parser = ["ldap", "active-directory"], default_value = "ldap")]
    kind: String,
    #[command(flatten)]
    wish: Wish,
    /// Do not ask it yet
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("use").args(["enable", "disable"]))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Change {
    /// The directory
    name: String,
    #[command(flatten)]
    wish: Wish,
    /// Forget the mapping of groups
    #[arg(long, conflicts_with = "map")]
    no_map: bool,
    /// Count groups that are not mapped, too
    #[arg(long, conflicts_with = "only_mapped")]
    all_groups: bool,
    /// Search as nobody in particular
    #[arg(long, conflicts_with_all = ["bind_dn", "bind_password_stdin"])]
    no_bind: bool,
    /// Ask it again
    #[arg(long)]
    enable: bool,
    /// Do not ask it any more, and end the logins that it vouched for
    #[arg(long)]
    disable: bool,
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
pub(super) struct Named {
    /// The directory
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The directory
    name: String,
    /// Look for this user and their groups, too
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,
    /// Read their password from stdin, and try it
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The directory
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    target: Target,
}

fn path(name: &str) -> String {
    format!("api/v1/directories/{}", part(name))
}

/// The first line of stdin, or what somebody types blindly.
fn read_password(what: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(format!("{what}: "))?);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

impl Wish {
    /// The fields that were given, as the API takes them.
    fn fields(self) -> anyhow::Result<Map<String, Value>> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        set("urls", (!self.url.is_empty()).then(|| self.url.into()));
        let starttls = if self.no_starttls { Some(false) } else { self.starttls.then_some(true) };
        set("starttls", starttls.map(Into::into));
        if let Some(file) = &self.authorities {
            let pem = std::fs::read_to_string(file);
            let pem = pem.with_context(|| format!("cannot read {}", file.display()))?;
            set("authorities", Some(pem.into()));
        }
        if self.bind_password_stdin {
            set("bind_password", Some(read_password("Password of the one who searches")?.into()));
        }
        let mapping: Vec<Value> = self
            .map
            .chunks(2)
            .filter_map(|pair| Some(json!({ "from": pair.first()?, "to": pair.get(1)? })))
            .collect();
        set("mapping", (!mapping.is_empty()).then(|| mapping.into()));
        set("only_mapped", self.only_mapped.then(|| true.into()));
        for (name, value) in [
            ("bind_dn", self.bind_dn),
            ("user_base", self.user_base),
            ("user_filter", self.user_filter),
            ("name_attribute", self.name_attribute),
            ("id_attribute", self.id_attribute),
            ("full_name_attribute", self.full_name_attribute),
            ("email_attribute", self.email_attribute),
            ("groups", self.groups),
            ("group_base", self.group_base),
            ("group_filter", self.group_filter),
            ("group_name_attribute", self.group_name_attribute),
            ("remember", self.remember),
            ("timeout", self.timeout),
        ] {
            set(name, value.map(Into::into));
        }
        Ok(fields)
    }
}

impl DirectoryCommand {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Test(command) => command.run().await,
            Self::Change(command) => command.run().await,
            Self::Remove(command) => command.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let mut wish = self.wish.fields()?;
        wish.insert("name".into(), self.name.as_str().into());
        wish.insert("kind".into(), self.kind.into());
        wish.insert("is_enabled".into(), (!self.disabled).into());
        let api = self.target.open().await?;
        let _: Value = api.post("api/v1/directories", &wish).await?;
        api.close().await;
        say(&format!(
            "made the directory {0}; `berth directory test {0} --user NAME` says whether it works",
            self.name
        ));
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let list: Value = api.get("api/v1/directories").await?;
        api.close().await;
        if self.json {
            return print_json(&list["directories"]);
        }
        let mut table = Table::new(&["NAME", "ASKED", "SERVERS", "USERS BELOW", "GROUPS"]);
        for directory in list["directories"].as_array().into_iter().flatten() {
            let asked = if directory["is_enabled"] == true { "yes" } else { "no" };
            table.row([
                text(directory, "name"),
                asked.to_owned(),
                text(directory, "urls"),
                text(directory, "user_base"),
                text(directory, "groups"),
            ]);
        }
        table.print()?;
        Ok(())
    }
}

impl Named {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let directory: Value = api.get(&path(&self.name)).await?;
        api.close().await;
        if self.json {
            return print_json(&directory);
        }
        let mut table = Table::new(&["SETTING", "VALUE"]);
        for (name, value) in directory.as_object().into_iter().flatten() {
            let shown = match (name.as_str(), value) {
                ("mapping", Value::Array(mapping)) => {
                    let pairs = mapping
                        .iter()
                        .map(|pair| format!("{} → {}", text(pair, "from"), text(pair, "to")));
                    pairs.collect::<Vec<_>>().join("; ")
                }
                ("authorities", Value::String(pem)) => match pem.matches("BEGIN CERT").count() {
                    0 => "those of the machine".to_owned(),
                    number => count(number as u64, "certificate"),
                },
                _ => text(&directory, name),
            };
            table.row([name.clone(), shown]);
        }
        table.print()?;
        Ok(())
    }
}

impl Test {
    async fn run(self) -> anyhow::Result<()> {
        let password = match (&self.user, self.password_stdin) {
            (Some(user), true) => Some(read_password(&format!("Password of {user}"))?),
            _ => None,
        };
        let api = self.target.open().await?;
        let wish = json!({ "user": self.user, "password": password });
        let trial: Value = api.post(&format!("{}/test", path(&self.name)), &wish).await?;
        api.close().await;
        let is_good = trial["is_good"] == true;
        if self.json {
            print_json(&trial)?;
        } else {
            let mut table = Table::new(&["STEP", "WORKS", "WHAT CAME OF IT"]);
            for step in trial["steps"].as_array().into_iter().flatten() {
                let works = if step["is_good"] == true { "yes" } else { "no" };
                table.row([text(step, "step"), works.to_owned(), text(step, "detail")]);
            }
            table.print()?;
        }
        if !is_good {
            anyhow::bail!("the directory {} does not work as it should", self.name);
        }
        Ok(())
    }
}

impl Change {
    async fn run(self) -> anyhow::Result<()> {
        let mut wish = self.wish.fields()?;
        if self.enable || self.disable {
            wish.insert("is_enabled".into(), self.enable.into());
        }
        if self.no_map {
            wish.insert("mapping".into(), json!([]));
        }
        if self.all_groups {
            wish.insert("only_mapped".into(), false.into());
        }
        if self.no_bind {
            wish.insert("bind_dn".into(), "".into());
            wish.insert("bind_password".into(), "".into());
        }
        if wish.is_empty() {
            anyhow::bail!(
                "nothing to change was named; `berth directory change --help` tells what can be"
            );
        }
        let api = self.target.open().await?;
        let _: Value = api.send(Method::PATCH, &path(&self.name), &wish).await?;
        api.close().await;
        say(&format!("changed the directory {}", self.name));
        Ok(())
    }
}

impl Remove {
    async fn run(self) -> anyhow::Result<()> {
        let api = self.target.open().await?;
        let directory: Value = api.get(&path(&self.name)).await?;
        let accounts = directory["account_count"].as_u64().unwrap_or(0);
        let loss = format!(
            "the directory {} would be removed: {} whom it vouches for could not log in any more",
            self.name,
            count(accounts, "user")
        );
        confirm(&loss, self.yes)?;
        api.delete(&path(&self.name)).await?;
        api.close().await;
        say(&format!("removed the directory {}", self.name));
        Ok(())
    }
}
