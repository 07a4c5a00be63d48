//! Whether the bucket can do what is needed: tried, not asked.

use bytes::Bytes;
use futures::TryStreamExt as _;
use opendal::{Buffer, HttpTransporter};

use super::ObjectStore;
use crate::blob::Error;
use crate::blob::bucket_error::NO_SUCH_BUCKET;
use crate::secret::random_text;

/// Something that the bucket cannot do.
#[derive(Debug)]
pub struct Finding {
    /// What was tried.
    pub step: &'static str,
    /// Whether Berth cannot work without it.
    pub is_fatal: bool,
    /// What came of it, and what to do.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.step, self.what)
    }
}

const TEXT: &[u8] = b"Berth tries what this bucket can do.";

/// The first of two pieces; S3 takes nothing shorter.
const PIECE: usize = 5 << 20;

impl ObjectStore {
    /// Tries each thing that Berth needs, on objects below `berth-check/`, and removes them again.
    pub(in crate::blob) async fn check(&self) -> Vec<Finding> {
        let prefix = format!("berth-check/{}/", random_text(9));
        let (small, large) = (format!("{prefix}small"), format!("{prefix}large"));
        let mut findings = Vec::new();
        let fatal = |step: &'static str, result: Result<(), Error>| {
            result.err().map(|error| Finding { step, is_fatal: true, what: error.to_string() })
        };
        // Without it nothing else can be tried.
        if let Err(error) = self.write(&small, Bytes::from_static(TEXT)).await {
            let what = match &error {
                // Not every provider says what it is that is not there.
                Error::Bucket(bucket) if bucket.is_missing() => {
                    format!("{NO_SUCH_BUCKET} ({error})")
                }
                _ => error.to_string(),
            };
            return vec![Finding { step: "write an object", is_fatal: true, what }];
        }
        findings.extend(fatal("read a part of it", self.try_read(&small).await));
        findings.extend(fatal("list", self.try_list(&prefix, &small).await));
        findings.extend(fatal("write an object in parts", self.try_parts(&large).await));
        if let Some(multiparts) = &self.multiparts
            && let Err(error) = multiparts.list().await
        {
            let what = format!(
                "{error}; what a crash leaves of uploads stays in the bucket until a lifecycle rule ends incomplete multipart uploads"
            );
            findings.push(Finding { step: "list multipart uploads", is_fatal: false, what });
        }
        findings.extend(self.try_link(&small).await);
        for key in [small, large] {
            let deleted = self.operator.delete(&key).await.map_err(Error::from);
            findings.extend(fatal("delete an object", deleted));
        }
        // One word for each right that is missing.
        findings.dedup_by(|a, b| a.step == b.step);
        findings
    }

    async fn try_read(&self, key: &str) -> Result<(), Error> {
        let range = 6..11;
        let expected = &TEXT[6..11];
        let found = self.operator.read_with(key).range(range).await?.to_vec();
        let size = self.operator.stat(key).await?.content_length();
        if found == expected && size == TEXT.len() as u64 {
            return Ok(());
        }
        let what = format!("{} bytes of {size} came back, not 5 of {}", found.len(), TEXT.len());
        Err(opendal::Error::new(opendal::ErrorKind::Unexpected, what).into())
    }

    async fn try_list(&self, prefix: &str, key: &str) -> Result<(), Error> {
        let mut entries = self.operator.lister(prefix).await?;
        while let Some(entry) = entries.try_next().await? {
            if entry.path() == key && entry.metadata().content_length() == TEXT.len() as u64 {
                return Ok(());
            }
        }
        let what = "an object that was just written is not listed";
        Err(opendal::Error::new(opendal::ErrorKind::Unexpected, what).into())
    }

    async fn try_parts(&self, key: &str) -> Result<(), Error> {
        let _room = self.buffers.take(2 * PIECE).await?;
        let mut writer = self.writer(key).await?;
        let size = PIECE as u64 + 1;
        let written = async {
            writer.write(Bytes::from(vec![0; PIECE])).await?;
            writer.write(Bytes::from_static(b"!")).await?;
            self.close(&mut writer, key, size).await
        }
        .await;
        if written.is_err() {
            let _ = writer.abort().await;
        }
        written
    }

    /// Makes a link as clients get it and follows it. That Berth cannot reach the public endpoint says little: clients may.
    async fn try_link(&self, key: &str) -> Option<Finding> {
        let links = self.links()?;
        let step = "redirect a pull";
        let link = match links.link(&crate::meta::Location::new(key)).await {
            Ok(link) => link,
            Err(error) => return Some(Finding { step, is_fatal: true, what: error.to_string() }),
        };
        let request = http::Request::get(link.expose()).header("range", "bytes=6-10");
        let request = match request.body(Buffer::new()) {
            Ok(request) => request,
            Err(error) => return Some(Finding { step, is_fatal: true, what: error.to_string() }),
        };
        match HttpTransporter::default().send(request).await {
            Ok(answer) if answer.status() == http::StatusCode::PARTIAL_CONTENT => None,
            Ok(answer) => {
                let status = answer.status();
                let said = String::from_utf8_lossy(&answer.into_body().to_vec()).into_owned();
                let what = format!(
                    "a signed link was answered with {status}, not with 206: is `storage.redirect.public_endpoint` the same bucket? {}",
                    super::super::bucket_error::without_secrets(
                        &said.chars().take(300).collect::<String>()
                    )
                );
                Some(Finding { step, is_fatal: true, what })
            }
            Err(_) => {
                let what = "`storage.redirect.public_endpoint` cannot be reached from here; clients must be able to".to_owned();
                Some(Finding { step, is_fatal: false, what })
            }
        }
    }
}
