//! Somebody at a command line, with a home of their own.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{PASSWORD, Said, TestApp, berth_command};

/// Somebody who runs `berth` in their home directory, with their own credentials and nothing else.
pub(crate) struct Person {
    home: TempDir,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program, not yet started.
    pub(crate) fn command(&self) -> Command {
        let mut command = berth_command(self.home());
        command.env("HOME", self.home());
        for name in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `berth` to its end, while the test's own server goes on.
    pub(crate) fn berth<const N: usize>(
        &self,
        arguments: [&str; N],
    ) -> impl Future<Output = Said> + use<N> {
        self.reads(arguments, "")
    }

    /// The same with something to read on stdin.
    pub(crate) fn reads<const N: usize>(
        &self,
        arguments: [&str; N],
        input: &str,
    ) -> impl Future<Output = Said> + use<N> {
        let mut command = self.command();
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.to_owned();
        async move { tokio::task::spawn_blocking(move || finish(&mut command, &input)).await.unwrap() }
    }

    /// As [`Person::berth`], with as many arguments as there are.
    pub(crate) fn run(&self, arguments: &[String]) -> impl Future<Output = Said> + use<> {
        let mut command = self.command();
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        async move { tokio::task::spawn_blocking(move || finish(&mut command, "")).await.unwrap() }
    }

    /// Logs in as the administrator, whom the test must have made.
    pub(crate) async fn logs_in(&self, app: &TestApp) {
        app.admin().await;
        self.logs_in_at(&app.address().to_string()).await;
    }

    /// The same at an address that leads to it.
    pub(crate) async fn logs_in_at(&self, address: &str) {
        let arguments = ["login", address, "--username", "admin", "--password-stdin"];
        self.reads(arguments, PASSWORD).await.ok();
    }
}

fn finish(command: &mut Command, input: &str) -> Said {
    let mut child = command.spawn().unwrap();
    // It may fail before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
