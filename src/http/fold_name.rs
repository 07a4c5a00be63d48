//! `/v2/team/app/manifests/v1` → `/v2/team%2Fapp/manifests/v1`: a repository's name becomes one segment, so that plain
//! routes match. Names may hold `blobs`, `manifests` and the like, so the path is read from the right.

use http::Uri;
use http::uri::PathAndQuery;

/// What a path is about, for figures: a bounded set, whatever clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Base,
    Token,
    Catalog,
    Manifest,
    Blob,
    Upload,
    Tags,
    Referrers,
    Api,
    Other,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Token => "token",
            Self::Catalog => "catalog",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::Upload => "upload",
            Self::Tags => "tags",
            Self::Referrers => "referrers",
            Self::Api => "api",
            Self::Other => "other",
        }
    }
}

/// Folds the name in `uri`, if it has one.
pub(super) fn fold(uri: &mut Uri) -> Kind {
    let path = uri.path();
    let Some(rest) = path.strip_prefix("/v2/") else {
        return match path {
            "/v2" => Kind::Base,
            "/token" => Kind::Token,
            _ if path.starts_with("/api/") => Kind::Api,
            _ => Kind::Other,
        };
    };
    let segments: Vec<&str> = rest.split('/').collect();
    let (tail, kind) = match &segments[..] {
        [""] => return Kind::Base,
        ["_catalog"] => return Kind::Catalog,
        [.., "blobs", "uploads", _] if segments.len() > 3 => (3, Kind::Upload),
        [.., "blobs", "uploads"] if segments.len() > 2 => (2, Kind::Upload),
        [.., "tags", "list"] => (2, Kind::Tags),
        [.., "manifests", _] => (2, Kind::Manifest),
        [.., "blobs", _] => (2, Kind::Blob),
        [.., "referrers", _] => (2, Kind::Referrers),
        _ => return Kind::Other,
    };
    let (name, tail) = segments.split_at(segments.len().saturating_sub(tail));
    if name.len() > 1 {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let folded = format!("/v2/{}/{}{query}", name.join("%2F"), tail.join("/"));
        if let Ok(path) = PathAndQuery::try_from(folded) {
            let mut parts = uri.clone().into_parts();
            parts.path_and_query = Some(path);
            if let Ok(new) = Uri::from_parts(parts) {
                *uri = new;
            }
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_whatever_stands_left_of_the_resource() {
        for (path, expected, kind) in [
            ("/v2/", "/v2/", Kind::Base),
            ("/v2", "/v2", Kind::Base),
            ("/v2/_catalog?n=1", "/v2/_catalog?n=1", Kind::Catalog),
            ("/v2/a/manifests/v1", "/v2/a/manifests/v1", Kind::Manifest),
            ("/v2/a/b/c/manifests/v1", "/v2/a%2Fb%2Fc/manifests/v1", Kind::Manifest),
            ("/v2/manifests/tags/list", "/v2/manifests/tags/list", Kind::Tags),
            ("/v2/manifests/manifests/x", "/v2/manifests/manifests/x", Kind::Manifest),
            ("/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/", Kind::Upload),
            (
                "/v2/a/blobs/uploads/blobs/uploads/",
                "/v2/a%2Fblobs%2Fuploads/blobs/uploads/",
                Kind::Upload,
            ),
            (
                "/v2/a/b/blobs/uploads/id?digest=x",
                "/v2/a%2Fb/blobs/uploads/id?digest=x",
                Kind::Upload,
            ),
            ("/v2/a/b/blobs/uploads", "/v2/a%2Fb/blobs/uploads", Kind::Upload),
            ("/v2/../etc/manifests/x", "/v2/..%2Fetc/manifests/x", Kind::Manifest),
            ("/v2/a/b/referrers/sha256:x", "/v2/a%2Fb/referrers/sha256:x", Kind::Referrers),
            ("/v2/blobs/uploads/", "/v2/blobs/uploads/", Kind::Other),
            ("/v2/a/b", "/v2/a/b", Kind::Other),
            ("/api/v1/repositories", "/api/v1/repositories", Kind::Api),
        ] {
            let mut uri: Uri = path.parse().unwrap();
            assert_eq!((fold(&mut uri), uri.to_string().as_str()), (kind, expected), "{path}");
        }
    }
}
