//! Why the registry does not do what it was asked.

use std::time::Duration;

use crate::auth;
use crate::blob;
use crate::config::ByteSize;
use crate::meta::{self, Protection};
use crate::oci::manifest::{InvalidManifest, MAX_MANIFEST_BYTES};
use crate::oci::{Digest, Reference, RepositoryName, Tag, UploadId};
use crate::plugin::{CallError, PluginName};

/// A failure, named for what happened to the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The principal may not do it.
    #[error(transparent)]
    Refused(#[from] auth::Refusal),
    /// The principal may sign here, and this is no signature.
    #[error(
        "only signatures may be pushed to {0}: manifests with a `subject`, under no tag or one such as `sha256-….sig`"
    )]
    OnlySignatures(RepositoryName),
    /// There is no such repository.
    #[error("there is no repository {0}")]
    NameUnknown(RepositoryName),
    /// The repository has no such manifest.
    #[error("{repository} has no manifest {reference}")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// The image waits for a scan or a person.
    #[error(
        "{repository} holds {reference} back: {reason}. A scan or `berth quarantine release {repository}@{digest}` lets it go"
    )]
    Held {
        /// Where.
        repository: RepositoryName,
        /// What was asked for.
        reference: Reference,
        /// Which image.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// The repository has no such blob.
    #[error("{repository} has no blob {digest}")]
    BlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        digest: Digest,
    },
    /// The bytes of the blob are missing or damaged.
    #[error(
        "the bytes of {digest} in {repository} are missing or damaged: push it again, which mends it"
    )]
    BlobDamaged {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        digest: Digest,
    },
    /// There is no such upload in this repository, for this user.
    #[error("there is no upload {0}: it has ended or expired; start a new one")]
    UploadUnknown(UploadId),
    /// Another request is writing to the upload.
    #[error("another request is still writing to this upload: wait for it to end")]
    UploadBusy,
    /// Somebody starts uploads and does not end them.
    #[error("too many uploads are under way: end or cancel some, or wait for them to expire")]
    TooManyUploads,
    /// A chunk does not begin where the upload ends.
    #[error("the chunk does not begin at {offset}, where the upload ends")]
    ChunkOutOfOrder {
        /// The upload.
        upload: UploadId,
        /// Bytes that the upload has.
        offset: u64,
    },
    /// A body's length is not what its headers say.
    #[error("the body has {actual} bytes, but its headers say {expected}")]
    SizeInvalid {
        /// What the headers say.
        expected: u64,
        /// What arrived.
        actual: u64,
    },
    /// The content has another digest.
    #[error("the content has the digest {actual}, not {expected}")]
    DigestInvalid {
        /// What the client says.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The body broke off; what arrived before is kept.
    #[error("the body broke off: {0}")]
    Interrupted(blob::BodyError),
    /// The bytes are no manifest.
    #[error(transparent)]
    ManifestInvalid(#[from] InvalidManifest),
    /// The manifest is larger than any client would read.
    #[error("the manifest is larger than {MAX_MANIFEST_BYTES} bytes")]
    ManifestTooLarge,
    /// The manifest refers to what the repository does not have.
    #[error("the repository does not have {}: push it first", .0.iter().map(Digest::as_str).collect::<Vec<_>>().join(", "))]
    ManifestBlobUnknown(Vec<Digest>),
    /// The tag points at something else than the request says.
    #[error("the tag {tag} {}, which is not what the request expects", current.as_ref().map_or_else(|| "does not exist".to_owned(), |digest| format!("points at {digest}")))]
    PreconditionFailed {
        /// The tag.
        tag: Tag,
        /// What it points at.
        current: Option<Digest>,
    },
    /// A manifest of the repository needs what should be deleted.
    #[error(
        "{digest} is needed by the manifest {parent} of this repository: delete that first, or add `?force=true`"
    )]
    InUse {
        /// What should be deleted.
        digest: Digest,
        /// What needs it.
        parent: Digest,
    },
    /// A plugin has something against it.
    #[error("{message} ({plugin}: {rule})")]
    DeniedByPlugin {
        /// Which.
        plugin: PluginName,
        /// The rule that was broken.
        rule: String,
        /// For a person.
        message: String,
        /// For programs.
        detail: Option<serde_json::Value>,
    },
    /// A plugin wants it to wait.
    #[error("{plugin} holds this back: {reason}")]
    HeldByPlugin {
        /// Which.
        plugin: PluginName,
        /// Why.
        reason: String,
    },
    /// A plugin that has to agree has no answer.
    #[error("the plugin {plugin}, which has to agree, has no answer now: try again")]
    PluginUnavailable {
        /// Which.
        plugin: PluginName,
        /// Why; for the log.
        error: CallError,
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// A lock or a rule holds it where it is.
    #[error("{by}")]
    Protected {
        /// In which repository.
        repository: RepositoryName,
        /// What was wanted: `push`, `delete`, `pull`.
        wanted: &'static str,
        /// What holds it.
        by: Box<Protection>,
    },
    /// There is nothing of the kind to bring back.
    #[error(
        "{reference} of {repository} cannot be brought back: it was never there, or its time in the trash is over"
    )]
    NotInTrash {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// A tag that is there needs not be brought back.
    #[error(
        "{repository} has a tag {reference}, which points at {digest}: to point it elsewhere, roll it back"
    )]
    IsThere {
        /// Where.
        repository: RepositoryName,
        /// What.
        reference: Reference,
        /// What it points at.
        digest: Digest,
    },
    /// What a manifest needs is gone.
    #[error("it cannot be brought back without {}, which were deleted: push them first", .0.iter().map(Digest::as_str).collect::<Vec<_>>().join(", "))]
    CannotRestore(Vec<Digest>),
    /// A quota does not allow it.
    #[error("{}", quota(.0))]
    Quota(Box<meta::Exceeded>),
    /// The disk has no room.
    #[error("the registry has no room for more: {0}")]
    Full(String),
    /// The database failed.
    #[error(transparent)]
    Meta(meta::Error),
    /// The blob store failed.
    #[error(transparent)]
    Blob(blob::Error),
}

