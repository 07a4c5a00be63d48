//! How a client is told to log in.

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{endpoints, things};
use crate::support::{Answer, PASSWORD, Role, TestApp};

#[track_caller]
fn challenge(answer: &Answer) -> &str {
    assert_eq!(answer.code, 401, "{}", answer.text());
    answer.header("www-authenticate")
}

/// One request as bytes, for headers that no client library would send.
async fn raw(berth: &TestApp, request: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(berth.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn every_endpoint_says_which_scope_it_needs() {
    let berth = TestApp::start().await;
    let things = things(&berth, "team/app", None).await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"berth\"", berth.url());
    let nobody = berth.anonymous();
    for endpoint in endpoints("team/app", &things) {
        let answer = endpoint.send(&nobody).await;
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let expected = format!("{realm},scope=\"{}\"", endpoint.scope.as_deref().unwrap());
        assert_eq!(challenge(&answer), expected, "{what}");
    }
    for path in ["/v2/", "/v2"] {
        assert_eq!(challenge(&nobody.get(path).await), realm, "{path} needs no scope");
        let head = nobody.head(path).await;
        assert_eq!(challenge(&head), realm);
        assert_eq!(head.header("docker-distribution-api-version"), "registry/2.0");
    }
}

#[tokio::test]
async fn a_token_that_covers_something_else_is_told_so() {
    let berth = TestApp::start().await;
    let things = things(&berth, "team/app", None).await;
    let admin = berth.admin().await.log_in(&["repository:other:*"]).await;
    admin.get("/v2/").await.ok();
    for endpoint in endpoints("team/app", &things) {
        let answer = endpoint.send(&admin).await;
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let scope = endpoint.scope.as_deref().unwrap();
        assert!(
            challenge(&answer)
                .ends_with(&format!(",scope=\"{scope}\",error=\"insufficient_scope\"")),
            "{what}: {}",
            challenge(&answer)
        );
    }
}

#[tokio::test]
async fn wrong_credentials_are_never_taken_for_none() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 10_000).await;
    let ann = berth.writer("ann").await;
    let encoded = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let headers = [
        String::new(),
        "Basic".into(),
        "Basic ".into(),
        "Basic !!!".into(),
        "Basic YQ".into(),
        format!("Basic {}", encoded(b"no colon")),
        format!("Basic {}", encoded(b":")),
        format!("Basic {}", encoded(b"ann:")),
        format!("Basic {}", encoded(b":password")),
        format!("Basic {}", encoded(b"ann:wrong")),
        format!("Basic {}", encoded(b"ANN:correct horse battery")),
        format!("Basic {}", encoded(b"ann\0:correct horse battery")),
        format!("Basic {}", encoded(b"ann:\xff\xfe")),
        format!("Basic {}", encoded(b"' OR 1=1 --:x")),
        format!("Basic {}", encoded(&[b'x'; 10_000])),
        "Bearer".into(),
        "Bearer ".into(),
        "Bearer a.b.c".into(),
        "Digest username=\"ann\"".into(),
        "ann:correct horse battery".into(),
        "\t".into(),
    ];
    for header in headers {
        for path in ["/v2/", "/v2/team/app/tags/list", "/token", "/metrics", "/api/v1/repositories"]
        {
            let request = berth.anonymous().request(Method::GET, path);
            let answer = ann.send(request.header("authorization", &header)).await;
            assert_eq!(answer.code, 401, "{path} with {header:?}: {}", answer.text());
            let challenge = challenge(&answer);
            // Tokens and figures are had for a password.
            let scheme = if matches!(path, "/token" | "/metrics") { "Basic" } else { "Bearer" };
            assert!(challenge.starts_with(&format!("{scheme} realm=")), "{path}: {challenge}");
            let scope = match path {
                "/v2/team/app/tags/list" => Some("repository:team/app:pull"),
                "/api/v1/repositories" => Some("registry:catalog:*"),
                _ => None,
            };
            assert_eq!(
                challenge.split("scope=\"").nth(1).map(|rest| rest.split('"').next().unwrap()),
                scope,
                "{path}: {challenge}"
            );
            answer.fails(401, "UNAUTHORIZED");
        }
    }
    // The scheme's case does not matter, nor does space behind it.
    for scheme in ["basic ", "BASIC   "] {
        let request = berth.anonymous().request(Method::GET, "/v2/");
        let header = format!("{scheme}{}", encoded(format!("ann:{PASSWORD}").as_bytes()));
        ann.send(request.header("authorization", header)).await.ok();
    }
}

