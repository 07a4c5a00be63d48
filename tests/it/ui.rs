//! How the web UI is served.

use reqwest::Method;

use crate::support::{Answer, TestApp};

async fn get(berth: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    let client = berth.anonymous();
    let mut request = client.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

#[tokio::test]
async fn browsers_are_sent_to_the_ui_and_programs_are_not() {
    let berth = TestApp::start().await;
    let to = get(&berth, "/", &[HTML]).await.status(303);
    assert_eq!(to.header("location"), "/ui/");
    get(&berth, "/", &[]).await.status(404);
    let sign_in = get(&berth, "/login?return=/device", &[HTML]).await.status(303);
    assert_eq!(sign_in.header("location"), "/ui/sign-in?return=/device");
    get(&berth, "/login?plain=1", &[HTML]).await.ok();
    get(&berth, "/v2/", &[HTML]).await.status(401);
}

#[tokio::test]
async fn every_page_of_the_ui_is_the_index_and_runs_nothing_of_its_own() {
    let berth = TestApp::start().await;
    for path in ["/ui/", "/ui/repo/team/app", "/ui/repo/team/app/-/image/v1"] {
        let page = get(&berth, path, &[]).await.ok();
        assert_eq!(page.header("cache-control"), "no-cache");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let policy = page.header("content-security-policy").to_owned();
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
        let html = page.text();
        assert!(html.contains("<script type=\"module\""), "{html}");
        assert!(!html.contains("<style") && !html.contains("https://"), "{html}");
        let inline = html
            .split("<script")
            .skip(1)
            .filter(|tag| !tag.split('>').next().unwrap().contains("src="));
        assert_eq!(inline.count(), 0, "a script in the page");
    }
}

#[tokio::test]
async fn files_are_compressed_and_kept_by_browsers_for_good() {
    let berth = TestApp::start().await;
    let html = get(&berth, "/ui/", &[]).await.ok().text();
    let script = html.split("src=\"").find(|part| part.starts_with("/ui/assets/")).unwrap();
    let script = &script[..script.find('"').unwrap()];
    let plain = get(&berth, script, &[]).await.ok();
    assert_eq!(plain.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(plain.header("vary"), "accept-encoding");
    let mut sizes = vec![plain.bytes.len()];
    for encoding in ["gzip", "br"] {
        let packed = get(&berth, script, &[("accept-encoding", encoding)]).await.ok();
        assert_eq!(packed.header("content-encoding"), encoding);
        assert_ne!(packed.header("etag"), plain.header("etag"));
        sizes.push(packed.bytes.len());
    }
    assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");

    let known = plain.header("etag").to_owned();
    let unchanged = get(&berth, script, &[("if-none-match", &known)]).await.status(304);
    assert!(unchanged.bytes.is_empty());
    let head = berth.anonymous().head(script).await.ok();
    assert_eq!(head.header("content-length"), plain.bytes.len().to_string());
    get(&berth, "/ui/assets/none.js", &[]).await.status(404);
}

#[tokio::test]
async fn the_ui_can_be_switched_off() {
    let berth = TestApp::start_with(|config| config.ui.enabled = false).await;
    get(&berth, "/", &[HTML]).await.status(404);
    get(&berth, "/ui/", &[HTML]).await.status(404);
    get(&berth, "/login", &[HTML]).await.ok();
}
