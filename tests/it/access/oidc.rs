//! People who sign in by a provider: a real one, and a stand-in for GitHub, which cannot be had.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Browser, CLIENT_SECRET, Client, OidcProvider, Page, TestApp, berth};

/// A Berth with the provider `acme`, if there is one to be had.
async fn start(is_slim: bool, more: Value) -> Option<(TestApp, Client, OidcProvider)> {
    let berth = TestApp::start_now(|config| config.auth.failed_logins = 1000).await;
    let admin = berth.admin().await;
    let provider = OidcProvider::start(&format!("{}/auth/acme/callback", berth.url()), is_slim)?;
    let mut wish = json!({
        "kind": "oidc", "title": "Acme", "issuer": provider.url(), "client_id": "berth",
        "client_secret": CLIENT_SECRET, "groups_claim": "groups",
    });
    for (key, value) in more.as_object().unwrap() {
        wish[key] = value.clone();
    }
    let made = admin.put_json("/api/v1/providers/acme", wish).await.ok().json();
    assert_eq!(made["redirect_uri"], format!("{}/auth/acme/callback", berth.url()));
    assert_eq!(made["has_client_secret"], true);
    assert!(!made.to_string().contains(CLIENT_SECRET));
    Some((berth, admin, provider))
}

/// Signs in at the provider, whose first page is shown: a name, any password, then consent.
async fn at_provider(browser: &mut Browser, page: Page, name: &str) -> Page {
    let form = page.form().with("login", name).with("password", "any");
    let consent = browser.submit(&page, &form).await;
    let form = consent.form();
    browser.submit(&consent, &form).await
}

/// From the sign-in page to where it leads.
async fn sign_in(browser: &mut Browser, berth: &TestApp, name: &str) -> Page {
    let login = browser.go(&format!("{}/login", berth.url())).await.status(200);
    let link = login.url.join(&login.link("Continue with Acme")).unwrap();
    let page = browser.go(link.as_str()).await.status(200);
    at_provider(browser, page, name).await
}

async fn identity(browser: &mut Browser, berth: &TestApp) -> Value {
    browser.go(&format!("{}/api/v1/session", berth.url())).await.status(200).answer.json()
}

