//! What an operator looks at: health, readiness, figures, request ids.

use std::collections::BTreeMap;

use reqwest::Method;

use crate::support::{Image, TestApp};

#[tokio::test]
async fn health_and_readiness_are_open() {
    let berth = TestApp::start().await;
    for path in ["/healthz", "/readyz"] {
        berth.anonymous().get(path).await.ok();
        berth.anonymous().head(path).await.ok();
        // A probe with a wrong password still is one.
        berth.anonymous().with_password("nobody", "x").get(path).await.ok();
        berth.anonymous().post(path, "").await.fails(405, "UNSUPPORTED");
    }
}

#[tokio::test]
async fn figures_are_for_those_who_may_log_in() {
    let berth = TestApp::start().await;
    berth.anonymous().get("/metrics").await.fails(401, "UNAUTHORIZED");
    berth.anonymous().with_password("nobody", "x").get("/metrics").await.fails(401, "UNAUTHORIZED");
    let rita = berth.reader("rita").await;
    rita.get("/metrics").await.ok();
    rita.log_in(&[]).await.get("/metrics").await.ok();

    let open = TestApp::start_with(|config| config.metrics.public = true).await;
    open.anonymous().get("/metrics").await.ok();
    open.anonymous().with_password("nobody", "x").get("/metrics").await.ok();
}

/// Reads the text format (`OpenMetrics` 1.0) and checks what a scraper relies on; gives the values by name and labels.
#[track_caller]
fn read_metrics(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<_> = comment.splitn(3, ' ').collect();
            match words[..] {
                ["TYPE", name, kind] => {
                    assert!(kinds.insert(name, kind).is_none(), "{name} is declared twice");
                }
                ["HELP", _, help] => assert!(!help.is_empty()),
                ["EOF"] => {}
                _ => panic!("what is `{line}`?"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("`{line}`"));
        let name = series.split('{').next().unwrap();
        assert!(name.starts_with("berth_"), "{line}");
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        );
        let family = |suffix: &str| name.strip_suffix(suffix).and_then(|name| kinds.get(name));
        let known = match kinds.get(name) {
            Some(kind) => *kind == "gauge",
            None => {
                family("_total") == Some(&"counter")
                    || ["_bucket", "_sum", "_count"]
                        .iter()
                        .any(|end| family(end) == Some(&"histogram"))
            }
        };
        assert!(known, "`{line}` has no type");
        let number: f64 = value.parse().unwrap_or_else(|_| panic!("`{line}`"));
        assert!(number.is_finite() && number >= 0.0, "{line}");
        assert!(
            values.insert(series.to_owned(), value.to_owned()).is_none(),
            "{series} stands there twice"
        );
    }
    values
}

#[tokio::test]
async fn the_figures_tell_what_happened() {
    let berth = TestApp::start().await;
    let ann = berth.writer("ann").await;
    ann.push("team/app", "v1", &Image::of(["hello"])).await;
    ann.get("/v2/team/app/manifests/v1").await.ok();
    ann.get("/v2/team/app/manifests/none").await.status(404);
    ann.start_upload("team/app").await;
    berth.anonymous().get("/nothing/here").await.status(404);
    let odd = ann.request(Method::from_bytes(b"BREW").unwrap(), "/v2/");
    ann.send(odd).await.status(405);

    let answer = ann.get("/metrics").await.ok();
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    let values = read_metrics(&answer.text());
    let of = |series: &str| -> u64 {
        let value = values.get(series).unwrap_or_else(|| panic!("no {series}\n{}", answer.text()));
        value.parse().unwrap_or_else(|_| panic!("{series} is {value}"))
    };
    assert_eq!(
        of("berth_http_requests_total{method=\"GET\",route=\"manifest\",status=\"2xx\"}"),
        1
    );
    assert_eq!(
        of("berth_http_requests_total{method=\"GET\",route=\"manifest\",status=\"4xx\"}"),
        1
    );
    assert_eq!(
        of("berth_http_requests_total{method=\"PUT\",route=\"manifest\",status=\"2xx\"}"),
        1
    );
    assert_eq!(of("berth_http_requests_total{method=\"other\",route=\"base\",status=\"4xx\"}"), 1);
    assert_eq!(of("berth_http_requests_total{method=\"GET\",route=\"other\",status=\"4xx\"}"), 1);
    // A histogram's buckets only rise, and the last holds all.
    let series = "berth_http_request_duration_seconds_bucket{le=\"";
    let labels = "\",method=\"GET\",route=\"manifest\"}";
    let mut buckets: Vec<(f64, u64)> = values
        .iter()
        .filter_map(|(name, count)| {
            let bound = name.strip_prefix(series)?.strip_suffix(labels)?;
            Some((bound.replace('+', "").parse().unwrap(), count.parse().unwrap()))
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(buckets.len() > 5, "{buckets:?}\n{}", answer.text());
    assert!(buckets.is_sorted_by_key(|(_, count)| *count));
    let (bound, count) = buckets.last().unwrap();
    assert!(bound.is_infinite() && *count == 2, "{buckets:?}");
    assert_eq!(
        of("berth_http_request_duration_seconds_count{method=\"GET\",route=\"manifest\"}"),
        2
    );

    assert_eq!(of("berth_uploads_open"), 1);
    assert_eq!(of("berth_uploads_receiving"), 0);
    for rising in [
        "berth_http_received_bytes_total",
        "berth_http_sent_bytes_total",
        "berth_http_connections",
        "berth_database_commits_total",
        "berth_database_changes_total",
        "berth_database_size_bytes",
        "berth_storage_free_bytes",
    ] {
        assert!(of(rising) > 0, "{rising}");
    }
    assert_eq!(of("berth_storage_reserve_bytes"), 0);
}

#[tokio::test]
async fn a_requests_id_comes_back() {
    let berth = TestApp::start().await;
    let ask = async |id: Option<&str>| {
        let request = berth.anonymous().request(Method::GET, "/v2/");
        let request = match id {
            Some(id) => request.header("x-request-id", id),
            None => request,
        };
        berth.anonymous().send(request).await.header("x-request-id").to_owned()
    };
    for good in ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "A.b_c-1", &"x".repeat(64)] {
        assert_eq!(ask(Some(good)).await, good);
    }
    for bad in ["", "a b", "a\"b", "{}", "a;b", "\u{e4}", &"x".repeat(65)] {
        let id = ask(Some(bad)).await;
        assert!(id != bad && id.len() == 12, "{bad}: {id}");
    }
    assert_ne!(ask(None).await, ask(None).await);
}
