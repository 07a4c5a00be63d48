//! A registry's client as far as the scenarios need one: tokens, blobs, manifests, on one connection that is kept.

use std::{
    collections::HashMap,
    io::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::{
    connection::{Body, Connection, Response},
    noise::{self, Blob, Noise},
};

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Berth's tokens live five minutes; one older than this is replaced before its next use.
const TOKEN_AGE: Duration = Duration::from_mins(4);

/// Where a server listens and how one gets in.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The administrator's password where the server is private; anonymous otherwise.
    password: Option<String>,
    tokens: Mutex<HashMap<String, Token>>,
}

#[derive(Clone)]
struct Token {
    header: Arc<str>,
    since: Instant,
}

impl Target {
    pub(crate) fn new(address: SocketAddr, password: Option<String>) -> Self {
        Self { address, password, tokens: Mutex::default() }
    }

    /// The token for these scopes, asked for once and shared by all clients that need the same.
    async fn token(&self, scopes: &str) -> Result<Option<Token>> {
        let Some(password) = &self.password else { return Ok(None) };
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(scopes).filter(|token| token.since.elapsed() < TOKEN_AGE) {
            return Ok(Some(token.clone()));
        }
        let basic = BASE64_STANDARD.encode(format!("admin:{password}"));
        let mut head = Vec::new();
        write!(
            head,
            "GET /token?service=berth{scopes} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {basic}\r\n",
            self.address
        )?;
        let mut connection = Connection::open(self.address, None).await?;
        connection.send(&mut head, Body::None).await?;
        let mut body = Vec::new();
        let answer =
            connection.receive(false, &mut |bytes: &[u8]| body.extend_from_slice(bytes)).await?;
        ensure!(
            answer.status == 200,
            "GET /token answered {}: {}",
            answer.status,
            answer.complaint
        );
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        let token = answer["token"].as_str().context("the answer of /token has no token")?;
        let header = format!("Authorization: Bearer {token}\r\n").into();
        let token = Token { header, since: Instant::now() };
        tokens.insert(scopes.to_owned(), token.clone());
        Ok(Some(token))
    }
}

/// What a client may do, as a token's scope says it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    None,
    Pull(&'a str),
    Push(&'a str),
    PushEach(&'a [String]),
    Catalog,
}

impl Scope<'_> {
    fn query(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Pull(repository) => format!("&scope=repository:{repository}:pull"),
            Self::Push(repository) => format!("&scope=repository:{repository}:pull,push"),
            Self::PushEach(names) => names.iter().map(|name| Scope::Push(name).query()).collect(),
            Self::Catalog => "&scope=registry:catalog:*".to_owned(),
        }
    }
}

/// How a blob is pushed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// POST, one PATCH with the bytes, PUT.
    Streamed,
    /// POST, PUT with the bytes.
    Monolithic,
}

pub(crate) struct Client {
    target: Arc<Target>,
    scopes: String,
    token: Option<Token>,
    connection: Connection,
    head: Vec<u8>,
    stale: bool,
}

impl Client {
    pub(crate) async fn open(target: &Arc<Target>, scope: Scope<'_>) -> Result<Self> {
        Self::open_with(target, scope, None).await
    }

    pub(crate) async fn open_with(
        target: &Arc<Target>,
        scope: Scope<'_>,
        window: Option<u32>,
    ) -> Result<Self> {
        let scopes = scope.query();
        let token = target.token(&scopes).await?;
        let connection = Connection::open(target.address, window).await?;
        Ok(Self {
            target: target.clone(),
            scopes,
            token,
            connection,
            head: Vec::new(),
            stale: false,
        })
    }