impl From<meta::Error> for Error {
    fn from(error: meta::Error) -> Self {
        match error {
            meta::Error::Full => Self::Full(error.to_string()),
            meta::Error::Quota(exceeded) => Self::Quota(exceeded),
            other => Self::Meta(other),
        }
    }
}

/// Which quota, how much of it is used, and what to do.
fn quota(exceeded: &meta::Exceeded) -> String {
    use meta::Limited as L;
    let meta::Exceeded { namespace, limited, limit, used, wanted } = exceeded;
    let whose = if namespace == meta::EVERYTHING {
        "the registry".to_owned()
    } else {
        format!("`{namespace}`")
    };
    let size = ByteSize::bytes;
    match limited {
        L::Bytes => format!(
            "the quota of {whose} does not allow it: {:#} of {:#} are used, and this needs {:#} more; delete what is not needed (its space is free after the collection), or ask an administrator for a larger quota",
            size(*used),
            size(*limit),
            size(*wanted)
        ),
        L::Tags => format!(
            "the quota of {whose} does not allow it: {used} of {limit} tags are used; delete some, or ask an administrator for a larger quota"
        ),
        L::Upload => format!(
            "the quota of {whose} allows blobs of at most {:#}, and this one has at least {:#}; split it, or ask an administrator for a larger quota",
            size(*limit),
            size(*wanted)
        ),
    }
}

impl From<blob::Error> for Error {
    fn from(error: blob::Error) -> Self {
        use blob::Error as B;
        match error {
            B::DigestMismatch { expected, actual } => Self::DigestInvalid { expected, actual },
            B::SizeMismatch { expected, actual } => Self::SizeInvalid { expected, actual },
            B::Interrupted(cause) => Self::Interrupted(cause),
            B::NoSpace { .. } => Self::Full(error.to_string()),
            B::Bucket(_) if error.is_full() => Self::Full(error.to_string()),
            other if other.is_full() => Self::Full("the disk is full".into()),
            other => Self::Blob(other),
        }
    }
}
