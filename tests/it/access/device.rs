//! Machines that are let in by somebody at a browser elsewhere (RFC 8628), and the pages for that.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::tokens::post_form;
use crate::support::{
    Answer, Browser, Image, PASSWORD, Page, Process, TestApp, berth_command, encode, eventually,
};

async fn form(berth: &TestApp, path: &str, body: &str) -> Answer {
    let client = berth.anonymous();
    let request = client.request(Method::POST, path);
    let form_type = "application/x-www-form-urlencoded";
    client.send(request.header("content-type", form_type).body(body.to_owned())).await
}

/// A machine begins to wait.
async fn begin(berth: &TestApp) -> Value {
    form(berth, "/auth/device", "client_id=berth&machine=ann%40laptop").await.ok().json()
}

/// It asks whether it is let in.
async fn poll(berth: &TestApp, started: &Value) -> Answer {
    let grant = encode("urn:ietf:params:oauth:grant-type:device_code");
    let code = started["device_code"].as_str().unwrap();
    post_form(&berth.anonymous(), &format!("grant_type={grant}&device_code={code}&client_id=berth"))
        .await
}

#[track_caller]
fn refuses(answer: &Answer, word: &str) {
    assert_eq!((answer.code, &answer.json()["error"]), (400, &json!(word)), "{}", answer.text());
    assert_eq!(answer.json()["errors"][0]["code"], "UNSUPPORTED");
}

/// Signs in with the tests' password, on the page that a browser was sent to.
async fn sign_in(browser: &mut Browser, page: &Page, name: &str) -> Page {
    let form = page.form().with("username", name).with("password", PASSWORD);
    browser.submit(page, &form).await
}

#[tokio::test]
async fn a_machine_is_let_in_by_somebody_at_a_browser() {
    let berth = TestApp::start().await;
    berth.writer("ann").await;
    let started = begin(&berth).await;
    assert_eq!(started["verification_uri"], format!("{}/device", berth.url()));
    assert_eq!((&started["interval"], &started["expires_in"]), (&json!(5), &json!(600)));
    let code = started["user_code"].as_str().unwrap();
    refuses(&poll(&berth, &started).await, "authorization_pending");
    // Sooner than it may: it has to wait longer from now on.
    berth.turn_clock(Duration::from_secs(2));
    refuses(&poll(&berth, &started).await, "slow_down");
    berth.turn_clock(Duration::from_secs(6));
    refuses(&poll(&berth, &started).await, "slow_down");
    berth.turn_clock(Duration::from_secs(15));
    refuses(&poll(&berth, &started).await, "authorization_pending");

    // The browser is sent to the sign-in first, and comes back with the code.
    let mut browser = Browser::new();
    let login =
        browser.go(started["verification_uri_complete"].as_str().unwrap()).await.status(200);
    assert_eq!(login.url.path(), "/login");
    let page = sign_in(&mut browser, &login, "ann")
        .await
        .status(200)
        .says("signed in as <strong>ann</strong>");
    assert_eq!(page.url.path(), "/device");
    let form = page.form();
    assert_eq!(form.fields["user_code"], code);
    let confirm = browser.submit(&page, &form).await.status(200);
    for told in ["ann@laptop", "127.0.0.1", code, "as <strong>ann</strong>", "Refuse it"] {
        assert!(confirm.text().contains(told), "{told}: {}", confirm.text());
    }
    // Looking is not deciding.
    berth.turn_clock(Duration::from_secs(20));
    refuses(&poll(&berth, &started).await, "authorization_pending");
    let done = browser.submit(&confirm, &confirm.form().with("step", "approve")).await.status(200);
    done.says("It is let in");

    berth.turn_clock(Duration::from_secs(20));
    let answer = poll(&berth, &started).await.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = answer.json();
    assert_eq!((&token["username"], &token["token_type"]), (&json!("ann"), &json!("Bearer")));
    assert_eq!(token["expires_in"], 90 * 86_400);
    let secret = token["access_token"].as_str().unwrap();
    assert!(secret.starts_with("brt_"));
    let ann = berth.anonymous().with_password("ann", secret);
    ann.push("team/app", "v1", &Image::of(["x"])).await;
    let tokens = ann.get("/api/v1/tokens").await.ok().json();
    assert_eq!(tokens["tokens"][0]["name"], format!("login of ann@laptop ({code})"));
    // It is told once.
    refuses(&poll(&berth, &started).await, "expired_token");
    browser.submit(&confirm, &confirm.form().with("step", "approve")).await.status(404);
}

