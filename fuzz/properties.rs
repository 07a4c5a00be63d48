//! What must hold for whatever a client sends. The fuzz targets try to break it, and `tests/it/parsers.rs` checks it in
//! each `cargo test`.

use berth::auth::Credentials;
use berth::config::{Loaded, Overlay};
use berth::oci::manifest::Content;
use berth::oci::range::{MAX_RANGES, Requested, requested};
use berth::oci::{
    Algorithm, ContentRange, Digest, Manifest, MediaType, Reference, RepositoryName, Scope, Tag,
    UploadId,
};
use bytes::Bytes;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A value prints as it was written, so that what was checked is what is stored.
fn prints_alike<T>(text: &str) -> Option<T>
where
    T: std::str::FromStr + std::fmt::Display + PartialEq + std::fmt::Debug,
    T::Err: std::fmt::Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(value.to_string(), text);
            Some(value)
        }
        Err(error) => {
            // It goes to the client and into the log.
            assert!(error.to_string().len() < 2000, "the message is as long as what was sent");
            None
        }
    }
}

/// The grammar of a name, as the specification writes it:
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`
fn is_name(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 255
        && text.split('/').all(|part| {
            let mut rest = part;
            loop {
                let word = rest.trim_start_matches(alphanumeric);
                if word.len() == rest.len() {
                    return false;
                }
                if word.is_empty() {
                    return true;
                }
                let dashes = word.trim_start_matches('-');
                rest = if dashes.len() < word.len() {
                    dashes
                } else {
                    let Some(next) =
                        ["__", "_", "."].iter().find_map(|separator| word.strip_prefix(separator))
                    else {
                        return false;
                    };
                    next
                };
            }
        })
}

/// Names of repositories, tags, references, uploads and media types.
pub(crate) fn names(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let name = prints_alike::<RepositoryName>(text);
    assert_eq!(name.is_some(), is_name(text), "{text:?}");
    if let Some(tag) = prints_alike::<Tag>(text) {
        assert!(tag.as_str().len() <= 128 && !tag.as_str().contains(['/', ':', '%', '\0']));
        assert_eq!(text.parse(), Ok(Reference::Tag(tag)));
    }
    prints_alike::<Reference>(text);
    if let Some(upload) = prints_alike::<UploadId>(text) {
        // It names a file.
        assert!(!upload.as_str().contains(['/', '.', '\0']));
    }
    if let Ok(media_type) = text.parse::<MediaType>() {
        assert!(prints_alike::<MediaType>(media_type.as_str()).is_some());
        assert!(!media_type.as_str().contains(['\r', '\n', '"']), "it goes into a header");
    }
}

/// Digests, and references that are digests.
pub(crate) fn digests(data: &[u8]) {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = algorithm.digest(data);
        assert_eq!(prints_alike::<Digest>(digest.as_str()).as_ref(), Some(&digest));
        assert_eq!(digest.hex().len(), algorithm.hex_len());
    }
    let Some(text) = text(data) else { return };
    if let Some(digest) = prints_alike::<Digest>(text) {
        assert_eq!(digest.hex().len(), digest.algorithm().hex_len());
        assert_eq!(text, format!("{}:{}", digest.algorithm(), digest.hex()));
        assert!(digest.referrers_tag().parse::<Tag>().is_ok());
        assert_eq!(text.parse(), Ok(Reference::Digest(digest)));
    }
}

/// `Range` of a blob whose size the first eight bytes are, and `Content-Range` of a chunk.
pub(crate) fn ranges(data: &[u8]) {
    let Some((size, header)) = data.split_first_chunk() else { return };
    let Some(header) = text(header) else { return };
    ranges_of(u64::from_le_bytes(*size), header);
}

/// As [`ranges`], with its parts.
pub(crate) fn ranges_of(size: u64, header: &str) {
    let all = match requested(header, size) {
        Requested::Whole | Requested::Unsatisfiable => Vec::new(),
        Requested::One(range) => vec![range],
        Requested::Many(ranges) => {
            assert!((2..=MAX_RANGES).contains(&ranges.len()));
            ranges
        }
    };
    let mut total = 0u64;
    for range in all {
        assert!(range.start < range.end && range.end <= size, "{range:?} of {size}");
        total += range.len();
    }
    assert!(total <= size, "more would be sent than there is");
    if let Ok(chunk) = header.parse::<ContentRange>() {
        assert!(chunk.first <= chunk.last && chunk.len() > 0);
        assert_eq!(chunk.to_string().parse(), Ok(chunk));
    }
}

/// Scopes, one and many.
pub(crate) fn scopes(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let many = Scope::parse_list(text);
    for scope in many.iter().cloned().chain(Scope::parse(text)) {
        assert_eq!(Scope::parse(&scope.to_string()), Some(scope.clone()), "{text:?}");
        let written = serde_json::to_string(&scope).expect("a scope can be written");
        let read: Scope = serde_json::from_str(&written).expect("and read");
        assert_eq!(read, scope);
    }
}

/// A manifest, behind a line with the media type that the client declared.
pub(crate) fn manifests(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let declared = text(&data[..end]).and_then(|line| line.parse::<MediaType>().ok());
    let body = data.get(end + 1..).unwrap_or_default();
    let manifest = match Manifest::parse(Bytes::copy_from_slice(body), declared.as_ref()) {
        Ok(manifest) => manifest,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(manifest.bytes(), body, "the bytes are what was pushed");
    let media_type = manifest.media_type();
    assert_eq!(media_type.is_index(), matches!(manifest.content(), Content::Index { .. }));
    assert_eq!(media_type.is_image_manifest(), matches!(manifest.content(), Content::Image { .. }));
    // What it needs are digests, and only its own.
    let whole = String::from_utf8_lossy(body);
    let children = manifest.children().iter().map(|child| &child.digest);
    for digest in
        manifest.required_blobs().chain(children).chain(manifest.subject().map(|to| &to.digest))
    {
        assert!(prints_alike::<Digest>(digest.as_str()).is_some());
        assert!(whole.contains('\\') || whole.contains(digest.as_str()));
    }
    // Served under its media type it is read in the same way.
    let again = Manifest::parse(manifest.bytes().clone(), Some(media_type));
    let again = again.expect("a manifest that was taken once is taken again");
    assert_eq!(again.media_type(), media_type);
    assert_eq!(again.artifact_type(), manifest.artifact_type());
    assert_eq!(again.annotations(), manifest.annotations());
    assert_eq!(again.children().len(), manifest.children().len());
}

/// A configuration file.
pub(crate) fn config(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let file = Some(("berth.toml".into(), text.to_owned()));
    match Loaded::load(&Overlay { file, ..Overlay::default() }) {
        Ok(loaded) => assert!(!loaded.show().is_empty()),
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!(!problem.what.is_empty());
                assert!(problem.to_string().contains("berth.toml:"), "{problem}");
            }
        }
    }
}

/// The value of `Authorization`.
pub(crate) fn authorization(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let credentials = Credentials::read(text);
    assert!(!matches!(credentials, Credentials::None), "what cannot be read is not nothing");
    if let Credentials::Basic { name, password } = &credentials {
        assert!(!name.contains(':'));
        let shown = format!("{credentials:?}");
        assert!(
            password.expose().len() < 4
                || !shown.contains(&format!("password: {:?}", password.expose()))
        );
    }
}