    /// Leaves the connection and opens another, as the next `docker pull` would.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        self.connection = Connection::open(self.target.address, None).await?;
        self.stale = false;
        Ok(())
    }

    /// GET, which must answer 200; gives the body's length.
    pub(crate) async fn get(&mut self, path: &str) -> Result<u64> {
        self.get_into(path, &mut |_: &[u8]| {}).await
    }

    pub(crate) async fn get_into(
        &mut self,
        path: &str,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<u64> {
        self.send("GET", path, "", Body::None).await?;
        let answer = self.receive(false, sink).await?;
        Ok(expect(&answer, 200, "GET", path)?.length)
    }

    /// GET whose body's digest is checked; for the untimed part.
    pub(crate) async fn get_verified(&mut self, path: &str, digest: &str) -> Result<()> {
        let mut hash = Sha256::new();
        self.get_into(path, &mut |bytes: &[u8]| hash.update(bytes)).await?;
        let found = noise::name(&hash.finalize());
        ensure!(found == digest, "GET {path} gave {found} instead of {digest}");
        Ok(())
    }

    /// HEAD, which must answer 200; gives the length it announces.
    pub(crate) async fn head(&mut self, path: &str) -> Result<u64> {
        self.send("HEAD", path, "", Body::None).await?;
        let answer = self.receive(true, &mut |_: &[u8]| {}).await?;
        Ok(expect(&answer, 200, "HEAD", path)?.length)
    }

    /// Any answer of a live server will do; for connections that then stay idle.
    pub(crate) async fn knock(&mut self) -> Result<()> {
        self.send("GET", "/v2/", "", Body::None).await?;
        self.receive(false, &mut |_: &[u8]| {}).await?;
        Ok(())
    }

    /// GET of which only the head is received; the body waits for [`Client::sip`].
    pub(crate) async fn get_slowly(&mut self, path: &str) -> Result<()> {
        self.send("GET", path, "", Body::None).await?;
        let answer = self.connection.receive_head().await?;
        expect(&answer, 200, "GET", path)?;
        Ok(())
    }

    pub(crate) async fn sip(&mut self, most: usize) -> Result<usize> {
        self.connection.receive_some(most).await
    }

    pub(crate) async fn put_manifest(&mut self, path: &str, manifest: &[u8]) -> Result<()> {
        let kind = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";
        self.change("PUT", path, kind, Body::Bytes(manifest), 201).await?;
        Ok(())
    }

    pub(crate) async fn push_blob(
        &mut self,
        repository: &str,
        noise: &Noise,
        blob: Blob,
        way: Way,
    ) -> Result<()> {
        const OCTETS: &str = "Content-Type: application/octet-stream\r\n";
        let digest = noise.digest(blob);
        let path = format!("/v2/{repository}/blobs/uploads/");
        let mut location = self.change("POST", &path, "", Body::Bytes(&[]), 202).await?;
        let mut rest = Body::Blob(noise, blob);
        if matches!(way, Way::Streamed) {
            location = self.change("PATCH", &location, OCTETS, rest, 202).await?;
            rest = Body::Bytes(&[]);
        }
        let mark = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{mark}digest={digest}");
        self.change("PUT", &path, OCTETS, rest, 201).await?;
        Ok(())
    }

    /// A request that changes something; gives the path it is to continue at.
    async fn change(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: Body<'_>,
        expected: u16,
    ) -> Result<String> {
        let sent = self.send(method, path, headers, body).await;
        // A server that refuses a body answers before it has read it: its words say more than a broken pipe.
        let answer = match (self.receive(false, &mut |_: &[u8]| {}).await, sent) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        expect(&answer, expected, method, path)?;
        let location = answer.location.unwrap_or_default();
        Ok(match location.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]).to_owned(),
            None => location,
        })
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: Body<'_>,
    ) -> Result<()> {
        if self.stale {
            self.reconnect().await?;
        }
        if self.token.as_ref().is_some_and(|token| token.since.elapsed() > TOKEN_AGE) {
            self.token = self.target.token(&self.scopes).await?;
        }
        self.head.clear();
        let token = self.token.as_ref().map_or("", |token| &token.header);
        write!(
            self.head,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{token}{headers}",
            self.target.address
        )?;
        if method == "GET" && path.contains("/manifests/") {
            write!(self.head, "Accept: {MANIFEST_TYPE}\r\n")?;
        }
        if !matches!(body, Body::None) {
            write!(self.head, "Content-Length: {}\r\n", body.len())?;
        }
        let sent = self.connection.send(&mut self.head, body).await;
        sent.with_context(|| format!("cannot send {method} {path}"))
    }

    async fn receive(&mut self, bodiless: bool, sink: &mut impl FnMut(&[u8])) -> Result<Response> {
        let answer = self.connection.receive(bodiless, sink).await?;
        self.stale = answer.close;
        Ok(answer)
    }
}

fn expect<'a>(
    answer: &'a Response,
    expected: u16,
    method: &str,
    path: &str,
) -> Result<&'a Response> {
    if answer.status != expected {
        let said = &answer.complaint;
        bail!("{method} {path} answered {} instead of {expected}: {said}", answer.status);
    }
    Ok(answer)
}