#[tokio::test]
async fn people_sign_in_at_a_real_provider_and_their_groups_come_along() {
    for is_slim in [false, true] {
        let groups = json!({ "groups": { "ops": "operators" } });
        let Some((berth, admin, provider)) = start(is_slim, groups).await else { return };
        admin.post_json("/api/v1/groups", json!({ "name": "operators" })).await.status(201);
        let public = berth.anonymous().get("/api/v1/providers/public").await.ok().json();
        let button =
            json!({ "name": "acme", "title": "Acme", "kind": "oidc", "start": "/auth/acme/start" });
        assert_eq!(public["providers"], json!([button]));

        let mut browser = Browser::new();
        sign_in(&mut browser, &berth, "ann")
            .await
            .status(200)
            .says("You are signed in as <strong>ann</strong>");
        let me = identity(&mut browser, &berth).await;
        assert_eq!((&me["name"], &me["provider"]), (&json!("ann"), &json!("acme")));
        assert_eq!(
            (&me["full_name"], &me["email"]),
            (&json!("Ann Lee"), &json!("ann@acme.example"))
        );
        let subjects =
            json!(["user:ann", "group:acme/devs", "group:operators", "authenticated", "everyone"]);
        assert_eq!(me["subjects"], subjects);
        assert_eq!(me["session"]["method"], "acme");
        // A rule about the claimed group is theirs at once.
        let wish = json!({ "subject": "group:acme/devs", "role": "reader", "pattern": "team/*" });
        admin.post_json("/api/v1/bindings", wish).await.status(201);
        let path = format!(
            "{}/api/v1/access/why?subject=user:ann&action=pull&repository=team/app",
            berth.url()
        );
        assert_eq!(browser.go(&path).await.status(200).answer.json()["is_allowed"], true);

        // They make a token for themselves, and have no password.
        let csrf = me["session"]["csrf_token"].as_str().unwrap().to_owned();
        let cookies: Vec<_> = browser
            .cookies(&berth.url())
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = berth
            .anonymous()
            .request(Method::POST, "/api/v1/tokens")
            .header("cookie", cookies.join("; "))
            .header("x-csrf-token", csrf)
            .header("content-type", "application/json")
            .body(json!({ "name": "laptop" }).to_string());
        let made = berth.anonymous().send(request).await.status(201).json();
        let secret = made["secret"].as_str().unwrap();
        let ann = berth.anonymous().with_password("ann", secret);
        ann.get("/v2/team/app/tags/list").await.fails(404, "NAME_UNKNOWN");
        let wish = json!({ "password": "a new password" });
        admin.put_json("/api/v1/users/ann/password", wish).await.fails(400, "INVALID");

        // Another time, with other groups and another name: the same account.
        let changed =
            json!({ "groups": ["sales"], "preferred_username": "annabel", "name": "Annabel Lee" });
        let url = format!("{}/test/accounts/ann", provider.url());
        berth.anonymous().post(&url, changed.to_string()).await.ok();
        let mut other = Browser::new();
        sign_in(&mut other, &berth, "ann").await.status(200);
        let me = identity(&mut other, &berth).await;
        assert_eq!((&me["name"], &me["full_name"]), (&json!("ann"), &json!("Annabel Lee")));
        assert_eq!(
            me["subjects"],
            json!(["user:ann", "group:acme/sales", "authenticated", "everyone"])
        );
        ann.get("/v2/team/app/tags/list").await.fails(403, "DENIED");
        let users = admin.get("/api/v1/users").await.ok().json();
        assert_eq!(users["users"].as_array().unwrap().len(), 2);

        // Whoever is disabled does not get in, and out they go.
        admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": true })).await.ok();
        assert_eq!(identity(&mut other, &berth).await["is_authenticated"], false);
        let mut third = Browser::new();
        sign_in(&mut third, &berth, "ann").await.status(403).says("your account is disabled");
        ann.get("/v2/").await.fails(401, "UNAUTHORIZED");

        let events = admin.get("/api/v1/events?n=1000").await.ok().text();
        assert!(events.contains("sign in by acme"), "{events}");
        for secret in [CLIENT_SECRET, secret] {
            assert!(!events.contains(secret));
        }
    }
}

#[tokio::test]
async fn only_those_get_in_whom_the_registry_wants() {
    let limits = json!({ "allowed_domains": ["acme.example"], "allowed_groups": ["devs"] });
    let Some((berth, admin, _provider)) = start(true, limits).await else { return };
    for (name, why) in [
        ("bob", "no verified address"),
        ("eve", "no verified address"),         // hers is not verified
        ("root", "belongs to another account"), // calls itself `admin`
    ] {
        let mut browser = Browser::new();
        let page = sign_in(&mut browser, &berth, name).await.says(why);
        assert!(matches!(page.answer.code, 403 | 409));
        assert!(browser.cookies(&berth.url()).keys().all(|cookie| cookie == "berth_form"));
    }
    let mut browser = Browser::new();
    sign_in(&mut browser, &berth, "ann").await.status(200);
    // A provider that is shut shuts those out whom it vouched for, until it is opened again.
    assert_eq!(identity(&mut browser, &berth).await["is_authenticated"], true);
    admin.patch_json("/api/v1/providers/acme", json!({ "is_disabled": true })).await.ok();
    assert_eq!(identity(&mut browser, &berth).await["is_authenticated"], false);
    let start = format!("{}/auth/acme/start", berth.url());
    browser.go(&start).await.status(404).says("nobody can sign in by `acme`");
    admin.patch_json("/api/v1/providers/acme", json!({ "is_disabled": false })).await.ok();
    assert_eq!(identity(&mut browser, &berth).await["is_authenticated"], true);
}

#[tokio::test]
async fn a_providers_word_counts_for_as_long_as_the_registry_says() {
    let every = json!({ "sign_in_every": "2h" });
    let Some((berth, _, _provider)) = start(false, every).await else { return };
    let mut browser = Browser::new();
    sign_in(&mut browser, &berth, "ann").await.status(200);
    berth.turn_clock(Duration::from_mins(119));
    assert_eq!(identity(&mut browser, &berth).await["is_authenticated"], true);
    berth.turn_clock(Duration::from_mins(2));
    assert_eq!(identity(&mut browser, &berth).await["is_authenticated"], false);
}

