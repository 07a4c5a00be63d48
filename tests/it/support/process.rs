//! The real program in a process of its own, to be killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{Client, PASSWORD};

/// A running `berth serve`; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    url: String,
    greeting: Vec<String>,
    /// What else it says: it would fail if nobody could hear it.
    _rest: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it on a data directory and waits until it listens. Its administrator has the tests' password.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, |_| {})
    }

    /// With more in its environment or arguments.
    pub(crate) fn start_with(data: &Path, change: impl FnOnce(&mut Command)) -> Self {
        Self::launch(Command::new(env!("CARGO_BIN_EXE_berth")), data, change)
    }

    /// With a command before it that ends in running its arguments, such as `nsenter`.
    pub(crate) fn start_under(
        mut wrapper: Command,
        data: &Path,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        wrapper.arg(env!("CARGO_BIN_EXE_berth"));
        Self::launch(wrapper, data, change)
    }

    fn launch(mut command: Command, data: &Path, change: impl FnOnce(&mut Command)) -> Self {
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("BERTH_ADMIN_PASSWORD", PASSWORD)
            .env("BERTH_STORAGE_RESERVE", "0B")
            .env("BERTH_LOG_FILTER", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut greeting: Vec<String> = Vec::new();
        while !greeting.last().is_some_and(|line| line.starts_with("Log in with: ")) {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended after {greeting:?}");
            greeting.push(line.trim_end().to_owned());
        }
        let url = greeting[0]
            .strip_prefix("Berth listens on ")
            .unwrap_or_else(|| panic!("it said {greeting:?}"))
            .to_owned();
        Self { child, url, greeting, _rest: said }
    }

    /// What it said on stdout until it served.
    pub(crate) fn greeting(&self) -> &[String] {
        &self.greeting
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn admin(&self) -> Client {
        Client::new(self.url.clone(), Some(("admin".to_owned(), PASSWORD.to_owned())))
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.ask_to_stop();
        self.child.wait().unwrap().code()
    }

    /// SIGTERM, without waiting.
    pub(crate) fn ask_to_stop(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Its exit code, once it has ended by itself; clients in this process go on meanwhile.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        tokio::task::spawn_blocking(move || self.child.wait().unwrap().code()).await.unwrap()
    }

    /// A figure of `/proc/PID/status` in bytes, such as `RssAnon`.
    pub(crate) fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))
            .unwrap_or_else(|| panic!("no {figure} in {status}"));
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