#[tokio::test]
async fn a_password_may_hold_any_character() {
    let berth = TestApp::start().await;
    let hash =
        |password: &str| berth::auth::hash_password(&berth::secret::Secret::new(password.into()));
    for (index, password) in
        ["a:b:c:d:e", "pässwörd ☃", "  spaces  ", "quote\"back\\slash", "%41%42%43+&="]
            .into_iter()
            .enumerate()
    {
        let name = format!("a.b_c@d-{index}");
        berth.user_with(&name, hash(password), Some(Role::Reader)).await;
        let user = berth.anonymous().with_password(&name, password);
        user.get("/v2/").await.ok();
        user.get("/token").await.ok();
        user.with_password(&name, password.trim_end_matches(['e', ' ', '=', '\\', '☃', 'h']))
            .get("/v2/")
            .await
            .fails(401, "UNAUTHORIZED");
        let form = format!(
            "grant_type=password&service=berth&username={}&password={}",
            name.replace('@', "%40"),
            percent_encode(password)
        );
        super::tokens::post_form(&berth.anonymous(), &form).await.ok();
    }
}

fn percent_encode(text: &str) -> String {
    percent_encoding::percent_encode(text.as_bytes(), percent_encoding::NON_ALPHANUMERIC)
        .to_string()
}

#[tokio::test]
async fn the_realm_is_where_the_client_already_is() {
    let berth = TestApp::start().await;
    for host in
        ["registry.example.org", "registry.example.org:5000", "[::1]:5000", "a_b.local", "10.0.0.1"]
    {
        let answer =
            raw(&berth, &format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
                .await;
        let expected =
            format!("www-authenticate: Bearer realm=\"http://{host}/token\",service=\"berth\"\r\n");
        assert!(answer.contains(&expected), "{answer}");
    }
}

#[tokio::test]
async fn a_host_that_is_none_is_not_repeated() {
    let berth = TestApp::start().await;
    let long = "a".repeat(300);
    let hosts = [
        "evil\",error=\"x",
        "evil.org/path",
        "user@evil.org",
        "evil.org?x",
        "a b",
        "<script>",
        "\u{e4}.org",
        "a;b",
        "a\\b",
        "",
        &long,
    ];
    for host in hosts {
        let answer =
            raw(&berth, &format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
                .await;
        let refused = answer.starts_with("HTTP/1.1 400 ");
        assert!(
            refused || answer.contains("Bearer realm=\"http://localhost/token\",service"),
            "{host}: {answer}"
        );
        assert!(host.is_empty() || !answer.contains(host), "{host}: {answer}");
    }
    // A line break cannot come in by a path either.
    let answer = raw(
        &berth,
        "GET /v2/a%0d%0aX-Evil:%201/tags/list HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(!answer.to_lowercase().contains("\r\nx-evil"), "{answer}");
    // HTTP/1.0 has no host.
    let answer = raw(&berth, "GET /v2/ HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains("realm=\"http://localhost/token\""), "{answer}");
    // An absolute target names the host, not the header (RFC 9112 §3.2.2).
    let answer = raw(
        &berth,
        "GET http://one.example/v2/ HTTP/1.1\r\nHost: two.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.contains("realm=\"http://one.example/token\""), "{answer}");
}

#[tokio::test]
async fn the_realm_is_the_public_url_when_there_is_one() {
    let berth = TestApp::start_with(|config| {
        config.server.public_url = Some("https://registry.example.org".into());
    })
    .await;
    let request = berth.anonymous().request(Method::GET, "/v2/team/app/tags/list");
    let answer = berth.anonymous().send(request.header("host", "evil.example")).await;
    assert_eq!(
        challenge(&answer),
        "Bearer realm=\"https://registry.example.org/token\",service=\"berth\",scope=\"repository:team/app:pull\""
    );
}
