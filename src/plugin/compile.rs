//! Compiling a component, in a process of its own: it takes seconds and hundreds of megabytes, a component may be made to
//! take more, and what a compiler has used does not come back to the system.
//!
//! The process is this program once more, as `berth plugin compile`, with no environment and with limits on its memory
//! and time.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::Error;
use super::engine::{Memory, compiling};
use super::trace::shortened;

/// Memory that the compiler may use, addresses included. Components of Python and JavaScript take 340 MB.
const MOST_MEMORY: u64 = 3 << 30;
/// Processor time; they take 15 s.
const MOST_CPU: Duration = Duration::from_mins(3);
/// Time until it is killed.
const PATIENCE: Duration = Duration::from_mins(5);
/// The largest file that it may write.
const MOST_OUTPUT: u64 = 1 << 30;

/// The program that compiles: this one, unless a test says otherwise.
#[derive(Clone, Debug)]
pub struct Compiler(PathBuf);

impl Default for Compiler {
    fn default() -> Self {
        // The file that runs, even if another one has its name by now.
        Self("/proc/self/exe".into())
    }
}

impl Compiler {
    /// Another program, which has the command `plugin compile` as well.
    #[must_use]
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Compiles the component in `input` into `output`.
    pub(super) async fn compile(
        &self,
        input: &Path,
        output: &Path,
        memory: Memory,
    ) -> Result<(), Error> {
        let mut command = Command::new(&self.0);
        command
            .args(["plugin", "compile", "--memory", memory.as_str()])
            .args([input, output])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let failed =
            |error: io::Error| Error::Compile(format!("the compiler did not start: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        let mut said = Vec::new();
        let running = async {
            if let Some(stderr) = child.stderr.take() {
                stderr.take(8 << 10).read_to_end(&mut said).await?;
            }
            child.wait().await
        };
        let ended = tokio::time::timeout(PATIENCE, running).await;
        let status = ended
            .map_err(|_| Error::Compile(format!("it took longer than {} s", PATIENCE.as_secs())))?
            .map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let said = said.trim().trim_start_matches("error: ");
        Err(Error::Compile(match said {
            "" => format!(
                "the compiler ended with {status}; it may use {} MiB of memory and {} s of processor time",
                MOST_MEMORY >> 20,
                MOST_CPU.as_secs()
            ),
            said => shortened(said.to_owned(), 2000),
        }))
    }
}

/// What `berth plugin compile` does, in its own process: limits itself, reads a component, writes native code.
///
/// # Errors
/// What is wrong with the component, for people.
pub fn compile_here(input: &Path, output: &Path, memory: Memory) -> Result<(), String> {
    limit_this_process();
    let component =
        std::fs::read(input).map_err(|error| format!("{}: {error}", input.display()))?;
    let engine = compiling(memory).map_err(|error| format!("{error:#}"))?;
    let compiled = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    std::fs::write(output, compiled).map_err(|error| format!("{}: {error}", output.display()))
}

/// Where the system does not let a process limit itself, the limit on time by the one that started it is left.
fn limit_this_process() {
    // Behind everything that somebody waits for; the threads that it will have inherit it.
    let _ = setpriority_process(None, 10);
    let limits = [
        (Resource::As, MOST_MEMORY),
        (Resource::Cpu, MOST_CPU.as_secs()),
        (Resource::Fsize, MOST_OUTPUT),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        // What was limited further before stays so.
        let _ = setrlimit(resource, limit);
    }
}
