//! Somebody who talks to a registry.

use berth::oci::Digest;
use reqwest::{Method, RequestBuilder};

use super::{Answer, Blob, Image};

/// A client with or without credentials; paths are relative to the registry.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    basic: Option<(String, String)>,
    bearer: Option<String>,
}

impl Client {
    pub(crate) fn new(base: String, basic: Option<(String, String)>) -> Self {
        // As `main` does; the second time it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { http, base, basic, bearer: None }
    }

    /// The same client, speaking HTTP/2 without having asked for it.
    pub(crate) fn over_http2(&self) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http2_prior_knowledge()
            .build()
            .unwrap();
        Self { http, ..self.clone() }
    }

    /// The same client of a registry at another address.
    pub(crate) fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// The same client with other ways to connect.
    pub(crate) fn over(&self, http: reqwest::Client) -> Self {
        Self { http, ..self.clone() }
    }

    /// The same client with a token instead of the password.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), basic: None, ..self.clone() }
    }

    /// The same client with another password.
    pub(crate) fn with_password(&self, name: &str, password: &str) -> Self {
        Self { basic: Some((name.to_owned(), password.to_owned())), bearer: None, ..self.clone() }
    }

    /// Fetches a token that covers `scopes`, and uses it.
    pub(crate) async fn log_in(&self, scopes: &[&str]) -> Self {
        self.with_token(&self.token(scopes).await)
    }

    /// Fetches a token that covers `scopes`.
    pub(crate) async fn token(&self, scopes: &[&str]) -> String {
        let query: Vec<_> = scopes.iter().map(|scope| format!("scope={scope}")).collect();
        let answer = self.get(&format!("/token?service=berth&{}", query.join("&"))).await.ok();
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A request to be completed and handed to [`Client::send`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let request = self.http.request(method, url);
        match (&self.bearer, &self.basic) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some((name, password))) => request.basic_auth(name, Some(password)),
            (None, None) => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send(self.request(Method::HEAD, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, path).body(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::PATCH, path).body(body)).await
    }

    /// Sends JSON, as the admin API takes it.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: serde_json::Value,
    ) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request.body(body.to_string())).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: serde_json::Value) -> Answer {
        self.send_json(Method::POST, path, body).await
    }

    pub(crate) async fn patch_json(&self, path: &str, body: serde_json::Value) -> Answer {
        self.send_json(Method::PATCH, path, body).await
    }

    pub(crate) async fn put_json(&self, path: &str, body: serde_json::Value) -> Answer {
        self.send_json(Method::PUT, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::PUT, path).body(body)).await
    }

    /// The header that says who it is, for requests that are written by hand.
    pub(crate) fn authorization(&self) -> String {
        let request = self.request(Method::GET, "/").build().unwrap();
        format!("authorization: {}\r\n", request.headers()["authorization"].to_str().unwrap())
    }

    /// Stores a manifest under a tag or a digest.
    pub(crate) async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.send(
            self.request(Method::PUT, &path).header("content-type", media_type).body(body.into()),
        )
        .await
    }

    /// Starts an upload; returns its path.
    pub(crate) async fn start_upload(&self, repository: &str) -> String {
        self.post(&format!("/v2/{repository}/blobs/uploads/"), "")
            .await
            .status(202)
            .header("location")
            .to_owned()
    }

    /// Stores a blob in one request after another, as Docker does.
    pub(crate) async fn push_blob(&self, repository: &str, blob: &Blob) {
        let upload = self.start_upload(repository).await;
        self.patch(&upload, blob.bytes.clone()).await.status(202);
        self.put(&format!("{upload}?digest={}", blob.digest), "").await.status(201);
    }

    /// Stores an image under a tag; returns the manifest's digest.
    pub(crate) async fn push(&self, repository: &str, tag: &str, image: &Image) -> Digest {
        for blob in image.blobs() {
            self.push_blob(repository, blob).await;
        }
        let answer = self
            .put_manifest(repository, tag, image.media_type(), image.manifest())
            .await
            .status(201);
        answer.header("docker-content-digest").parse().unwrap()
    }
}
