//! Registries that are not Berth: what others do, by mistake, by habit or on purpose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use berth::remote::transfer::Blob as Wanted;
use berth::remote::{Credentials, Error, Options, Remote, Repository, RetryPolicy};
use berth::secret::Secret;
use futures::StreamExt as _;
use parking_lot::Mutex;

use crate::support::Blob;

/// A registry that answers as the test says, and remembers what it was asked.
struct Stranger {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: HeaderMap,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Stranger {
    /// `answer` is given the path with its query, the headers, and how many requests came before.
    async fn answering(
        answer: impl Fn(&str, &HeaderMap, usize) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback({
            let asked = Arc::clone(&asked);
            move |request: Request| async move {
                let path = request.uri().path_and_query().unwrap().to_string();
                let headers = request.headers().clone();
                let mut asked = asked.lock();
                asked.push(Asked { path: path.clone(), headers: headers.clone() });
                answer(&path, &headers, asked.len() - 1)
            }
        });
        tokio::spawn(async move { serve(listener, router).await });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    fn repository(&self) -> Repository {
        let retry = RetryPolicy {
            tries: 3,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_secs(2),
            gives_way: false,
        };
        let options = Options { retry, ..Options::default() };
        let credentials = Credentials::Password {
            username: "ann".into(),
            password: Secret::new("open sesame".into()),
        };
        let registry = self.address.to_string().parse().unwrap();
        let remote = Remote::new(registry, Some(credentials), &options).unwrap();
        remote.repository("team/app".parse().unwrap())
    }
}

async fn serve(listener: tokio::net::TcpListener, router: Router) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let stream = hyper_util::rt::TokioIo::new(stream);
            let _ =
                hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
        });
    }
}

