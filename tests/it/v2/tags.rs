//! The list of tags.

use super::{OCI_MANIFEST, push_config};
use crate::support::{Answer, Client, Image, TestApp};

const TAGS: [&str; 7] = ["10", "9", "V1", "_under", "a.b-c", "latest", "v1"];

async fn with_tags(berth: &TestApp, tags: &[&str]) -> Client {
    let admin = berth.admin().await;
    push_config(&admin, "team/app").await;
    for tag in tags.iter().rev() {
        let manifest = Image::of([]).manifest();
        admin.put_manifest("team/app", tag, OCI_MANIFEST, manifest).await.status(201);
    }
    admin
}

async fn list(client: &Client, query: &str) -> Answer {
    client.get(&format!("/v2/team/app/tags/list{query}")).await
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.json()["name"], "team/app");
    serde_json::from_value(answer.json()["tags"].clone()).unwrap()
}

#[tokio::test]
async fn tags_are_listed_in_the_order_of_their_bytes() {
    let berth = TestApp::start().await;
    let admin = with_tags(&berth, &TAGS).await;
    let all = list(&admin, "").await.ok();
    assert_eq!(names(&all), TAGS);
    assert_eq!(all.header("content-type"), "application/json");
    assert_eq!(all.find_header("link"), None);
}

/// The conformance suite sends no `n` and expects all the rest in one answer.
#[tokio::test]
async fn last_is_exclusive_and_need_not_exist() {
    let berth = TestApp::start().await;
    let admin = with_tags(&berth, &TAGS).await;
    for (last, from) in [
        ("10", 1),
        ("1", 0),
        ("", 0),
        ("latest", 6),
        ("lates", 5),
        ("v1", 7),
        ("zzz", 7),
        ("%C3%A4", 7),
    ] {
        let page = list(&admin, &format!("?last={last}")).await.ok();
        assert_eq!(names(&page), TAGS[from..], "{last}");
        assert_eq!(page.find_header("link"), None);
    }
}

#[tokio::test]
async fn pages_are_linked_until_nothing_follows() {
    let berth = TestApp::start().await;
    let admin = with_tags(&berth, &TAGS).await;
    for (n, sizes) in
        [(1, &[1; 7][..]), (2, &[2, 2, 2, 1]), (3, &[3, 3, 1]), (7, &[7]), (100, &[7])]
    {
        let (mut seen, mut pages) = (Vec::new(), Vec::new());
        let mut next = Some(format!("/v2/team/app/tags/list?n={n}&other=kept"));
        while let Some(path) = next {
            let page = admin.get(&path).await.ok();
            pages.push(names(&page).len());
            seen.extend(names(&page));
            next = page.find_header("link").map(linked);
            assert!(next.iter().all(|next| next.contains("other=kept")), "{next:?}");
        }
        assert_eq!((&seen[..], &pages[..]), (&TAGS.map(str::to_owned)[..], sizes), "n={n}");
    }
}

/// The path of a `Link` to the next page.
pub(super) fn linked(link: &str) -> String {
    let (path, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(rest, "; rel=\"next\"");
    assert!(path.starts_with("/v2/"), "{path}");
    path.to_owned()
}

#[tokio::test]
async fn n_of_zero_is_an_empty_list_without_a_link() {
    let berth = TestApp::start().await;
    let admin = with_tags(&berth, &TAGS).await;
    let none = list(&admin, "?n=0").await.ok();
    assert_eq!((names(&none).len(), none.find_header("link")), (0, None));
}

#[tokio::test]
async fn n_that_is_no_number_is_400() {
    let berth = TestApp::start().await;
    let admin = with_tags(&berth, &TAGS).await;
    for n in ["-1", "a", "1.5", "", "+1", "1e3", "0x10", "99999999999999999999999999", "%00"] {
        for path in ["/v2/team/app/tags/list", "/v2/_catalog", "/api/v1/repositories"] {
            let answer = admin.get(&format!("{path}?n={n}")).await;
            answer.fails(400, "UNSUPPORTED");
        }
    }
    assert_eq!(names(&list(&admin, "?n=18446744073709551615").await.ok()), TAGS);
}

/// Docker and Harbor clients stumble over `null`.
#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list() {
    let berth = TestApp::start().await;
    let admin = with_tags(&berth, &["v1"]).await;
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    assert_eq!(list(&admin, "").await.ok().text(), r#"{"name":"team/app","tags":[]}"#);
    admin.get("/v2/team/none/tags/list").await.fails(404, "NAME_UNKNOWN");
}

/// Clients find them with GET and by listing; only a UI may hide them.
#[tokio::test]
async fn fallback_and_signature_tags_are_listed_like_others() {
    let berth = TestApp::start().await;
    let hex = "0".repeat(64);
    let tags = [format!("sha256-{hex}"), format!("sha256-{hex}.sig")];
    let admin = with_tags(&berth, &[&tags[0], &tags[1]]).await;
    assert_eq!(names(&list(&admin, "").await.ok()), tags);
    admin.get(&format!("/v2/team/app/manifests/{}", tags[1])).await.ok();
}

#[tokio::test]
async fn a_tag_has_128_characters_at_most() {
    let berth = TestApp::start().await;
    let longest = "t".repeat(128);
    let admin = with_tags(&berth, &[&longest]).await;
    assert_eq!(names(&list(&admin, "").await.ok()), [longest.as_str()]);
    let longer = format!("{longest}t");
    let manifest = Image::of([]).manifest();
    let refused = admin.put_manifest("team/app", &longer, OCI_MANIFEST, manifest).await;
    refused.fails(400, "MANIFEST_INVALID");
}