#[tokio::test]
async fn a_callback_that_was_not_asked_for_signs_nobody_in() {
    let Some((berth, _, provider)) = start(false, json!({})).await else { return };
    let begin = format!("{}/auth/acme/start?return=/login", berth.url());
    let callback = |query: &str| format!("{}/auth/acme/callback?{query}", berth.url());
    let not_begun = "was not begun in this browser";

    // What is sent to the provider.
    let mut browser = Browser::new();
    let start = browser.ask(Method::GET, &begin, None).await.status(303);
    let location: reqwest::Url = start.answer.header("location").parse().unwrap();
    let query: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    assert_eq!((&*query["response_type"], &*query["code_challenge_method"]), ("code", "S256"));
    assert_eq!(
        (query["code_challenge"].len(), query["state"].len(), query["nonce"].len()),
        (43, 32, 32)
    );
    assert_eq!(query["scope"], "openid profile email");
    let cookie = start.answer.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    for secret in ["state", "nonce"] {
        assert!(!cookie.contains(&query[secret]), "the cookie is sealed");
    }
    let state = query["state"].clone();

    // Another browser, another state, no state, another provider's word.
    let mut stranger = Browser::new();
    let good = format!("code=x&state={state}&iss={}", provider.url());
    stranger.go(&callback(&good)).await.status(400).says(not_begun);
    for wrong in ["code=x&state=wrong", "code=x", "state=", ""] {
        browser.ask(Method::GET, &begin, None).await.status(303);
        browser.go(&callback(wrong)).await.status(400).says(not_begun);
    }
    let again = async |browser: &mut Browser, more: &str| {
        let start = browser.ask(Method::GET, &begin, None).await.status(303);
        let location: reqwest::Url = start.answer.header("location").parse().unwrap();
        let state = location.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned();
        browser.go(&callback(&format!("state={state}&{more}"))).await
    };
    let issuer = provider.url();
    again(&mut browser, &format!("code=x&iss={issuer}.evil.example"))
        .await
        .status(403)
        .says("issuer is not trusted");
    // This provider always says who it is; without that it could be another one's code.
    again(&mut browser, "code=x").await.status(403).says("issuer is not trusted");
    again(&mut browser, &format!("error=access_denied&iss={issuer}"))
        .await
        .status(403)
        .says("did not let you in: access_denied");
    again(&mut browser, &format!("code=guessed&iss={issuer}"))
        .await
        .status(502)
        .says("cannot be used now");
    // A cookie that is too old, or not ours.
    browser.ask(Method::GET, &begin, None).await.status(303);
    let sealed = browser.cookies(&berth.url())["berth_sign_in"].clone();
    let changed = format!("{}A", &sealed[..sealed.len() - 1]);
    for cookie in ["", "AAAA", &changed] {
        browser.cookies(&berth.url()).insert("berth_sign_in".into(), cookie.into());
        browser.go(&callback(&good)).await.status(400).says(not_begun);
    }
    let start = browser.ask(Method::GET, &begin, None).await.status(303);
    let location = start.answer.header("location").to_owned();
    berth.turn_clock(Duration::from_mins(10));
    let page = browser.go(&location).await;
    at_provider(&mut browser, page, "ann").await.status(400).says(not_begun);
    // Nobody was signed in by any of that, and the way back never leads elsewhere.
    assert_eq!(identity(&mut browser, &berth).await["is_authenticated"], false);
    for elsewhere in
        ["https://evil.example", "//evil.example", "/%5Cevil.example", "javascript:alert(1)"]
    {
        let mut browser = Browser::new();
        let page = browser.go(&format!("{}/auth/acme/start?return={elsewhere}", berth.url())).await;
        let page = at_provider(&mut browser, page, "bob").await.status(200);
        assert_eq!(page.url.as_str(), format!("{}/login", berth.url()));
    }
}

