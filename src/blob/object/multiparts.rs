//! Multipart uploads to S3 that a crash left open: the provider keeps their parts, and bills them, until somebody ends them.
//! `OpenDAL` ends those that it began; it has no way to list the others.
//!
//! Azure drops uncommitted blocks after a week by itself, and so does Google with resumable sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use opendal::raw::Operation;
use opendal::{Buffer, HttpTransporter, Operator};
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, Credential, DefaultCredentialProvider, RequestSigner,
    StaticCredentialProvider,
};
use reqsign_core::{Context, OsEnv, ProvideCredentialChain, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use serde::Deserialize;

use crate::blob::Error;
use crate::config::{Backend, Storage};
use crate::oci::UploadId;

/// The open multipart uploads of a bucket.
#[derive(Debug)]
pub(super) struct Multiparts {
    /// Without layers, to ask how the bucket is reached.
    operator: Operator,
    credentials: Credentials,
}

/// The settings that name credentials.
struct Credentials {
    options: BTreeMap<String, String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// Where the bucket is, as `OpenDAL` has worked it out.
struct Bucket {
    url: String,
    /// What stands before each key.
    root: String,
    signer: Signer<Credential>,
    http: HttpTransporter,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(default, rename = "Upload")]
    uploads: Vec<OpenMultipart>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
}

/// A multipart upload that was begun and has not ended.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OpenMultipart {
    key: String,
    #[serde(rename = "UploadId")]
    id: String,
}

impl OpenMultipart {
    /// The upload whose object it should become.
    #[must_use]
    pub fn upload(&self) -> Option<UploadId> {
        // ROOT/blobs/UPLOAD/OFFSET.NONCE
        self.key.rsplit('/').nth(1)?.parse().ok()
    }
}

impl Multiparts {
    /// None where there are none, or nothing is signed.
    pub(super) fn open(config: &Storage) -> Result<Option<Self>, Error> {
        let is_signed = !["skip_signature", "allow_anonymous"]
            .iter()
            .any(|key| config.options.get(*key).is_some_and(|value| value == "true"));
        if config.backend != Backend::S3 || !is_signed {
            return Ok(None);
        }
        let operator = super::open::bare(config.backend, &config.options)?;
        let credentials = Credentials { options: config.options.clone() };
        Ok(Some(Self { operator, credentials }))
    }

    /// Those below our prefix.
    pub(super) async fn list(&self) -> Result<Vec<OpenMultipart>, Error> {
        let bucket = self.bucket().await?;
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let mut listing = bucket.list(after.as_ref()).await?;
            found.append(&mut listing.uploads);
            if !listing.is_truncated {
                return Ok(found);
            }
            after = Some((listing.next_key_marker, listing.next_upload_id_marker));
        }
    }

    /// Ends one, which may have ended meanwhile.
    pub(super) async fn end(&self, multipart: &OpenMultipart) -> Result<(), Error> {
        self.bucket().await?.end(multipart).await
    }

    /// A signed request tells the bucket's URL (which depends on style, region and environment), its root and its region.
    async fn bucket(&self) -> Result<Bucket, Error> {
        const NAME: &str = "x";
        let signed = self.operator.presign_read(NAME, Duration::from_mins(1)).await?;
        let uri = signed.uri();
        let root = self.operator.info().root().trim_matches('/').to_owned();
        let root = if root.is_empty() { root } else { format!("{root}/") };
        let path = uri.path().strip_suffix(NAME).unwrap_or(uri.path());
        // The root is encoded in the path: as many segments are cut off as it has.
        let mut path = path.trim_end_matches('/');
        for _ in root.trim_end_matches('/').split('/').filter(|segment| !segment.is_empty()) {
            path = path.rsplit_once('/').map_or("", |(before, _)| before);
        }
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let scheme = uri.scheme_str().unwrap_or("https");
        let query = uri.query().unwrap_or_default();
        // X-Amz-Credential=KEY/DATE/REGION/s3/aws4_request
        let scope = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="));
        let scope = scope.unwrap_or_default().replace("%2F", "/");
        let region = scope.rsplit('/').nth(2).unwrap_or("us-east-1");
        let http = HttpTransporter::default();
        Ok(Bucket {
            url: format!("{scheme}://{authority}{path}"),
            root,
            signer: self.credentials.signer(region, &http),
            http,
        })
    }
}

