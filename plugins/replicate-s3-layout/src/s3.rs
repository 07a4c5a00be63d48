//! Requests to a bucket, signed with Signature Version 4.

use std::fmt::Write as _;
use std::io::Read as _;

use berth_plugin::http::{Request, Response};
use berth_plugin::stream::Reader;
use berth_plugin::{Error, InputStream, clock, config};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// More than a list of 1,000 objects.
const LARGEST_LIST: usize = 4 << 20;

/// A bucket, and who we are there.
pub struct Bucket {
    endpoint: String,
    host: String,
    name: String,
    region: String,
    prefix: String,
    key_id: String,
    secret: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// A path as it is signed and sent: all but letters, digits, `-._~` and `/` is encoded.
fn encode(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// `20261125T120000Z` of seconds since 1970.
fn stamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // From days to a date of the Gregorian calendar, by eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

impl Bucket {
    /// The one that the settings name.
    pub fn open() -> Result<Self, Error> {
        let setting = |key: &str| {
            config::get(key).ok_or_else(|| Error::Invalid(format!("`{key}` is not set")))
        };
        let endpoint = setting("endpoint")?.trim_end_matches('/').to_owned();
        let host = endpoint.split("://").nth(1).unwrap_or_default().to_owned();
        Ok(Self {
            host,
            endpoint,
            name: setting("bucket")?,
            region: config::get("region").unwrap_or_else(|| "us-east-1".into()),
            prefix: config::get("prefix").unwrap_or_default(),
            key_id: config::secret("access-key-id")?.trim().to_owned(),
            secret: config::secret("secret-access-key")?.trim().to_owned(),
        })
    }

    /// A signed request for an object; `hash` is the SHA-256 of its body.
    fn request(&self, method: &str, key: &str, hash: &str) -> Request {
        self.query(method, &format!("/{}/{}{key}", self.name, self.prefix), &[], hash)
    }

    /// A signed request with a query, whose names stand in their order.
    fn query(&self, method: &str, path: &str, query: &[(&str, &str)], hash: &str) -> Request {
        let path = encode(path);
        let pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value).replace('/', "%2F")))
            .collect();
        let query = pairs.join("&");
        let stamp = stamp(clock::now().as_secs());
        let date = &stamp[..8];
        let signed = "host;x-amz-content-sha256;x-amz-date";
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{}\nx-amz-content-sha256:{hash}\nx-amz-date:{stamp}\n\n{signed}\n{hash}",
            self.host
        );
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let text = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            hex(&Sha256::digest(canonical.as_bytes()))
        );
        let mut signing = mac(format!("AWS4{}", self.secret).as_bytes(), date);
        for part in [self.region.as_str(), "s3", "aws4_request"] {
            signing = mac(&signing, part);
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={signed},Signature={}",
            self.key_id,
            hex(&mac(&signing, &text))
        );
        let mark = if query.is_empty() { "" } else { "?" };
        Request::new(method, format!("{}{path}{mark}{query}", self.endpoint))
            .header("x-amz-content-sha256", hash)
            .header("x-amz-date", stamp)
            .header("authorization", authorization)
    }

    /// Whether an object is there.
    pub fn has(&self, key: &str) -> Result<bool, Error> {
        let answer = self.request("HEAD", key, &hex(&Sha256::digest([]))).send()?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            // The answer to `HEAD` does not say why.
            _ => {
                let request = self.request("GET", key, &hex(&Sha256::digest([])));
                Err(failure(request.header("range", "bytes=0-0").send()?, key))
            }
        }
    }

    /// An object, if it is there.
    pub fn get(&self, key: &str, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.request("GET", key, &hex(&Sha256::digest([]))).send()?;
        match answer.status {
            200 => answer.read_all(most).map(Some),
            404 => Ok(None),
            _ => Err(failure(answer, key)),
        }
    }

    /// Puts a small object.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let request = self.request("PUT", key, &hex(&Sha256::digest(bytes)));
        done(request.body(bytes).send()?, key)
    }

    /// Puts what a stream gives; without its hash, only the head of the request is signed.
    pub fn put_stream(
        &self,
        key: &str,
        content: InputStream,
        size: u64,
        hash: Option<&str>,
    ) -> Result<(), Error> {
        let request = self.request("PUT", key, hash.unwrap_or("UNSIGNED-PAYLOAD"));
        done(request.stream(content, Some(size)).send()?, key)
    }

    /// Keys that begin so, without the bucket's prefix.
    pub fn list(&self, begin: &str) -> Result<Vec<String>, Error> {
        let (begin, mut token) = (format!("{}{begin}", self.prefix), String::new());
        let mut keys = Vec::new();
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", begin.as_str())];
            if !token.is_empty() {
                query.insert(0, ("continuation-token", token.as_str()));
            }
            let answer = self.asks_bucket(&query)?;
            let own = |key: String| key.strip_prefix(&self.prefix).map(str::to_owned);
            keys.extend(elements(&answer, "Key").filter_map(own));
            match elements(&answer, "NextContinuationToken").next() {
                Some(next) if !next.is_empty() => token = next,
                _ => return Ok(keys),
            }
        }
    }

    fn asks_bucket(&self, query: &[(&str, &str)]) -> Result<String, Error> {
        let path = format!("/{}", self.name);
        let answer = self.query("GET", &path, query, &hex(&Sha256::digest([]))).send()?;
        match answer.status {
            200 => Ok(String::from_utf8_lossy(&answer.read_all(LARGEST_LIST)?).into_owned()),
            _ => Err(failure(answer, "listing the bucket")),
        }
    }

    /// Puts what a stream gives in parts, each signed with its hash.
    pub fn put_parts(
        &self,
        key: &str,
        content: InputStream,
        size: u64,
        part: u64,
    ) -> Result<(), Error> {
        self.abort_leftovers(key)?;
        let path = format!("/{}/{}{key}", self.name, self.prefix);
        let empty = hex(&Sha256::digest([]));
        let begun = self.query("POST", &path, &[("uploads", "")], &empty);
        let begun = begun.body(Vec::new()).send()?;
        if begun.status != 200 {
            return Err(failure(begun, key));
        }
        let begun = begun.read_all(LARGEST_LIST)?;
        let id = elements(&String::from_utf8_lossy(&begun), "UploadId").next();
        let id = id.ok_or_else(|| Error::Unavailable(format!("{key}: the upload has no name")))?;
        let sent = self.send_parts(&path, &id, content, size, part);
        if sent.is_err() {
            // What is not finished is paid for. If this fails as well, the next attempt sees it.
            let _ = self.query("DELETE", &path, &[("uploadId", &id)], &empty).send();
        }
        sent.map_err(|error| match error {
            Error::Unavailable(what) => Error::Unavailable(format!("{key}: {what}")),
            other => other,
        })
    }

    fn send_parts(
        &self,
        path: &str,
        id: &str,
        content: InputStream,
        size: u64,
        part: u64,
    ) -> Result<(), Error> {
        let mut content = Reader::new(content);
        let mut list = String::from("<CompleteMultipartUpload>");
        let (mut left, mut number) = (size, 0_u32);
        while left > 0 {
            let length = left.min(part);
            number += 1;
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
            content
                .read_exact(&mut bytes)
                .map_err(|error| Error::Unavailable(format!("the blob broke off: {error}")))?;
            let hash = hex(&Sha256::digest(&bytes));
            let named = number.to_string();
            let query = [("partNumber", named.as_str()), ("uploadId", id)];
            let answer = self.query("PUT", path, &query, &hash).body(bytes).send()?;
            let tag = answer.header("etag").unwrap_or_default().replace('"', "");
            if !(200..300).contains(&answer.status) || tag.is_empty() {
                return Err(failure(answer, &format!("part {number}")));
            }
            let _ = write!(
                list,
                "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{tag}&quot;</ETag></Part>"
            );
            left -= length;
        }
        list += "</CompleteMultipartUpload>";
        let hash = hex(&Sha256::digest(list.as_bytes()));
        let answer = self.query("POST", path, &[("uploadId", id)], &hash).body(list).send()?;
        if answer.status != 200 {
            return Err(failure(answer, "the upload's end"));
        }
        // It answers 200 before it knows how it ends.
        let said = answer.read_all(LARGEST_LIST)?;
        let said = String::from_utf8_lossy(&said);
        match elements(&said, "Code").next() {
            Some(code) => Err(Error::Unavailable(format!("the upload's end: {code}"))),
            None => Ok(()),
        }
    }

    /// Ends what a call that was cut off has begun.
    fn abort_leftovers(&self, key: &str) -> Result<(), Error> {
        let whole = format!("{}{key}", self.prefix);
        let known = self.asks_bucket(&[("prefix", &whole), ("uploads", "")])?;
        for upload in elements(&known, "Upload") {
            let part = |name: &str| elements(&upload, name).next();
            let (Some(key), Some(id)) = (part("Key"), part("UploadId")) else { continue };
            if key != whole {
                continue;
            }
            let path = format!("/{}/{whole}", self.name);
            let empty = hex(&Sha256::digest([]));
            let answer = self.query("DELETE", &path, &[("uploadId", &id)], &empty).send()?;
            if answer.status != 404 {
                done(answer, &key)?;
            }
        }
        Ok(())
    }

    /// Removes an object; one that is not there is no error.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        let answer = self.request("DELETE", key, &hex(&Sha256::digest([]))).send()?;
        if answer.status == 404 { Ok(()) } else { done(answer, key) }
    }
}

