//! Pulls that clients make from the bucket itself, with a signed link: which they are, and how the link is made.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use opendal::Operator;
use reqsign_azure_storage::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};

use super::object::bare_operator;
use super::{Error, Location};
use crate::config::{Backend, RedirectRule, Storage};
use crate::secret::Secret;

/// Who asks for a blob.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The client's address.
    pub address: IpAddr,
    /// What it calls itself.
    pub client: Option<&'a str>,
    /// The blob's size.
    pub size: u64,
}

/// The rules, and what signs.
#[derive(Debug)]
pub(super) struct Links {
    rules: Vec<RedirectRule>,
    lifetime: Duration,
    by: By,
}

#[derive(Debug)]
enum By {
    OpenDal(Operator),
    /// `OpenDAL` would sign links with which a client can write.
    Azure(Box<Azure>),
}

impl Links {
    /// None if no rule redirects.
    pub(super) fn open(config: &Storage) -> Result<Option<Self>, Error> {
        let redirect = &config.redirect;
        if !redirect.rules.iter().any(|rule| rule.redirect) {
            return Ok(None);
        }
        let mut options = config.options.clone();
        if let Some(endpoint) = &redirect.public_endpoint {
            options.insert("endpoint".into(), endpoint.trim_end_matches('/').to_owned());
        }
        let by = match config.backend {
            Backend::Azblob => By::Azure(Box::new(Azure::open(&options)?)),
            backend => {
                if backend == Backend::Gcs
                    && ["credential", "credential_path"]
                        .iter()
                        .any(|key| options.contains_key(*key))
                {
                    // Only the key of a service account can sign; a token stands in its way.
                    for unsigned in ["token", "allow_anonymous", "skip_signature"] {
                        options.remove(unsigned);
                    }
                }
                By::OpenDal(bare_operator(backend, &options)?)
            }
        };
        Ok(Some(Self { rules: redirect.rules.clone(), lifetime: redirect.lifetime.get(), by }))
    }

    /// Whether the first rule that fits sends this pull to the bucket.
    pub(super) fn wants(&self, asker: &Asker<'_>) -> bool {
        self.rules.iter().find(|rule| fits(rule, asker)).is_some_and(|rule| rule.redirect)
    }

    /// A link for reading one object, which is as good as a password while it lasts.
    pub(super) async fn link(&self, location: &Location) -> Result<Secret<String>, Error> {
        match &self.by {
            By::OpenDal(operator) => {
                let signed = operator.presign_read(location.as_str(), self.lifetime).await?;
                Ok(Secret::new(signed.uri().to_string()))
            }
            By::Azure(azure) => azure.link(location, self.lifetime).await,
        }
    }
}

fn fits(rule: &RedirectRule, asker: &Asker<'_>) -> bool {
    // One of IPv4 that came in through a socket for both is one of IPv4.
    let address = asker.address.to_canonical();
    (rule.addresses.is_empty() || rule.addresses.iter().any(|network| network.contains(&address)))
        && rule.min_size.is_none_or(|least| asker.size >= least.get())
        && rule.client.as_ref().is_none_or(|pattern| {
            matches(
                pattern.to_ascii_lowercase().as_bytes(),
                asker.client.unwrap_or_default().to_ascii_lowercase().as_bytes(),
            )
        })
}

/// Whether a text is like a pattern in which `*` stands for anything.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where the last star stood, and how much it has swallowed.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((stood, swallowed)) = star else { return false };
                star = Some((stood, swallowed + 1));
                (at, seen) = (stood + 1, swallowed + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Links with a shared access signature of one blob, for reading only.
#[derive(Debug)]
struct Azure {
    signer: Signer<Credential>,
    endpoint: String,
    /// The container and what stands before each key, encoded, with a slash at both ends.
    path: String,
}

impl Azure {
    fn open(options: &BTreeMap<String, String>) -> Result<Self, Error> {
        let get = |name: &str| options.get(name).map(String::as_str).unwrap_or_default();
        let endpoint = get("endpoint").trim_end_matches('/').to_owned();
        let host = endpoint.split("://").nth(1).unwrap_or_default();
        let account = match get("account_name") {
            "" => host.split('.').next().unwrap_or_default(),
            account => account,
        };
        if get("account_key").is_empty() || account.is_empty() {
            let what = "redirects to Azure need `account_name` and `account_key` in `storage.options`: a role or a SAS token cannot sign links";
            return Err(opendal::Error::new(opendal::ErrorKind::ConfigInvalid, what).into());
        }
        let provider = StaticCredentialProvider::new_shared_key(account, get("account_key"));
        let signs = RequestSigner::new().with_service_sas_permissions("r");
        let segments = [get("container"), get("root")].map(|part| part.trim_matches('/'));
        let segments: Vec<String> = segments
            .iter()
            .flat_map(|part| part.split('/'))
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            })
            .collect();
        Ok(Self {
            signer: Signer::new(Context::new(), provider, signs),
            endpoint,
            path: format!("/{}/", segments.join("/")),
        })
    }

    async fn link(&self, location: &Location, lifetime: Duration) -> Result<Secret<String>, Error> {
        let failed = |what: String| opendal::Error::new(opendal::ErrorKind::Unexpected, what);
        // The host is not signed, and an endpoint whose path holds the account would mislead the signer.
        let path = format!("{}{}", self.path, location.as_str());
        let request = http::Request::get(format!("https://blob.invalid{path}")).body(());
        let (mut parts, ()) = request.map_err(|error| failed(error.to_string()))?.into_parts();
        let signed = self.signer.sign(&mut parts, Some(lifetime)).await;
        signed.map_err(|error| failed(error.to_string()))?;
        let query = parts.uri.query().unwrap_or_default();
        Ok(Secret::new(format!("{}{path}?{query}", self.endpoint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ByteSize;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [
            ("*", ""),
            ("docker/*", "docker/28.0 go/1.24"),
            ("*containerd*", "nerdctl containerd/2"),
            ("a*b*c", "aXbXbc"),
            ("", ""),
        ] {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in [("docker/*", "skopeo/1"), ("", "x"), ("a*b", "aXc"), ("a", "ab")] {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rule = |redirect| RedirectRule {
            addresses: Vec::new(),
            min_size: None,
            client: None,
            redirect,
        };
        let mut inside = rule(false);
        inside.addresses = vec!["10.0.0.0/8".parse().unwrap()];
        let mut old = rule(false);
        old.client = Some("Old/*".into());
        let mut large = rule(true);
        large.min_size = Some(ByteSize::bytes(1000));
        let options = [("bucket", "b"), ("region", "r"), ("endpoint", "http://127.0.0.1:1")];
        let mut config = Storage { backend: Backend::S3, ..Storage::default() };
        config.options =
            options.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        config.redirect.rules = vec![inside, old, large];
        let links = Links::open(&config).unwrap().unwrap();
        for (address, client, size, sent) in [
            ("10.1.2.3", None, 5000, false),
            ("::ffff:10.1.2.3", None, 5000, false),
            ("192.0.2.1", None, 5000, true),
            ("192.0.2.1", None, 999, false),
            ("192.0.2.1", Some("old/1"), 5000, false),
            ("192.0.2.1", Some("new/1"), 1000, true),
        ] {
            let asker = Asker { address: address.parse().unwrap(), client, size };
            assert_eq!(links.wants(&asker), sent, "{asker:?}");
        }
        config.redirect.rules.pop();
        assert!(Links::open(&config).unwrap().is_none(), "no rule redirects");
    }
}
