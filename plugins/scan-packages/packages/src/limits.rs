//! How much is read at most.

/// Limits of one scan. What exceeds them is left out, and noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packages of all kinds.
    pub packages: usize,
    /// Files that are looked into.
    pub files: usize,
    /// Notes of what was left out.
    pub notes: usize,
    /// A text such as dpkg's `status` or apk's `installed`.
    pub database: usize,
    /// A file of one package, such as `package.json`.
    pub metadata: usize,
    /// A lock file, which takes some times its size in memory.
    pub lock_file: usize,
    /// The header of one rpm.
    pub rpm_header: usize,
    /// An archive that is packed in another one, and so is unpacked in memory.
    pub nested_archive: usize,
    /// All such archives that are in memory at the same time, as one is in the other.
    pub nested_held: usize,
    /// All bytes that archives in archives may unpack to.
    pub nested_total: u64,
    /// How deep archives in archives are read.
    pub nested_depth: usize,
    /// Entries of all archives.
    pub archive_entries: usize,
    /// What an executable says of its modules, unpacked.
    pub build_info: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packages: 50_000,
            files: 300_000,
            notes: 200,
            database: 64 << 20,
            metadata: 1 << 20,
            lock_file: 8 << 20,
            rpm_header: 32 << 20,
            nested_archive: 64 << 20,
            nested_held: 128 << 20,
            nested_total: 1 << 30,
            nested_depth: 4,
            archive_entries: 2_000_000,
            build_info: 8 << 20,
        }
    }
}