async fn read(repository: &Repository, blob: &Blob, from: u64) -> Result<Vec<u8>, Error> {
    let wanted = Wanted { digest: blob.digest.clone(), size: blob.bytes.len() as u64 };
    let mut stream = repository.read_blob(&wanted, from);
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

fn challenge(realm: &str) -> Response {
    let header = format!(r#"Bearer realm="{realm}",service="s",scope="repository:team/app:pull""#);
    (StatusCode::UNAUTHORIZED, [("www-authenticate", header)]).into_response()
}

#[tokio::test]
async fn wrong_bytes_never_come_to_an_end_that_looks_right() {
    let blob = Blob::random(1 << 20, 1);
    let mut wrong = blob.bytes.clone();
    wrong[700_000] ^= 1;
    let stranger = Stranger::answering(move |_, _, _| wrong.clone().into_response()).await;
    let repository = stranger.repository();
    let wanted = Wanted { digest: blob.digest.clone(), size: blob.bytes.len() as u64 };
    let mut stream = repository.read_blob(&wanted, 0);
    let mut got = 0;
    let error = loop {
        match stream.next().await.expect("it ends in an error") {
            Ok(piece) => got += piece.len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    assert!(got < blob.bytes.len(), "the last piece was held back");
}

#[tokio::test]
async fn more_or_fewer_bytes_than_promised_are_refused() {
    let blob = Blob::random(1 << 20, 1);
    for size in [blob.bytes.len() - 1, blob.bytes.len() + 1] {
        let mut other = blob.bytes.clone();
        other.resize(size, 0);
        let stranger = Stranger::answering(move |_, _, _| {
            // Without a length, it shows only at the end.
            Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(other.clone())]))
                .into_response()
        })
        .await;
        let error = read(&stranger.repository(), &blob, 0).await.unwrap_err();
        assert!(!matches!(error, Error::DigestMismatch { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_registry_without_ranges_is_read_all_the_same() {
    let blob = Blob::random(1 << 20, 1);
    let bytes = blob.bytes.clone();
    let stranger = Stranger::answering(move |_, _, _| bytes.clone().into_response()).await;
    let rest = read(&stranger.repository(), &blob, 1_000_000).await.unwrap();
    assert!(rest == blob.bytes[1_000_000..]);
    assert_eq!(stranger.asked()[0].header("range"), Some("bytes=1000000-"));
}

#[tokio::test]
async fn another_part_than_was_asked_for_is_refused() {
    let blob = Blob::random(1_000, 1);
    let bytes = blob.bytes.clone();
    let stranger = Stranger::answering(move |_, _, _| {
        (
            StatusCode::PARTIAL_CONTENT,
            [("content-range", "bytes 0-499/1000")],
            bytes[..500].to_vec(),
        )
            .into_response()
    })
    .await;
    let error = read(&stranger.repository(), &blob, 500).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn a_registry_that_asks_for_patience_gets_it() {
    let blob = Blob::random(1_000, 1);
    let bytes = blob.bytes.clone();
    let stranger = Stranger::answering(move |_, _, before| match before {
        0 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        1 => StatusCode::BAD_GATEWAY.into_response(),
        _ => bytes.clone().into_response(),
    })
    .await;
    let began = std::time::Instant::now();
    assert!(read(&stranger.repository(), &blob, 0).await.unwrap() == blob.bytes);
    assert!(began.elapsed() >= Duration::from_secs(1), "it was as long as was asked for");
    let always = Stranger::answering(|_, _, _| StatusCode::BAD_GATEWAY.into_response()).await;
    let error = read(&always.repository(), &blob, 0).await.unwrap_err();
    assert!(matches!(error, Error::Server { status: 502, .. }), "{error}");
    assert_eq!(always.asked().len(), 3);
}

#[tokio::test]
async fn what_is_final_is_not_asked_twice() {
    let blob = Blob::random(1_000, 1);
    for (status, matches) in [
        (
            StatusCode::NOT_FOUND,
            (|error| matches!(error, Error::BlobUnknown { .. })) as fn(&Error) -> bool,
        ),
        (StatusCode::FORBIDDEN, |error| matches!(error, Error::Denied { .. })),
        (StatusCode::UNAUTHORIZED, |error| matches!(error, Error::Unauthorized { .. })),
    ] {
        let stranger = Stranger::answering(move |_, _, _| status.into_response()).await;
        let error = read(&stranger.repository(), &blob, 0).await.unwrap_err();
        assert!(matches(&error), "{error}");
        assert_eq!(stranger.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_credentials() {
    let blob = Blob::random(1_000, 1);
    let bytes = blob.bytes.clone();
    let storage = Stranger::answering(move |_, _, _| bytes.clone().into_response()).await;
    let target = format!("http://{}/bucket/x?signature=abc", storage.address);
    let stranger = Stranger::answering(move |path, headers, _| {
        if path.starts_with("/token") {
            return r#"{"token":"t0ken","expires_in":300}"#.into_response();
        }
        if headers.get("authorization").is_none_or(|value| value != "Bearer t0ken") {
            return challenge(&format!("http://{}/token", headers["host"].to_str().unwrap()));
        }
        (StatusCode::TEMPORARY_REDIRECT, [("location", target.clone())]).into_response()
    })
    .await;
    assert!(read(&stranger.repository(), &blob, 0).await.unwrap() == blob.bytes);
    let asked = storage.asked();
    assert_eq!((asked.len(), asked[0].header("authorization")), (1, None));
    assert_eq!(asked[0].path, "/bucket/x?signature=abc");
    let token = stranger.asked().into_iter().find(|one| one.path.starts_with("/token")).unwrap();
    assert!(token.header("authorization").unwrap().starts_with("Basic "));
    assert!(
        token.path.contains("service=s&scope=repository%3Ateam%2Fapp%3Apull"),
        "{}",
        token.path
    );
}

#[tokio::test]
async fn one_token_serves_many_requests_and_a_stale_one_is_replaced() {
    let blob = Blob::random(1_000, 1);
    let bytes = blob.bytes.clone();
    let revoked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stranger = Stranger::answering({
        let revoked = Arc::clone(&revoked);
        move |path, headers, _| {
            let revoked = revoked.load(std::sync::atomic::Ordering::SeqCst);
            let good = if revoked { "second" } else { "first" };
            if path.starts_with("/token") {
                return format!(r#"{{"access_token":"{good}"}}"#).into_response();
            }
            match headers.get("authorization") {
                Some(value) if value == &format!("Bearer {good}") => bytes.clone().into_response(),
                _ => challenge(&format!("http://{}/token", headers["host"].to_str().unwrap())),
            }
        }
    })
    .await;
    let repository = stranger.repository();
    let tokens = || stranger.asked().iter().filter(|one| one.path.starts_with("/token")).count();
    let reads = (0..8).map(|_| read(&repository, &blob, 0));
    for result in futures::future::join_all(reads).await {
        result.unwrap();
    }
    assert_eq!(tokens(), 1);
    revoked.store(true, std::sync::atomic::Ordering::SeqCst);
    read(&repository, &blob, 0).await.unwrap();
    assert_eq!(tokens(), 2);
}

#[tokio::test]
async fn a_manifest_with_other_bytes_than_its_digest_is_refused() {
    let manifest = Blob::new(r#"{"schemaVersion":2,"manifests":[]}"#);
    let stranger = Stranger::answering(|_, _, _| {
        let headers = [
            ("content-type", "application/vnd.oci.image.index.v1+json"),
            (
                "docker-content-digest",
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
        ];
        (headers, r#"{"schemaVersion":2,"manifests":[ ]}"#).into_response()
    })
    .await;
    let repository = stranger.repository();
    for reference in ["v1".parse().unwrap(), manifest.digest.into()] {
        let error = repository.find_manifest(&reference).await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_registry_without_the_referrers_api_is_asked_by_tag() {
    let subject = Blob::new("subject").digest;
    let tag = subject.referrers_tag();
    let referrer = Blob::new("referrer");
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [referrer.descriptor("application/vnd.oci.image.manifest.v1+json")],
    });
    let stranger = Stranger::answering(move |path, _, _| {
        if path.ends_with(&tag) {
            let kind = [("content-type", "application/vnd.oci.image.index.v1+json")];
            (kind, index.to_string()).into_response()
        } else {
            StatusCode::NOT_FOUND.into_response()
        }
    })
    .await;
    let found = stranger.repository().list_referrers(&subject).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].digest, referrer.digest);
}
