//! The command line. Results go to stdout, talk goes to stderr; 0 is success, 1 failure, 2 wrong usage or configuration.

mod access;
mod advisories;
mod api;
mod audit;
mod backup;
mod client;
mod completions;
mod config;
mod copy;
mod credentials;
mod directory;
mod doctor;
mod events;
mod export;
mod federation;
mod gc;
mod group;
mod health;
mod helper;
mod immutability;
mod import;
mod jobs;
mod key;
mod kubernetes;
mod lock;
mod login;
mod manifest;
mod named;
mod output;
mod plugin;
mod provider;
mod quarantine;
mod quota;
mod replicate;
mod repo;
mod retention;
mod robot;
mod scan;
mod scrub;
mod serve;
mod settings;
mod tag;
mod telemetry;
mod token;
mod trash;
mod user;
mod vulnerabilities;
mod webhook;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Problems;

const AFTER_HELP: &str = "\
Start a registry on this machine, then log in with the password that it prints:
  berth serve
  docker login 127.0.0.1:5000 -u admin

Every setting can be given in berth.toml, in the environment (BERTH_SERVER_LISTEN for
server.listen), or as a flag; `berth config show` tells what is in force and why.";

#[derive(Debug, Parser)]
#[command(
    name = "berth",
    version,
    about = "A harbor in one berth: an OCI and Docker registry in one binary"
)]
#[command(after_help = AFTER_HELP, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the registry
    Serve(serve::Serve),
    /// Check or show the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Manage users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Manage robots: accounts of programs, which get in by tokens
    #[command(subcommand)]
    Robot(robot::RobotCommand),
    /// Manage tokens: your own, or those of other accounts
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Manage groups of users and robots
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Manage directories: LDAP servers, such as Active Directory, that vouch for users
    #[command(subcommand)]
    Directory(directory::DirectoryCommand),
    /// Say who may do what, and ask why
    #[command(subcommand)]
    Access(Box<access::AccessCommand>),
    /// Manage roles beside the built-in ones
    #[command(subcommand)]
    Role(access::RoleCommand),
    /// Let programs in by what others vouch for: tokens of CI systems, clusters and clouds
    #[command(subcommand)]
    Federation(Box<federation::FederationCommand>),
    /// Manage sign-in providers: where people sign in with the account that they have
    #[command(subcommand)]
    Provider(Box<provider::ProviderCommand>),
    /// Look at what happened, and verify that nothing of it was changed
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show what happens, as it happens
    Events(events::Events),
    /// Manage webhooks: who is told of events
    #[command(subcommand)]
    Webhook(Box<webhook::WebhookCommand>),
    /// Bring content to other registries, and look how far that has come
    #[command(subcommand)]
    Replicate(Box<replicate::ReplicateCommand>),
    /// Look at work that waits, runs or has ended
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Manage the keys that sign registry tokens
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Take backups, and look them through
    #[command(subcommand)]
    Backup(Box<backup::BackupCommand>),
    /// Bring a registry back from a backup, into an empty directory
    Restore(Box<backup::Restore>),
    Doctor(doctor::Doctor),
    /// Ask whether a Berth can serve requests, for containers and scripts
    Health(health::Health),
    /// Make what Kubernetes needs to pull from a registry
    #[command(subcommand, name = "k8s")]
    Kubernetes(kubernetes::KubernetesCommand),
    /// Give kubelet credentials for pulls: a pod's own token, or one from a file
    KubeletCredentialProvider(kubernetes::CredentialProvider),
    /// Log in to a registry
    Login(login::Login),
    /// Forget the credentials for a registry
    Logout(login::Logout),
    /// Show and delete repositories of a running Berth
    #[command(subcommand)]
    Repo(repo::RepoCommand),
    /// Show and delete tags of a running Berth, and where they pointed before
    #[command(subcommand)]
    Tag(tag::TagCommand),
    /// Collect garbage, and see what the latest collections did
    #[command(subcommand)]
    Gc(gc::GcCommand),
    /// Read blobs again to find damage, and see what was found
    #[command(subcommand)]
    Scrub(scrub::ScrubCommand),
    /// Limit how much namespaces may hold, and see how much they do
    #[command(subcommand)]
    Quota(quota::QuotaCommand),
    /// Show what can be brought back, and empty it
    #[command(subcommand)]
    Trash(trash::TrashCommand),
    /// Bring back a tag that was deleted, or a manifest with its tags
    Undelete(trash::Undelete),
    /// Show manifests of a running Berth
    #[command(subcommand)]
    Manifest(manifest::ManifestCommand),
    /// Lock a repository, a tag or a digest: without flags it can neither be changed nor deleted
    Lock(lock::Lock),
    /// Take the lock off a repository, a tag or a digest
    Unlock(lock::Unlock),
    /// Show what is locked
    #[command(subcommand)]
    Locks(lock::LocksCommand),
    /// Say which tags stay where they are: pushed again with the same digest alone, and never deleted
    #[command(subcommand)]
    Immutability(immutability::ImmutabilityCommand),
    /// Say which tags are kept and which are dropped, and see what that does
    #[command(subcommand)]
    Retention(retention::RetentionCommand),
    /// Copy images between registries, layout directories and tar files
    Copy(Box<copy::Copy>),
    /// Take over images: from the files of registry:2, layouts, archives, or another registry
    Import(Box<import::Import>),
    /// Write images to a directory or a tar file, as a plain OCI layout
    Export(Box<export::Export>),
    /// Have images scanned, and see what was found
    Scan(Box<scan::Scan>),
    /// See what scanners have found in all repositories
    #[command(subcommand)]
    Vulnerabilities(Box<vulnerabilities::VulnerabilitiesCommand>),
    /// Hold pushed images back until they are scanned, and let them go
    #[command(subcommand)]
    Quarantine(Box<quarantine::QuarantineCommand>),
    /// Bring in what is known of vulnerabilities, and see what there is
    #[command(subcommand)]
    Advisories(advisories::AdvisoriesCommand),
    /// Install plugins, look after them, and try them
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run() -> ExitCode {
    let mut arguments = std::env::args_os();
    if helper::is_meant(arguments.next().as_deref()) {
        return helper::run(arguments.next().as_deref());
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(command) => command.run().await,
            Command::Config(command) => command.run(),
            Command::User(command) => command.run().await,
            Command::Robot(command) => command.run().await,
            Command::Token(command) => command.run().await,
            Command::Group(command) => command.run().await,
            Command::Directory(command) => command.run().await,
            Command::Access(command) => command.run().await,
            Command::Role(command) => command.run().await,
            Command::Federation(command) => command.run().await,
            Command::Provider(command) => command.run().await,
            Command::Audit(command) => command.run().await,
            Command::Events(command) => command.run().await,
            Command::Webhook(command) => command.run().await,
            Command::Replicate(command) => command.run().await,
            Command::Jobs(command) => command.run().await,
            Command::Key(command) => command.run().await,
            Command::Backup(command) => command.run().await,
            Command::Restore(command) => command.run().await,
            Command::Doctor(command) => command.run().await,
            Command::Health(command) => command.run().await,
            Command::Kubernetes(command) => command.run().await,
            Command::KubeletCredentialProvider(command) => command.run(),
            Command::Login(command) => command.run().await,
            Command::Logout(command) => command.run(),
            Command::Repo(command) => command.run().await,
            Command::Tag(command) => command.run().await,
            Command::Gc(command) => command.run().await,
            Command::Scrub(command) => command.run().await,
            Command::Quota(command) => command.run().await,
            Command::Trash(command) => command.run().await,
            Command::Undelete(command) => command.run().await,
            Command::Manifest(command) => command.run().await,
            Command::Lock(command) => command.run().await,
            Command::Unlock(command) => command.run().await,
            Command::Locks(command) => command.run().await,
            Command::Immutability(command) => command.run().await,
            Command::Retention(command) => command.run().await,
            Command::Import(command) => command.run().await,
            Command::Export(command) => command.run().await,
            Command::Copy(command) => command.run().await,
            Command::Scan(command) => command.run().await,
            Command::Vulnerabilities(command) => command.run().await,
            Command::Quarantine(command) => command.run().await,
            Command::Advisories(command) => command.run().await,
            Command::Plugin(command) => command.run().await,
            Command::Completions(command) => command.run(),
        }
    });
    // What is still running on blocking threads must not hold the program up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // A reader that went away (`berth … | head`) is no failure of ours.
    if error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    let mut stderr = std::io::stderr().lock();
    if let Some(problems) = error.downcast_ref::<Problems>() {
        let _ = writeln!(stderr, "error: the configuration cannot be used\n{problems}");
        return ExitCode::from(2);
    }
    let _ = writeln!(stderr, "error: {error:#}");
    ExitCode::FAILURE
}

/// The arguments, for tests and completions.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