#[tokio::test]
async fn what_would_let_everybody_in_or_tell_a_secret_is_not_set_up() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let put = async |name: &str, wish: Value| {
        admin.put_json(&format!("/api/v1/providers/{name}"), wish).await
    };
    let google = json!({ "kind": "google", "client_id": "x", "client_secret": "s" });
    put("g", google.clone()).await.fails(400, "INVALID");
    let with = |wish: &Value, key: &str, value: Value| {
        let mut wish = wish.clone();
        wish[key] = value;
        wish
    };
    put("g", with(&google, "allowed_domains", json!(["acme.example"]))).await.ok();
    put("g", with(&google, "is_open", json!(true))).await.ok();
    for name in ["public", "local", "password", "A", ""] {
        let answer = put(name, with(&google, "is_open", json!(true))).await;
        assert!(matches!(answer.code, 400 | 404 | 405), "{name}: {}", answer.text());
    }
    let entra = json!({ "kind": "entra", "client_id": "x" });
    put("e", entra.clone()).await.fails(400, "INVALID");
    let common = "https://login.microsoftonline.com/common/v2.0";
    put("e", with(&entra, "issuer", json!(common))).await.fails(400, "INVALID");
    let tenant = "https://login.microsoftonline.com/7d9b5d0e-0000-4000-8000-000000000000/v2.0";
    put("e", with(&entra, "issuer", json!(tenant))).await.ok();
    for bad in ["http://sso.example", "ftp://sso.example", "sso.example"] {
        put("k", json!({ "kind": "keycloak", "issuer": bad, "client_id": "x" }))
            .await
            .fails(400, "INVALID");
    }
    put("k", json!({ "kind": "saml", "client_id": "x" })).await.fails(400, "INVALID");
    // A secret stays where it was given for: it is not sent to another server.
    let acme = json!({ "kind": "oidc", "issuer": "https://sso.example", "client_id": "x", "client_secret": "hush" });
    put("o", acme.clone()).await.ok();
    let without = with(&acme, "client_secret", Value::Null);
    assert_eq!(put("o", without.clone()).await.ok().json()["has_client_secret"], true);
    let moved = with(&without, "issuer", json!("https://evil.example"));
    assert_eq!(put("o", moved).await.ok().json()["has_client_secret"], false);
    assert!(
        !std::fs::read(berth.directory.path().join("data/berth.db-wal"))
            .unwrap()
            .windows(4)
            .any(|part| part == b"hush")
    );
    let ann = berth.writer("ann").await;
    ann.get("/api/v1/providers").await.fails(403, "DENIED");
    ann.get("/api/v1/providers/o").await.fails(403, "DENIED");
    ann.get("/api/v1/providers/public").await.ok();
}

