//! Archives as they are on the disk: those that are compressed are unpacked into a file without a name, as what is needed may
//! lie anywhere in them.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::layout::failed;
use crate::plugin::unpack_file;
use crate::remote::Error;

/// How files begin that cannot be read, and what unpacks them.
const OTHERS: [(&[u8], &str); 2] = [(b"\xfd7zXZ\0", "xz -dk"), (b"BZh", "bzip2 -dk")];

/// Opens a tar file, unpacked if it is compressed with gzip or zstd.
pub(super) fn open(path: &Path) -> Result<Arc<File>, Error> {
    let file = File::open(path).map(Arc::new).map_err(|cause| failed("open", path, cause))?;
    let mut start = [0; 6];
    let read = file.read_at(&mut start, 0).map_err(|cause| failed("read", path, cause))?;
    for (magic, command) in OTHERS {
        if start[..read].starts_with(magic) {
            return Err(Error::Layout(format!(
                "{} is compressed in a way that is not known here: unpack it first, with `{command}`",
                path.display()
            )));
        }
    }
    let unpacked = unpack_file(Arc::clone(&file)).map_err(|cause| failed("read", path, cause))?;
    let Some(mut plain) = unpacked else { return Ok(file) };
    let room = std::env::temp_dir();
    let mut to = nameless(&room).map_err(|cause| failed("write to", &room, cause))?;
    // What is written and what is read fail for different reasons, which people mend differently.
    let mut piece = vec![0; 256 << 10];
    loop {
        let read = plain.read(&mut piece).map_err(|cause| failed("unpack", path, cause))?;
        if read == 0 {
            io::Seek::rewind(&mut to).map_err(|cause| failed("read", &room, cause))?;
            return Ok(Arc::new(to));
        }
        io::Write::write_all(&mut to, &piece[..read])
            .map_err(|cause| failed("unpack an archive into", &room, cause))?;
    }
}

/// A file that is gone when it is closed, whatever happens.
fn nameless(directory: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    if let Ok(file) = openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR) {
        return Ok(file.into());
    }
    // Some file systems have no such files.
    let path = directory.join(format!("berth-{}", crate::secret::random_text(12)));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