impl Credentials {
    fn get(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same sources in the same order as `OpenDAL` has them.
    fn signer(&self, region: &str, http: &HttpTransporter) -> Signer<Credential> {
        let context = Context::new()
            .with_file_read(TokioFileRead)
            .with_env(OsEnv)
            .with_http_send(http.clone());
        let is_on = |name| self.get(name) == Some("true");
        let mut defaults = DefaultCredentialProvider::builder();
        if is_on("disable_config_load") {
            defaults = defaults.no_env().no_profile();
        } else if let Some(profile) = self.get("profile") {
            defaults = defaults.with_profile(profile);
        }
        if is_on("disable_ec2_metadata") {
            defaults = defaults.no_imds();
        }
        let mut chain = ProvideCredentialChain::new().push(defaults.build());
        if let (Some(key), Some(secret)) =
            (self.get("access_key_id"), self.get("secret_access_key"))
        {
            let fixed = StaticCredentialProvider::new(key, secret);
            chain = chain.push_front(match self.get("session_token") {
                Some(token) => fixed.with_session_token(token),
                None => fixed,
            });
        }
        if let Some(role) = self.get("role_arn") {
            let sts = Signer::new(context.clone(), chain, RequestSigner::new("sts", region));
            let mut assumed = AssumeRoleCredentialProvider::new(role.to_owned(), sts)
                .with_region(region.to_owned())
                .with_regional_sts_endpoint();
            if let Some(id) = self.get("external_id") {
                assumed = assumed.with_external_id(id.to_owned());
            }
            if let Some(name) = self.get("role_session_name") {
                assumed = assumed.with_role_session_name(name.to_owned());
            }
            chain = ProvideCredentialChain::new().push(assumed);
        }
        Signer::new(context, chain, RequestSigner::new("s3", region))
    }
}

impl Bucket {
    /// Open multipart uploads of blobs, those behind `after`.
    async fn list(&self, after: Option<&(String, String)>) -> Result<Listing, Error> {
        let prefix = encode(&format!("{}blobs/", self.root));
        let mut query = format!("uploads&prefix={prefix}");
        if let Some((key, id)) = after {
            let (key, id) = (encode(key), encode(id));
            query = format!("{query}&key-marker={key}&upload-id-marker={id}");
        }
        let body = self.send(http::Method::GET, &format!("{}?{query}", self.url)).await?;
        quick_xml::de::from_str(&body).map_err(|error| {
            let what = format!("a list of multipart uploads cannot be read: {error}");
            opendal::Error::new(opendal::ErrorKind::Unexpected, what).into()
        })
    }

    async fn end(&self, upload: &OpenMultipart) -> Result<(), Error> {
        let key: Vec<String> = upload.key.split('/').map(encode).collect();
        let url = format!("{}/{}?uploadId={}", self.url, key.join("/"), encode(&upload.id));
        self.send(http::Method::DELETE, &url).await.map(drop)
    }

    async fn send(&self, method: http::Method, url: &str) -> Result<String, Error> {
        let unexpected = |what: String| opendal::Error::new(opendal::ErrorKind::Unexpected, what);
        let request = http::Request::builder()
            .method(method.clone())
            .uri(url)
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .body(())
            .map_err(|error| unexpected(error.to_string()))?;
        let (mut parts, ()) = request.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| unexpected(error.to_string()))?;
        // The client sets it, as the version of HTTP wants it.
        parts.headers.remove(http::header::HOST);
        parts.extensions.insert(Operation::List);
        let answer = self.http.send(http::Request::from_parts(parts, Buffer::new())).await?;
        let status = answer.status();
        let body = String::from_utf8_lossy(&answer.into_body().to_vec()).into_owned();
        // One that has ended meanwhile is not there any more.
        if status.is_success()
            || (method == http::Method::DELETE && status == http::StatusCode::NOT_FOUND)
        {
            return Ok(body);
        }
        let kind = match status {
            http::StatusCode::FORBIDDEN => opendal::ErrorKind::PermissionDenied,
            _ => opendal::ErrorKind::Unexpected,
        };
        Err(opendal::Error::new(kind, body.chars().take(500).collect::<String>()).into())
    }
}

fn encode(text: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(text, PLAIN).to_string()
}