#[tokio::test]
async fn a_machine_that_is_refused_or_waits_too_long_gets_nothing() {
    let berth = TestApp::start().await;
    berth.writer("ann").await;
    let mut browser = Browser::new();
    let login = browser.go(&format!("{}/device", berth.url())).await;
    let page = sign_in(&mut browser, &login, "ann").await.status(200);
    let refused = begin(&berth).await;
    let typed = refused["user_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let confirm = browser.submit(&page, &page.form().with("user_code", &typed)).await.status(200);
    browser.submit(&confirm, &confirm.form().with("step", "deny")).await.says("It is refused");
    refuses(&poll(&berth, &refused).await, "access_denied");

    let late = begin(&berth).await;
    berth.turn_clock(Duration::from_mins(10));
    refuses(&poll(&berth, &late).await, "expired_token");
    let form = page.form().with("user_code", late["user_code"].as_str().unwrap());
    browser.submit(&page, &form).await.status(404).says("No machine waits under this code");
    refuses(&poll(&berth, &json!({ "device_code": "guessed" })).await, "expired_token");
    let grant = encode("urn:ietf:params:oauth:grant-type:device_code");
    refuses(
        &post_form(&berth.anonymous(), &format!("grant_type={grant}")).await,
        "invalid_request",
    );
    refuses(&post_form(&berth.anonymous(), "grant_type=implicit").await, "unsupported_grant_type");

    // Somebody who is shut out between the approval and the question gets nothing either.
    let started = begin(&berth).await;
    let form = page.form().with("user_code", started["user_code"].as_str().unwrap());
    let confirm = browser.submit(&page, &form).await.status(200);
    browser.submit(&confirm, &confirm.form().with("step", "approve")).await.status(200);
    let admin = berth.admin().await;
    admin.patch_json("/api/v1/users/ann", json!({ "is_disabled": true })).await.ok();
    refuses(&poll(&berth, &started).await, "access_denied");
}

#[tokio::test]
async fn codes_cannot_be_guessed_and_machines_cannot_wait_without_end() {
    let berth = TestApp::start_with(|config| config.auth.failed_logins = 5).await;
    berth.writer("ann").await;
    let mut browser = Browser::new();
    let login = browser.go(&format!("{}/device", berth.url())).await;
    let page = sign_in(&mut browser, &login, "ann").await.status(200);
    for guess in ["BCDF-GHJK", "", "nonsense", "BCDFGHJL", "<script>"] {
        let form = page.form().with("user_code", guess);
        let answer = browser.submit(&page, &form).await.status(404);
        assert!(!answer.text().contains("<script>"));
    }
    let started = begin(&berth).await;
    let form = page.form().with("user_code", started["user_code"].as_str().unwrap());
    let answer = browser.submit(&page, &form).await.status(429).says("too many");
    assert!(answer.answer.find_header("retry-after").is_some());
    for _ in 0..19 {
        begin(&berth).await;
    }
    let full = form_of_machine(&berth).await;
    full.fails(429, "TOOMANYREQUESTS").header("retry-after");
    berth.turn_clock(Duration::from_mins(11));
    begin(&berth).await;
}

async fn form_of_machine(berth: &TestApp) -> Answer {
    form(berth, "/auth/device", "client_id=berth").await
}

#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    let berth = TestApp::start().await;
    berth.writer("ann").await;
    let mut browser = Browser::new();
    let login = browser.go(&format!("{}/login", berth.url())).await.status(200);
    // Without the token of the page, or with another one, or with none of the browser's.
    for token in ["", "wrong"] {
        let form =
            login.form().with("form", token).with("username", "ann").with("password", PASSWORD);
        browser.submit(&login, &form).await.status(403).says("CSRF");
    }
    let mut stranger = Browser::new();
    let form = login.form().with("username", "ann").with("password", PASSWORD);
    stranger.submit(&login, &form).await.status(403);
    let wrong = browser
        .submit(&login, &login.form().with("username", "ann\"<").with("password", "x"))
        .await;
    let wrong = wrong.status(401).says("the user name or password is wrong");
    assert!(wrong.text().contains("value=\"ann&quot;&lt;\""), "{}", wrong.text());
    let page = sign_in(&mut browser, &login, "ann").await.status(200);
    let started = begin(&berth).await;
    for path in ["/device", "/logout"] {
        let mut fields: BTreeMap<_, _> = page.form().fields;
        fields.insert("csrf".into(), "wrong".into());
        fields.insert("user_code".into(), started["user_code"].as_str().unwrap().into());
        fields.insert("step".into(), "approve".into());
        let mut form = page.form();
        (form.action, form.fields) = (path.into(), fields);
        browser.submit(&page, &form).await.status(403).says("CSRF");
    }
    refuses(&poll(&berth, &started).await, "authorization_pending");
    // And out again, with the page's own form.
    browser.submit(&page, &page.form()).await.status(200);
    browser
        .go(&format!("{}/device", berth.url()))
        .await
        .status(200)
        .says("Sign in with a password");
}

