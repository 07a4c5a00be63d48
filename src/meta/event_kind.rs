//! What kinds of events there are.

use super::tx::{ToValue, Value};

/// What kinds of events there are. Names are `what.verb`; new ones may come, none ever changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A blob became a repository's, by being pushed or mounted.
    BlobPush,
    /// A blob was taken from a repository.
    BlobDelete,
    /// A blob was found missing or damaged.
    BlobDamage,
    /// A blob that was missing or damaged is whole again.
    BlobRepair,
    /// A manifest was stored.
    ManifestPush,
    /// A manifest was removed.
    ManifestDelete,
    /// A manifest was read; only where `audit.pulls` is on.
    ManifestPull,
    /// A tag was made or moved.
    TagPush,
    /// A tag was removed.
    TagDelete,
    /// What is said of a repository was changed.
    RepositoryChange,
    /// A repository was removed with everything in it.
    RepositoryDelete,
    /// A repository, tag or digest was locked, or its lock changed.
    LockAdd,
    /// A lock was taken off.
    LockRemove,
    /// A rule that makes tags immutable was made or removed.
    ImmutabilityChange,
    /// A retention policy was made, changed or removed.
    RetentionChange,
    /// A run of retention has ended.
    RetentionRun,
    /// An account was made.
    AccountAdd,
    /// An account was changed, or its password.
    AccountChange,
    /// An account was removed.
    AccountRemove,
    /// A group was made, changed or removed, or its members.
    GroupChange,
    /// A token was made.
    TokenAdd,
    /// A token was changed or got a new secret.
    TokenChange,
    /// A token was revoked.
    TokenRemove,
    /// A rule was made.
    BindingAdd,
    /// A rule was removed.
    BindingRemove,
    /// A role was made, changed or removed.
    RoleChange,
    /// A trusted issuer, a federation rule or a sign-in provider was made, changed or removed.
    TrustChange,
    /// The key that signs registry tokens was replaced.
    KeyRotate,
    /// A webhook was made, changed or removed.
    WebhookChange,
    /// A backup was taken.
    BackupCreate,
    /// A backup could not be taken.
    BackupFail,
    /// A backup was looked through: what of it can be restored.
    BackupVerify,
    /// This registry was restored from a backup.
    BackupRestore,
    /// A plugin was installed, changed or removed.
    PluginChange,
    /// A scanner has looked at an image.
    ScanComplete,
    /// New advisories have changed what is known of an image.
    ScanChange,
    /// A scanner could not look at an image.
    ScanFail,
    /// An image is held back until a scan or a person lets it go.
    QuarantineHold,
    /// An image that was held is let go.
    QuarantineRelease,
    /// A rule about what is held was made, changed or removed.
    QuarantineChange,
    /// Advisories were imported or removed.
    AdvisoryChange,
    /// A replication target or rule was made, changed or removed.
    ReplicationChange,
    /// Somebody signed in with a browser.
    SessionStart,
    /// Somebody signed out.
    SessionEnd,
    /// Garbage was collected.
    GarbageCollect,
    /// A quota was set, changed or removed.
    QuotaChange,
    /// Four fifths of a quota are used.
    QuotaWarn,
    /// All blobs were read again.
    ScrubEnd,
    /// A request was refused: not logged in, wrong credentials, not allowed, or too many failures.
    RequestRefuse,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 49] = [
        Self::BlobPush,
        Self::BlobDelete,
        Self::BlobDamage,
        Self::BlobRepair,
        Self::ManifestPush,
        Self::ManifestDelete,
        Self::ManifestPull,
        Self::TagPush,
        Self::TagDelete,
        Self::RepositoryChange,
        Self::RepositoryDelete,
        Self::LockAdd,
        Self::LockRemove,
        Self::ImmutabilityChange,
        Self::RetentionChange,
        Self::RetentionRun,
        Self::AccountAdd,
        Self::AccountChange,
        Self::AccountRemove,
        Self::GroupChange,
        Self::TokenAdd,
        Self::TokenChange,
        Self::TokenRemove,
        Self::BindingAdd,
        Self::BindingRemove,
        Self::RoleChange,
        Self::TrustChange,
        Self::KeyRotate,
        Self::WebhookChange,
        Self::BackupCreate,
        Self::BackupFail,
        Self::BackupVerify,
        Self::BackupRestore,
        Self::PluginChange,
        Self::ScanComplete,
        Self::ScanChange,
        Self::ScanFail,
        Self::QuarantineHold,
        Self::QuarantineRelease,
        Self::QuarantineChange,
        Self::AdvisoryChange,
        Self::ReplicationChange,
        Self::SessionStart,
        Self::SessionEnd,
        Self::GarbageCollect,
        Self::QuotaChange,
        Self::QuotaWarn,
        Self::ScrubEnd,
        Self::RequestRefuse,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlobPush => "blob.push",
            Self::BlobDelete => "blob.delete",
            Self::BlobDamage => "blob.damage",
            Self::BlobRepair => "blob.repair",
            Self::ManifestPush => "manifest.push",
            Self::ManifestDelete => "manifest.delete",
            Self::ManifestPull => "manifest.pull",
            Self::TagPush => "tag.push",
            Self::TagDelete => "tag.delete",
            Self::RepositoryChange => "repository.change",
            Self::RepositoryDelete => "repository.delete",
            Self::LockAdd => "lock.add",
            Self::LockRemove => "lock.remove",
            Self::ImmutabilityChange => "immutability.change",
            Self::RetentionChange => "retention.change",
            Self::RetentionRun => "retention.run",
            Self::AccountAdd => "account.add",
            Self::AccountChange => "account.change",
            Self::AccountRemove => "account.remove",
            Self::GroupChange => "group.change",
            Self::TokenAdd => "token.add",
            Self::TokenChange => "token.change",
            Self::TokenRemove => "token.remove",
            Self::BindingAdd => "binding.add",
            Self::BindingRemove => "binding.remove",
            Self::RoleChange => "role.change",
            Self::TrustChange => "trust.change",
            Self::KeyRotate => "key.rotate",
            Self::WebhookChange => "webhook.change",
            Self::BackupCreate => "backup.create",
            Self::BackupFail => "backup.fail",
            Self::BackupVerify => "backup.verify",
            Self::BackupRestore => "backup.restore",
            Self::PluginChange => "plugin.change",
            Self::ScanComplete => "scan.complete",
            Self::ScanChange => "scan.change",
            Self::ScanFail => "scan.fail",
            Self::QuarantineHold => "quarantine.hold",
            Self::QuarantineRelease => "quarantine.release",
            Self::QuarantineChange => "quarantine.change",
            Self::AdvisoryChange => "advisory.change",
            Self::ReplicationChange => "replication.change",
            Self::SessionStart => "session.start",
            Self::SessionEnd => "session.end",
            Self::GarbageCollect => "garbage.collect",
            Self::QuotaChange => "quota.change",
            Self::QuotaWarn => "quota.warn",
            Self::ScrubEnd => "scrub.end",
            Self::RequestRefuse => "request.refuse",
        }
    }
}

impl ToValue for EventKind {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}
