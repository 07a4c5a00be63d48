//! The list of repositories.

use super::push_config;
use super::tags::linked;
use crate::support::{Answer, Client, TestApp};

const NAMES: [&str; 5] = ["a", "a-b", "a/b", "b", "team/app/deep"];

async fn with_repositories(berth: &TestApp) -> Client {
    let admin = berth.admin().await;
    for name in NAMES.iter().rev() {
        push_config(&admin, name).await;
    }
    admin
}

fn names(answer: &Answer) -> Vec<String> {
    serde_json::from_value(answer.json()["repositories"].clone()).unwrap()
}

#[tokio::test]
async fn an_empty_registry_lists_no_repositories() {
    let berth = TestApp::start().await;
    let all = berth.admin().await.get("/v2/_catalog").await.ok();
    assert_eq!(all.text(), r#"{"repositories":[]}"#);
}

#[tokio::test]
async fn repositories_are_listed_in_pages() {
    let berth = TestApp::start().await;
    let admin = with_repositories(&berth).await;
    let all = admin.get("/v2/_catalog").await.ok();
    assert_eq!((names(&all), all.find_header("link")), (NAMES.map(str::to_owned).to_vec(), None));
    for n in 1..=6 {
        let (mut seen, mut next) = (Vec::new(), Some(format!("/v2/_catalog?n={n}")));
        while let Some(path) = next {
            let page = admin.get(&path).await.ok();
            assert!((1..=n).contains(&names(&page).len()), "{path}");
            seen.extend(names(&page));
            next = page.find_header("link").map(linked);
        }
        assert_eq!(seen, NAMES, "n={n}");
    }
    assert_eq!(names(&admin.get("/v2/_catalog?last=a-b").await.ok()), NAMES[2..]);
    assert_eq!(names(&admin.get("/v2/_catalog?last=aa").await.ok()), NAMES[3..]);
    let none = admin.get("/v2/_catalog?n=0").await.ok();
    assert_eq!((names(&none).len(), none.find_header("link")), (0, None));
}

#[tokio::test]
async fn users_see_what_they_may_pull_from_and_strangers_are_asked_to_log_in() {
    let berth = TestApp::start().await;
    with_repositories(&berth).await;
    let rita = berth.reader("rita").await;
    assert_eq!(names(&rita.get("/v2/_catalog").await.ok()), NAMES);
    let token = rita.log_in(&["registry:catalog:*"]).await;
    assert_eq!(names(&token.get("/v2/_catalog").await.ok()), NAMES);
    let other = rita.log_in(&["repository:a:pull"]).await;
    let refused = other.get("/v2/_catalog").await.fails(401, "UNAUTHORIZED");
    assert!(refused.header("www-authenticate").contains("scope=\"registry:catalog:*\""));
    berth.anonymous().get("/v2/_catalog").await.fails(401, "UNAUTHORIZED");
}