/// A stand-in for GitHub: its token endpoint and the parts of its API that tell who somebody is. Gives its address, and what
/// it was asked.
async fn github() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            loop {
                let read = connection.read(&mut piece).await.unwrap();
                request.extend(&piece[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.to_ascii_lowercase();
                let length = length
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|rest| rest.lines().next()?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            let path = text.split(' ').nth(1).unwrap().to_owned();
            let is_known = text.to_ascii_lowercase().contains("authorization: bearer gho_secret");
            let body = match path.as_str() {
                "/login/oauth/access_token" if text.contains("code=good") => {
                    json!({ "access_token": "gho_secret", "token_type": "bearer", "scope": "read:org" })
                }
                "/login/oauth/access_token" => json!({ "error": "bad_verification_code" }),
                "/api/v3/user" if is_known => {
                    json!({ "id": 4711, "login": "octo cat", "name": "Mona", "email": null })
                }
                "/api/v3/user/orgs?per_page=100&page=1" if is_known => {
                    json!(
                        (0..100)
                            .map(|number| json!({ "login": format!("org-{number}") }))
                            .collect::<Vec<_>>()
                    )
                }
                "/api/v3/user/orgs?per_page=100&page=2" if is_known => json!([{ "login": "acme" }]),
                "/api/v3/user/teams?per_page=100&page=1" if is_known => {
                    json!([{ "slug": "platform", "organization": { "login": "acme" } }])
                }
                _ => Value::Null,
            };
            seen.lock().unwrap().push(text);
            let status = if body.is_null() { "404 Not Found" } else { "200 OK" };
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (format!("http://{address}"), asked)
}

#[tokio::test]
async fn github_tells_who_somebody_is_by_its_api() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let (url, asked) = github().await;
    let wish = json!({
        "kind": "github", "issuer": url, "client_id": "berth", "client_secret": "hush",
        "allowed_groups": ["acme/platform"], "groups": { "acme/platform": "platform" },
    });
    admin.put_json("/api/v1/providers/github", wish).await.ok();
    let mut browser = Browser::new();
    let begin = async |browser: &mut Browser| {
        let start = format!("{}/auth/github/start?return=/device", berth.url());
        let start = browser.ask(Method::GET, &start, None).await.status(303);
        let location: reqwest::Url = start.answer.header("location").parse().unwrap();
        assert!(
            location.as_str().starts_with(&format!("{url}/login/oauth/authorize?")),
            "{location}"
        );
        location.query_pairs().into_owned().collect::<BTreeMap<String, String>>()
    };
    let query = begin(&mut browser).await;
    assert_eq!(query["scope"], "read:user user:email read:org");
    let callback = format!("{}/auth/github/callback", berth.url());
    let wrong =
        browser.go(&format!("{callback}?code=bad&state={}", query["state"])).await.status(403);
    wrong.says("GitHub did not let you in: bad_verification_code");
    let query = begin(&mut browser).await;
    let page =
        browser.go(&format!("{callback}?code=good&state={}", query["state"])).await.status(200);
    assert_eq!(page.url.path(), "/device");
    let me = identity(&mut browser, &berth).await;
    assert_eq!((&me["name"], &me["full_name"]), (&json!("octo-cat"), &json!("Mona")));
    let subjects = me["subjects"].to_string();
    for subject in ["group:github/acme", "group:platform", "group:github/org-99"] {
        assert!(subjects.contains(&format!("\"{subject}\"")), "{subjects}");
    }
    // The code was redeemed with what only this browser's sign-in knew.
    let asked = asked.lock().unwrap().join("\n");
    assert!(asked.contains("code_verifier=") && asked.contains("client_secret=hush"), "{asked}");
}

#[test]
fn the_command_line_sets_providers_up() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    berth(data, ["user", "add", "boss", "--generate", "--role", "administrator", "--data", "data"])
        .ok();
    let provider =
        |arguments: &[&str]| berth(data, [&["provider"], arguments, &["--data", "data"]].concat());
    std::fs::write(data.join("secret"), "hush\n").unwrap();
    let acme = [
        "add",
        "acme",
        "--kind",
        "keycloak",
        "--issuer",
        "https://sso.example/realms/acme",
        "--client-id",
        "berth",
        "--client-secret-file",
        "secret",
        "--group",
        "/admins=operators",
        "--sign-in-every",
        "7d",
    ];
    let said = provider(&acme).ok().says(["people can sign in by acme"]);
    assert_eq!(said.stdout.trim(), "/auth/acme/callback");
    provider(&["add", "gh", "--kind", "github", "--client-id", "x"])
        .exit(1)
        .says(["everybody in the world"]);
    provider(&["add", "gh", "--kind", "github", "--client-id", "x", "--allow-group", "acme"]).ok();
    provider(&["disable", "gh"]).ok();
    let list = provider(&["list", "--json"]).ok();
    assert!(!list.stdout.contains("hush"));
    let list = list.json();
    assert_eq!(list[0]["groups"], json!({ "/admins": "operators" }));
    assert_eq!(
        (&list[0]["has_client_secret"], &list[0]["sign_in_every"]),
        (&json!(true), &json!("7d"))
    );
    assert_eq!((&list[1]["name"], &list[1]["is_disabled"]), (&json!("gh"), &json!(true)));
    assert!(provider(&["list"]).ok().stdout.contains("gh    disabled  github"));
    provider(&["enable", "gh"]).ok();
    provider(&["remove", "gh"]).ok();
    provider(&["remove", "gh"]).exit(1).says(["there is no provider `gh`"]);
}