/// What stands in elements of this name.
fn elements<'t>(text: &'t str, name: &str) -> impl Iterator<Item = String> + use<'t> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&open)?;
        let (inside, after) = after.split_once(&close)?;
        rest = after;
        Some(inside)
    })
    .map(|inside| {
        // Elements within it have their own turn.
        if inside.contains('<') {
            return inside.to_owned();
        }
        let plain = inside.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        plain.replace("&apos;", "'").replace("&#39;", "'").replace("&amp;", "&")
    })
}

fn done(answer: Response, key: &str) -> Result<(), Error> {
    match answer.status {
        200..=299 => Ok(()),
        _ => Err(failure(answer, key)),
    }
}

fn failure(answer: Response, key: &str) -> Error {
    let status = answer.status;
    let body = answer.read_all(64 << 10).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let part = |name: &str| {
        let rest = body.split_once(&format!("<{name}>"))?.1;
        Some(rest.split('<').next()?.chars().take(300).collect::<String>())
    };
    let said = [part("Code"), part("Message")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let text = format!("{key}: the service answers {status} {said}");
    match status {
        403 => Error::Denied(text),
        404 => Error::NotFound(text),
        400..=428 => Error::Invalid(text),
        _ => Error::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_paths_are_written_as_they_are_signed() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_608_000, "20261125T120000Z"),
            (4_107_542_399, "21000228T235959Z"),
        ] {
            assert_eq!(stamp(seconds), text);
        }
        assert_eq!(encode("/a b/c+d~e.f"), "/a%20b/c%2Bd~e.f");
    }

    #[test]
    fn answers_are_read_by_the_names_of_elements() {
        let text = "<A><Upload><Key>a&amp;b</Key></Upload><Upload><Key>c</Key></Upload></A>";
        assert_eq!(elements(text, "Key").collect::<Vec<_>>(), ["a&b", "c"]);
        assert_eq!(elements(text, "Upload").next().unwrap(), "<Key>a&amp;b</Key>");
        assert_eq!(elements(text, "Code").next(), None);
    }
}
