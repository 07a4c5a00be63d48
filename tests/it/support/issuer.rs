//! An issuer of tokens: a server with a discovery document and keys, which counts what it is asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth::clock::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The private key of every [`TestKey`] for RSA: making one takes seconds. Made by `openssl genpkey` for these tests alone.
static RSA: &[u8] = include_bytes!("../../fixtures/keys/rsa-2048.pkcs8.der");

/// How RSA signs under an algorithm's name.
fn rsa_encoding(algorithm: &str) -> &'static dyn RsaEncoding {
    match algorithm {
        "RS256" => &RSA_PKCS1_SHA256,
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        other => panic!("{other} is no algorithm of RSA"),
    }
}

/// A key that tokens are signed with.
#[derive(Clone, Debug)]
pub(crate) struct TestKey {
    pub(crate) id: String,
    pub(crate) algorithm: &'static str,
    pkcs8: Vec<u8>,
    pub(crate) public: Vec<u8>,
}

impl TestKey {
    /// `ES256`, `ES384`, `EdDSA`, or one of RSA's, which all have the same key.
    pub(crate) fn new(id: &str, algorithm: &'static str) -> Self {
        let random = SystemRandom::new();
        if algorithm.starts_with(['R', 'P']) {
            return Self { id: id.into(), algorithm, pkcs8: RSA.to_vec(), public: Vec::new() };
        }
        let (pkcs8, public) = match algorithm {
            "EdDSA" => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
                (pkcs8, pair.public_key().as_ref().to_vec())
            }
            _ => {
                let curve = if algorithm == "ES384" {
                    &ECDSA_P384_SHA384_FIXED_SIGNING
                } else {
                    &ECDSA_P256_SHA256_FIXED_SIGNING
                };
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
                let pair = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random).unwrap();
                (pkcs8, pair.public_key().as_ref().to_vec())
            }
        };
        Self { id: id.into(), algorithm, pkcs8: pkcs8.as_ref().to_vec(), public }
    }

    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        if self.algorithm == "EdDSA" {
            return json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": text(&self.public) });
        }
        if self.algorithm.starts_with(['R', 'P']) {
            let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
            let RsaPublicKeyComponents { n, e } =
                RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
            return json!({ "kty": "RSA", "use": "sig", "alg": self.algorithm, "kid": self.id, "n": text(&n), "e": text(&e) });
        }
        let half = (self.public.len() - 1) / 2;
        let curve = if half == 48 { "P-384" } else { "P-256" };
        let (x, y) = self.public[1..].split_at(half);
        json!({ "kty": "EC", "crv": curve, "use": "sig", "kid": self.id, "x": text(x), "y": text(y) })
    }

    /// A token with this header and these claims, whatever they say.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match self.algorithm {
            "EdDSA" => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap();
                pair.sign(signed.as_bytes()).as_ref().to_vec()
            }
            rsa if rsa.starts_with(['R', 'P']) => {
                let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(rsa_encoding(rsa), &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            _ => {
                let curve = if self.algorithm == "ES384" {
                    &ECDSA_P384_SHA384_FIXED_SIGNING
                } else {
                    &ECDSA_P256_SHA256_FIXED_SIGNING
                };
                let pair = EcdsaKeyPair::from_pkcs8(curve, &self.pkcs8, &random).unwrap();
                pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token with these claims and a header that is as it should be.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": self.algorithm, "typ": "JWT", "kid": self.id }), claims)
    }
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<Value>,
    cache_control: String,
    is_down: bool,
    discoveries: usize,
    key_requests: usize,
    /// What the discovery document says instead.
    issuer: Option<String>,
}

/// Answers at a time.
const PERMITS: usize = 1000;

/// An issuer on 127.0.0.1.
pub(crate) struct TestIssuer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// An answer needs a permit.
    permits: Arc<Semaphore>,
    key: Mutex<TestKey>,
    server: JoinHandle<()>,
}

impl TestIssuer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let permits = Arc::new(Semaphore::new(PERMITS));
        let (shared, needed) = (Arc::clone(&state), Arc::clone(&permits));
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, address, Arc::clone(&shared), Arc::clone(&needed)));
            }
        });
        let issuer = Self {
            address,
            state,
            permits,
            key: Mutex::new(TestKey::new("first", "ES256")),
            server,
        };
        issuer.publish(&[issuer.key()]);
        issuer
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key that it signs with.
    pub(crate) fn key(&self) -> TestKey {
        self.key.lock().unwrap().clone()
    }

    /// Publishes these keys, and no others.
    pub(crate) fn publish(&self, keys: &[TestKey]) {
        self.state.lock().unwrap().keys = keys.iter().map(TestKey::jwk).collect();
    }

    /// Signs with another key from now on, and publishes it alone.
    pub(crate) fn rotate(&self, id: &str) {
        let key = TestKey::new(id, "ES256");
        self.publish(std::slice::from_ref(&key));
        *self.key.lock().unwrap() = key;
    }

    /// Answers with failures, or no longer.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    pub(crate) fn set_cache_control(&self, value: &str) {
        value.clone_into(&mut self.state.lock().unwrap().cache_control);
    }

    /// Takes requests, and answers none until [`TestIssuer::release`].
    pub(crate) fn hold(&self) {
        assert_eq!(self.permits.forget_permits(PERMITS), PERMITS, "nothing is being answered");
    }

    pub(crate) fn release(&self) {
        self.permits.add_permits(PERMITS);
    }

    /// Says in its discovery document that it is somebody else.
    pub(crate) fn call_itself(&self, issuer: &str) {
        self.state.lock().unwrap().issuer = Some(issuer.to_owned());
    }

    /// How often it was asked for its discovery document, and for its keys.
    pub(crate) fn requests(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.discoveries, state.key_requests)
    }

    /// Claims that are as they should be: for `berth`, for ten minutes; `more` is put on top, and `null` takes a claim away.
    pub(crate) fn claims(&self, now: Timestamp, more: Value) -> Value {
        let seconds = now.as_seconds();
        let mut claims = json!({
            "iss": self.url(), "sub": "repo:acme/app:ref:refs/heads/main", "aud": "berth",
            "iat": seconds, "nbf": seconds, "exp": seconds + 600,
            "repository": "acme/app", "ref": "refs/heads/main",
        });
        for (claim, value) in more.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(claim);
            } else {
                claims[claim] = value.clone();
            }
        }
        claims
    }

    /// A token that it signs.
    pub(crate) fn token(&self, now: Timestamp, more: Value) -> String {
        self.key().token(&self.claims(now, more))
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    mut connection: TcpStream,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    permits: Arc<Semaphore>,
) {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            match connection.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), reading).await;
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let response = {
        let mut state = state.lock().unwrap();
        let body = match path {
            "/.well-known/openid-configuration" => {
                state.discoveries += 1;
                let issuer = state.issuer.clone().unwrap_or_else(|| format!("http://{address}"));
                json!({ "issuer": issuer, "jwks_uri": format!("http://{address}/keys") })
            }
            "/keys" => {
                state.key_requests += 1;
                json!({ "keys": state.keys })
            }
            _ => Value::Null,
        };
        let status = match (state.is_down, body.is_null()) {
            (true, _) => "503 Service Unavailable",
            (false, true) => "404 Not Found",
            (false, false) => "200 OK",
        };
        let body = body.to_string();
        let cache = match state.cache_control.as_str() {
            "" => String::new(),
            value => format!("cache-control: {value}\r\n"),
        };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{cache}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let _permit = permits.acquire().await.unwrap();
    let _ = connection.write_all(response.as_bytes()).await;
}
