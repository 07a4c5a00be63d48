//! What a bucket's refusal means, and what to do about it.

use std::fmt;

use opendal::ErrorKind;

/// A failure of a bucket. Printed, it says what to do where that is known, and never shows a signature.
#[derive(Debug)]
pub struct BucketError(Box<opendal::Error>);

impl BucketError {
    /// Whether it may be gone in a moment: nobody answered, or the provider asks to slow down.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        // What has been tried again is marked as lasting, whatever it was.
        let whole = self.0.to_string();
        self.0.kind() == ErrorKind::RateLimited || PASSING.iter().any(|word| whole.contains(word))
    }

    /// Whether the bucket takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let text = self.0.to_string();
        ["QuotaExceeded", "StorageFull", "EntityTooLarge", "reached its maximum"]
            .iter()
            .any(|word| text.contains(word))
    }

    /// Whether the object is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.0.kind() == ErrorKind::NotFound
    }
}

/// Words of failures that may be gone in a moment.
const PASSING: [&str; 10] = [
    "send http request",
    "read data from http response",
    "timeout",
    "status: 429",
    "status: 499",
    "status: 500",
    "status: 502",
    "status: 503",
    "status: 504",
    "SlowDown",
];

pub(super) const NO_SUCH_BUCKET: &str = "there is no such bucket: create it, or correct `storage.options` (`bucket`, or `container` on Azure)";

/// Words of the providers' answers, what they mean, and what to do. The first that is found counts.
const MEANINGS: &[(&[&str], &str)] = &[
    (&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"], NO_SUCH_BUCKET),
    (
        &["RequestTimeTooSkewed", "Date is too old", "Date is in the future", "RequestExpired"],
        "the clock of this machine is wrong: set it, by NTP best",
    ),
    (
        &["AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "PermanentRedirect"],
        "the bucket is in another region: correct `storage.options.region`, and `endpoint` if it names one",
    ),
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "No such key",
            "Invalid signature",
            "AuthenticationFailed",
            "failed to authenticate",
            "InvalidAuthenticationInfo",
            "InvalidToken",
            "ExpiredToken",
            "invalid_grant",
            "Unauthorized",
            "status: 401",
        ],
        "the provider does not know these credentials: correct them in `storage.options` or in the environment",
    ),
    (
        &["failed to load signing credential", "no valid credential"],
        "there are no credentials: set them in `storage.options` or in the environment, or give this machine a role",
    ),
    (
        &[
            "AccessDenied",
            "Forbidden",
            "AuthorizationPermissionMismatch",
            "AuthorizationFailure",
            "PermissionDenied",
        ],
        "the credentials lack a right: grant reading, writing, listing and deleting in this bucket",
    ),
    (
        &["QuotaExceeded", "StorageFull", "EntityTooLarge", "reached its maximum"],
        "the bucket is full: raise its quota, or delete from it",
    ),
    (&["RateLimited", "SlowDown"], "the provider asks to slow down"),
    (
        &[
            "send http request",
            "error sending request",
            "Connection refused",
            "dns error",
            "timeout reached",
        ],
        "the bucket cannot be reached: correct `storage.options.endpoint`, or mend the network",
    ),
    (
        &["region is missing"],
        "the region is not known: set `storage.options.region` (any word will do for servers of your own, such as `garage`)",
    ),
];

impl fmt::Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.to_string();
        let meaning = MEANINGS
            .iter()
            .find(|(words, _)| words.iter().any(|word| whole.contains(word)))
            .map_or("the bucket did not do what was asked", |(_, meaning)| meaning);
        // The error's context repeats all headers of the answer; the message and the source say it in words.
        let mut said = self.0.message().to_owned();
        let mut source = std::error::Error::source(&*self.0);
        while let Some(cause) = source {
            said = format!("{said}: {cause}");
            source = cause.source();
        }
        write!(f, "{meaning} ({}: {})", self.0.kind(), without_secrets(&said))
    }
}

impl std::error::Error for BucketError {}

impl From<opendal::Error> for BucketError {
    fn from(error: opendal::Error) -> Self {
        Self(Box::new(error))
    }
}

/// Parameters of a URL that are as good as a password; those of Amazon and Google end in `-Signature`.
const SECRETS: [&str; 3] = ["sig=", "Signature=", "X-Amz-Security-Token="];

/// The text with the values of such parameters cut out.
pub(super) fn without_secrets(text: &str) -> String {
    let mut left = text.to_owned();
    for secret in SECRETS {
        let mut shown = String::with_capacity(left.len());
        let mut rest = &left[..];
        while let Some(at) = rest.find(secret) {
            let (before, after) = rest.split_at(at + secret.len());
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "%-_.~+/=".contains(c)));
            shown.push_str(before);
            shown.push_str("***");
            rest = &after[end.unwrap_or(after.len())..];
        }
        shown.push_str(rest);
        left = shown;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: ErrorKind, message: &str) -> String {
        BucketError::from(opendal::Error::new(kind, message)).to_string()
    }

    #[test]
    fn refusals_say_what_to_do() {
        for (kind, message, advice) in [
            (ErrorKind::ConfigInvalid, "S3Error { code: \"NoSuchBucket\" }", "create it"),
            (ErrorKind::NotFound, "AzblobError { code: \"ContainerNotFound\" }", "create it"),
            (ErrorKind::PermissionDenied, "S3Error { code: \"RequestTimeTooSkewed\" }", "clock"),
            (
                ErrorKind::PermissionDenied,
                "S3Error { code: \"SignatureDoesNotMatch\" }",
                "does not know",
            ),
            (ErrorKind::PermissionDenied, "Forbidden: No such key: GK31", "does not know"),
            (ErrorKind::Unexpected, "S3Error { code: \"AuthorizationHeaderMalformed\" }", "region"),
            (ErrorKind::PermissionDenied, "S3Error { code: \"AccessDenied\" }", "lack a right"),
            (ErrorKind::Unexpected, "send http request", "cannot be reached"),
            (ErrorKind::Unexpected, "no idea", "did not do what was asked (Unexpected: no idea)"),
        ] {
            let said = said(kind, message);
            assert!(said.contains(advice), "{said}");
        }
    }

    #[test]
    fn what_may_be_gone_in_a_moment_is_told_from_what_lasts() {
        let is_passing = |error: opendal::Error| BucketError::from(error).is_passing();
        let unexpected = |message: &str| opendal::Error::new(ErrorKind::Unexpected, message);
        assert!(is_passing(unexpected("send http request").set_persistent()));
        let busy = unexpected("").with_context("response", "Parts { status: 503, version: 1 }");
        assert!(is_passing(busy));
        assert!(is_passing(opendal::Error::new(ErrorKind::RateLimited, "")));
        let lacking = unexpected("").with_context("response", "Parts { status: 501, version: 1 }");
        assert!(!is_passing(lacking.set_persistent()));
        assert!(!is_passing(opendal::Error::new(ErrorKind::NotFound, "").set_persistent()));
    }

    #[test]
    fn signatures_are_not_shown() {
        let message = "GET https://a/b?se=1&sig=abc%2Bdef%3D&X-Amz-Signature=0123&x=1 and sig=zz";
        let said = said(ErrorKind::Unexpected, message);
        assert!(said.contains("?se=1&sig=***&X-Amz-Signature=***&x=1 and sig=***"), "{said}");
    }
}
