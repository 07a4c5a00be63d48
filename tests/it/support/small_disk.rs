//! A disk so small that it can be filled.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

use super::Process;

/// A tmpfs in a mount namespace of its own, so that neither root nor tidying up is needed: it goes when its holder ends,
/// and that ends with its standard input, however the test does.
pub(crate) struct SmallDisk {
    directory: TempDir,
    holder: Child,
    _input: ChildStdin,
}

impl SmallDisk {
    pub(crate) fn new(mebibytes: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        let script =
            format!("mount -t tmpfs -o size={mebibytes}m none \"$0\" && echo ready && exec cat");
        command.args(["--mount", "sh", "-c", &script]).arg(directory.path());
        let mut holder = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("util-linux is there");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "a tmpfs cannot be mounted in a namespace");
        let input = holder.stdin.take().unwrap();
        Self { directory, holder, _input: input }
    }

    /// Starts Berth with its data on this disk.
    pub(crate) fn start(&self, change: impl FnOnce(&mut Command)) -> Process {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        Process::start_under(command, &self.directory.path().join("data"), |command| {
            // Each refusal is an error in the log.
            command.env("BERTH_LOG_FILTER", "off");
            change(command);
        })
    }

    /// The disk as it is seen from here.
    fn outside(&self) -> PathBuf {
        let path = self.directory.path().strip_prefix("/").unwrap();
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(path)
    }

    /// The data directory as it is seen from here.
    pub(crate) fn data(&self) -> PathBuf {
        self.outside().join("data")
    }

    /// Bytes that are free.
    pub(crate) fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.outside()).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Somebody else takes so many bytes.
    pub(crate) fn take(&self, bytes: usize) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        file.write_all(&vec![0; bytes]).unwrap();
    }

    /// Somebody else takes all that is left.
    pub(crate) fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [1 << 20, 4096, 1] {
            loop {
                match file.write(&vec![0; size]) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// And gives it back.
    pub(crate) fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.outside().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
