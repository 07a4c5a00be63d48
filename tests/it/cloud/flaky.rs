//! A bucket that fails now and then: requests are tried again, and nobody notices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use reqwest::Method;

use super::nothing_is_left;
use crate::support::servers::Kind;
use crate::support::{Blob, Bucket};
use crate::v2::styles::{Style, send_chunk};
use crate::v2::{blob_path, closing};

struct Front {
    server: String,
    client: reqwest::Client,
    requests: AtomicUsize,
    failed: AtomicUsize,
}

/// Passes requests on, other than every third one.
async fn pass(State(front): State<Arc<Front>>, request: Request) -> Response {
    if front.requests.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
        front.failed.fetch_add(1, Ordering::SeqCst);
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (parts, body) = request.into_parts();
    let url = format!("{}{}", front.server, parts.uri);
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let request = front.client.request(parts.method, url).headers(parts.headers).body(body);
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    *response.headers_mut().unwrap() = answer.headers().clone();
    response.body(Body::from_stream(answer.bytes_stream())).unwrap()
}

#[tokio::test]
async fn a_bucket_that_fails_now_and_then_is_asked_again() {
    let Some(mut bucket) = Bucket::of(Kind::Garage).await else { return };
    let direct = bucket.clone();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let server = bucket.options["endpoint"].clone();
    let counts = (AtomicUsize::new(0), AtomicUsize::new(0));
    let front = Arc::new(Front { server, client, requests: counts.0, failed: counts.1 });
    let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&front));
    let listener =
        tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    bucket.set("endpoint", &format!("http://{}", listener.local_addr().unwrap()));
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let router = router.clone();
            tokio::spawn(async move {
                let service = hyper_util::service::TowerToHyperService::new(router);
                let stream = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(stream, service)
                    .await;
            });
        }
    });

    let berth = bucket.start().await;
    let admin = berth.admin().await;
    for (style, seed) in Style::ALL.into_iter().zip(1..) {
        let blob = Blob::random(100_000, seed);
        style.push(&admin, "team/app", &blob.bytes, &blob.digest, None).await.status(201);
        assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
    }
    let blob = Blob::random(40 << 20, 10);
    let upload = admin.start_upload("team/app").await;
    let (half, all) = (20 << 20, 40 << 20);
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, half).await.status(202);
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, half, all).await.status(202);
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
    assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
    assert!(front.failed.load(Ordering::SeqCst) > 10);
    nothing_is_left(&direct, &berth).await;
    serving.abort();
}
