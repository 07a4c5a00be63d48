//! Compiled components on disk: only what this Berth has compiled itself is ever run.
//!
//! ```text
//! components/<hex>.wasm          as it was installed
//! compiled/<hex>-<engine>.cwasm  native code of it, for one version and setting of the engine and one processor
//! ```
//!
//! Loading native code is as good as running it, so the database remembers the digest of each such file, and a file that
//! has another one is thrown away and made anew.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use wasmtime::component::Component;

use super::compile::Compiler;
use super::engine::Engine;
use super::error::io as at;
use super::package::MOST_COMPONENT_BYTES;
use super::{Error, Package};
use crate::meta::Meta;
use crate::oci::{Algorithm, Digest};
use crate::secret::random_text;

/// The directories of components and of what was compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    components: PathBuf,
    code: PathBuf,
    compiler: Compiler,
    meta: Meta,
    engine: Arc<Engine>,
    engine_key: String,
    /// One at a time: each takes all processors that it finds.
    compiling: Mutex<()>,
}

impl Compiled {
    /// Makes the directories when they are missing. This blocks.
    pub(super) fn open(
        directory: &Path,
        compiler: Compiler,
        meta: Meta,
        engine: Arc<Engine>,
    ) -> Result<Self, Error> {
        let (components, code) = (directory.join("components"), directory.join("compiled"));
        for path in [&components, &code] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(at(path))?;
        }
        remove_unfinished(&components)?;
        remove_unfinished(&code)?;
        let engine_key = engine.key();
        let compiling = Mutex::default();
        Ok(Self { components, code, compiler, meta, engine, engine_key, compiling })
    }

    /// Keeps a component, and gives it ready to run.
    pub(super) async fn add(&self, package: &Package) -> Result<Component, Error> {
        let path = self.component_path(package.digest());
        let (bytes, target) = (package.component().clone(), path.clone());
        blocking(move || write_whole(&target, &bytes).map_err(at(&target))).await?;
        self.load(package.digest()).await
    }

    /// The bytes of a component that was kept.
    pub(super) async fn read(&self, digest: &Digest) -> Result<Bytes, Error> {
        let (path, expected) = (self.component_path(digest), digest.clone());
        blocking(move || {
            check_component(&path, &expected)?;
            std::fs::read(&path).map(Bytes::from).map_err(at(&path))
        })
        .await
    }

    /// A component that was kept, ready to run; compiled anew if need be.
    pub(super) async fn load(&self, digest: &Digest) -> Result<Component, Error> {
        if let Kept::Ready(component) = self.load_compiled(digest).await? {
            return Ok(component);
        }
        let _alone = self.compiling.lock().await;
        // Somebody else may have compiled it meanwhile.
        if let Kept::Ready(component) = self.load_compiled(digest).await? {
            return Ok(component);
        }
        self.compile(digest).await?;
        match self.load_compiled(digest).await? {
            Kept::Ready(component) => Ok(component),
            Kept::Unusable(error) => Err(Error::Native(error)),
            Kept::Nothing => Err(Error::Native("the file is gone".into())),
        }
    }

    /// Removes a component and what was compiled of it.
    pub(super) async fn remove(&self, digest: &Digest) -> Result<(), Error> {
        self.meta.forget_compiled(digest).await?;
        let paths = [self.component_path(digest), self.compiled_path(digest)];
        blocking(move || {
            for path in &paths {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(at(path)(error));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    fn component_path(&self, digest: &Digest) -> PathBuf {
        self.components.join(format!("{}.wasm", digest.hex()))
    }

    fn compiled_path(&self, digest: &Digest) -> PathBuf {
        self.code.join(format!("{}-{}.cwasm", digest.hex(), self.engine_key))
    }

    /// What was compiled before, if it is what was compiled then.
    async fn load_compiled(&self, digest: &Digest) -> Result<Kept, Error> {
        let Some(expected) = self.meta.find_compiled(digest, &self.engine_key).await? else {
            return Ok(Kept::Nothing);
        };
        let (path, engine, digest) =
            (self.compiled_path(digest), Arc::clone(&self.engine), digest.clone());
        blocking(move || {
            match digest_of(&path) {
                Ok(found) if found == expected => {}
                Ok(_) => {
                    tracing::error!(
                        path = %path.display(),
                        "{} is not what Berth has compiled: it is not run, but compiled anew",
                        path.display()
                    );
                    return Ok(Kept::Nothing);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Nothing),
                Err(error) => return Err(at(&path)(error)),
            }
            match deserialize(&engine, &path) {
                Ok(component) => Ok(Kept::Ready(component)),
                Err(error) => {
                    tracing::warn!(component = %digest, "{digest} has to be compiled anew: {error:#}");
                    Ok(Kept::Unusable(format!("{error:#}")))
                }
            }
        })
        .await
    }

    /// Compiles a component and remembers what came of it: the file first, then its digest.
    async fn compile(&self, digest: &Digest) -> Result<(), Error> {
        let (input, output) = (self.component_path(digest), self.compiled_path(digest));
        let (path, expected) = (input.clone(), digest.clone());
        blocking(move || check_component(&path, &expected)).await?;
        let unfinished = self.code.join(format!("{}.part", random_text(12)));
        let _removed = RemoveOnDrop(unfinished.clone());
        self.compiler.compile(&input, &unfinished, self.engine.memory).await?;
        let target = output.clone();
        let compiled = blocking(move || {
            let digest = digest_of(&unfinished).map_err(at(&unfinished))?;
            File::open(&unfinished).and_then(|file| file.sync_all()).map_err(at(&unfinished))?;
            std::fs::rename(&unfinished, &target).map_err(at(&target))?;
            Ok(digest)
        })
        .await?;
        self.meta.remember_compiled(digest, &self.engine_key, &compiled).await?;
        Ok(())
    }
}

/// What is there of compiled code.
enum Kept {
    Nothing,
    /// It is what was compiled, and does not run.
    Unusable(String),
    Ready(Component),
}

/// The one place where bytes of a file become code that runs.
#[expect(unsafe_code, reason = "native code can do anything; see the comment at the call")]
fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: wasmtime's own compiler wrote the file, in a process that this Berth started: its SHA-256 was just compared
    // with the one that was noted then. The directory is nobody else's to write to, and the file is never written to once
    // it has its name. Whether it fits this engine, wasmtime checks.
    unsafe { Component::deserialize_file(&engine.wasmtime, path) }
}

fn check_component(path: &Path, expected: &Digest) -> Result<(), Error> {
    let found = match digest_of(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::ComponentUnknown(expected.clone()));
        }
        Err(error) => return Err(at(path)(error)),
    };
    let size = std::fs::metadata(path).map_err(at(path))?.len();
    if size > MOST_COMPONENT_BYTES {
        return Err(Error::TooLarge { size, limit: MOST_COMPONENT_BYTES });
    }
    if found == *expected { Ok(()) } else { Err(Error::ComponentUnknown(expected.clone())) }
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(Digest::from_hash(Algorithm::Sha256, &hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &Bytes) -> io::Result<()> {
    let unfinished = RemoveOnDrop(path.with_extension(format!("{}.part", random_text(6))));
    std::fs::write(&unfinished.0, bytes)?;
    File::open(&unfinished.0)?.sync_all()?;
    std::fs::rename(&unfinished.0, path)
}

/// What a crash has left.
fn remove_unfinished(directory: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(directory).map_err(at(directory))? {
        let path = entry.map_err(at(directory))?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            std::fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        // Usually it has another name by now.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
}
