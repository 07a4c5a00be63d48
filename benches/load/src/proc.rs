//! What the kernel says of a server: CPU seconds and memory from `/proc`, over a process and all its children.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

/// A server's process and those it has started, such as the workers of nginx.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes {
    pub(crate) root: u32,
}

impl Processes {
    /// User and system time so far.
    pub(crate) fn cpu_seconds(self) -> Result<f64> {
        let ticks: u64 = self.each(cpu_ticks)?.iter().sum();
        Ok(float(ticks) / float(rustix::param::clock_ticks_per_second()))
    }

    /// Lets the peak begin anew at what is resident now.
    pub(crate) fn reset_peak(self) -> Result<()> {
        self.each(|pid| {
            let path = proc_file(pid, "clear_refs");
            fs::write(&path, "5").with_context(|| format!("cannot write {}", path.display()))
        })?;
        Ok(())
    }

    /// Most that was resident since the last reset, summed over the processes.
    pub(crate) fn peak_mib(self) -> Result<f64> {
        self.memory_mib("VmHWM:")
    }

    pub(crate) fn resident_mib(self) -> Result<f64> {
        self.memory_mib("VmRSS:")
    }

    /// Resident and not backed by a file: without the page cache that a server has mapped.
    pub(crate) fn anonymous_mib(self) -> Result<f64> {
        self.memory_mib("RssAnon:")
    }

    fn memory_mib(self, field: &str) -> Result<f64> {
        let kib: u64 = self.each(|pid| status_kib(pid, field))?.iter().sum();
        Ok(float(kib) / 1024.0)
    }

    fn each<T>(self, ask: impl Fn(u32) -> Result<T>) -> Result<Vec<T>> {
        let mut pids = vec![self.root];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            pids.extend(children(pid)?);
            next += 1;
        }
        pids.into_iter().map(ask).collect()
    }
}

fn proc_file(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn read(pid: u32, name: &str) -> Result<String> {
    let path = proc_file(pid, name);
    fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}: has the server ended?", path.display()))
}

fn children(pid: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    let tasks = fs::read_dir(proc_file(pid, "task")).context("has the server ended?")?;
    for task in tasks {
        // A thread may end between the listing and the look.
        let listed = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        found.extend(listed.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(found)
}

fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = read(pid, "stat")?;
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat has no name")?;
    let time = |field: &str| field.parse::<u64>().ok();
    // utime, stime, and those of children that have ended: fields 14 to 17, where `fields` begins at 3.
    let times: Option<Vec<_>> = fields.split(' ').skip(11).take(4).map(time).collect();
    Ok(times.context("/proc/PID/stat holds no times")?.iter().sum())
}

fn status_kib(pid: u32, field: &str) -> Result<u64> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse().ok());
    kib.with_context(|| format!("/proc/{pid}/status has no {field}"))
}

/// For figures to be divided and printed.
#[expect(clippy::cast_precision_loss, reason = "nothing counted here comes near 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
