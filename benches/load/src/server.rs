//! A peer as a running process: started on a free port of 127.0.0.1, ended by its process id.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    client::Target,
    peer::{Peer, Programs},
    proc::Processes,
};

const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    pub(crate) target: Arc<Target>,
    /// From before the process was made until it had answered a first request.
    pub(crate) start: Duration,
}

impl Server {
    /// Starts a peer on a directory and waits for its first answer.
    pub(crate) fn start(peer: Peer, programs: &Programs, data: &Path) -> Result<Self> {
        fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let address = free_address()?;
        let mut command = peer.command(programs, data, address.port())?;
        let log = data.join(format!("{peer}.log"));
        let out = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        let begun = Instant::now();
        let child = command.spawn().with_context(|| {
            format!("cannot start {peer}: is {} installed?", command.get_program().display())
        })?;
        let target = Arc::new(Target::new(address, peer.password()));
        let mut server = Self { child, log, target, start: Duration::ZERO };
        while !answers(address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{peer} ended at once with {status}: {}", server.log_text());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{peer} gave no answer in {PATIENCE:?}: {}", server.log_text());
            }
            thread::sleep(Duration::from_micros(300));
        }
        server.start = begun.elapsed();
        Ok(server)
    }

    pub(crate) fn processes(&self) -> Processes {
        Processes { root: self.child.id() }
    }

    /// What the server has written; for a message about a failure.
    pub(crate) fn log_text(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Asks the server to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a child has a process id")?, Signal::TERM)?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > Duration::from_secs(15) {
                self.child.kill()?;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is no process left and nothing to be done.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A port that was free a moment ago; the chance that another program takes it meanwhile is accepted.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?)
}

/// Whether the server answers a request at all: 401 is an answer too.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.starts_with(b"HTTP/1.1 200") || start.starts_with(b"HTTP/1.1 401"))
    };
    ask().unwrap_or(false)
}
