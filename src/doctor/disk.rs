//! Room: bytes and inodes of the disks that Berth writes to.

use std::path::Path;

use super::Finding;
use crate::config::{ByteSize, Config, Reserve};

const CHECK: &str = "disk";

/// Fewer inodes than this part of all are few.
const FEW_INODES: u64 = 20;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = room(&config.storage.data, Some(config.storage.reserve));
    if let Some(directory) = config.backup.directory.as_deref().filter(|path| path.exists()) {
        findings.extend(room(directory, None));
        findings.extend(same_disk(&config.storage.data, directory));
    }
    findings
}

fn room(path: &Path, reserve: Option<Reserve>) -> Vec<Finding> {
    let at = path.display();
    let disk = match rustix::fs::statvfs(path) {
        Ok(disk) => disk,
        Err(error) => {
            let mend = "make the directory, or name another one in `storage.data`";
            return vec![Finding::problem(CHECK, format!("{at}: {error}"), mend)];
        }
    };
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    let (free, total) = (bytes(disk.f_bavail), bytes(disk.f_blocks));
    let reserve = match reserve {
        None => 0,
        Some(Reserve::Auto) => (2 << 30).min(total / 20),
        Some(Reserve::Bytes(size)) => size.get(),
    };
    let size = |bytes: u64| format!("{:#}", ByteSize::bytes(bytes));
    let what = format!("{at}: {} of {} are free", size(free), size(total));
    let mut findings = vec![if free <= reserve {
        let what = format!("{what}, and pushes leave {} alone: they are refused", size(reserve));
        Finding::problem(CHECK, what, "make room, make the disk larger, or lower `storage.reserve`")
    } else if free < reserve.saturating_mul(3) || free < total / 20 {
        let what = format!("{what}; below {} pushes are refused", size(reserve));
        Finding::warning(CHECK, what, "make room, or make the disk larger, before it is full")
    } else {
        Finding::good(CHECK, what)
    }];
    // Some file systems count none.
    if disk.f_files > 0 {
        let what = format!("{at}: {} of {} inodes are free", disk.f_favail, disk.f_files);
        findings.push(if disk.f_favail < disk.f_files / FEW_INODES {
            let mend = "a file needs one each: remove small files, or make the file system anew with more (`mkfs.ext4 -i`)";
            Finding::warning(CHECK, what, mend)
        } else {
            Finding::good(CHECK, what)
        });
    }
    if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let mend = "mount it for writing; the kernel may have taken that away after an error: `dmesg` says";
        findings.push(Finding::problem(CHECK, format!("{at} can only be read"), mend));
    }
    findings
}

/// A backup on the disk that it is to save from is none.
fn same_disk(data: &Path, directory: &Path) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| Some(std::fs::metadata(path).ok()?.dev());
    (device(data)? == device(directory)?).then(|| {
        Finding::warning(
            CHECK,
            format!("backups in {} are on the disk of the data directory", directory.display()),
            "let `backup.directory` be on another disk, or use a bucket",
        )
    })
}