#[tokio::test]
async fn pages_run_nothing_and_are_framed_by_nobody() {
    let berth = TestApp::start().await;
    for path in [
        "/login",
        "/login?return=//evil.example",
        "/device",
        "/auth/none/start",
        "/auth/none/callback",
    ] {
        let mut browser = Browser::new();
        let page = browser.go(&format!("{}{path}", berth.url())).await;
        let policy = page.answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(
            policy.ends_with("form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(page.answer.header("cache-control"), "no-store");
        assert_eq!(page.answer.header("content-type"), "text/html; charset=utf-8");
        let html = page.text();
        assert!(!html.contains("<script") && !html.contains("evil.example"), "{html}");
        assert!(html.contains("<html lang=\"en\">") && html.contains("<h1>"), "{html}");
        assert!(page.answer.find_header("www-authenticate").is_none());
    }
}

#[tokio::test]
async fn berth_login_waits_for_a_browser_and_keeps_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let process = Process::start(&data.join("data"));
    let url = process.url().to_owned();
    let mut command = berth_command(data);
    command
        .args(["login", &url])
        .env("HOME", data)
        .env("DOCKER_CONFIG", data)
        .env_remove("XDG_CONFIG_HOME");
    let log = std::fs::File::create(data.join("said")).unwrap();
    let mut child = command.stderr(log).stdout(Stdio::null()).spawn().unwrap();
    let link = eventually("the machine says where to go", async || {
        let said = std::fs::read_to_string(data.join("said")).unwrap();
        let link = said.split_whitespace().find(|word| word.starts_with("http"))?;
        said.contains("shows the code").then(|| link.to_owned())
    })
    .await;
    let mut browser = Browser::new();
    let login = browser.go(&link).await.status(200);
    let page = sign_in(&mut browser, &login, "admin").await.status(200);
    let form = page.form();
    let confirm = browser.submit(&page, &form).await.status(200);
    browser.submit(&confirm, &confirm.form().with("step", "approve")).await.status(200);
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert!(status.success(), "{}", std::fs::read_to_string(data.join("said")).unwrap());
    let stored: Value =
        serde_json::from_slice(&std::fs::read(data.join("config.json")).unwrap()).unwrap();
    assert_eq!(stored["auths"].as_object().unwrap().len(), 1);
    // What it keeps is a token, and other commands go on with it.
    let mut command = berth_command(data);
    command
        .args(["token", "list", "--server", &url, "--json"])
        .env("HOME", data)
        .env("DOCKER_CONFIG", data);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let tokens: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(tokens[0]["name"].as_str().unwrap().starts_with("login of "), "{tokens}");
}
