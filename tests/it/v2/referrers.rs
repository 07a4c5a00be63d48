//! Referrers.

use berth::oci::Digest;
use serde_json::{Value, json};

use super::tags::linked;
use super::{NOWHERE, OCI_INDEX, OCI_MANIFEST, index, push_config};
use crate::support::{Answer, Blob, Client, Image, TestApp};

/// Pushes an artifact about `subject`; returns what its descriptor must be.
async fn refer(client: &Client, subject: &Digest, more: Value) -> Value {
    push_config(client, "team/app").await;
    let mut more = more;
    more["subject"] = json!({ "mediaType": OCI_MANIFEST, "digest": subject, "size": 7 });
    let image = Image::new(vec![], more.clone());
    let digest = image.digest();
    client
        .put_manifest("team/app", digest.as_str(), OCI_MANIFEST, image.manifest())
        .await
        .status(201);
    let mut expected = image.descriptor();
    expected["artifactType"] = match &more["artifactType"] {
        Value::Null => "application/vnd.oci.image.config.v1+json".into(),
        kind => kind.clone(),
    };
    if !more["annotations"].is_null() {
        expected["annotations"] = more["annotations"].clone();
    }
    expected
}

async fn list(client: &Client, subject: impl std::fmt::Display, query: &str) -> Answer {
    let answer = client.get(&format!("/v2/team/app/referrers/{subject}{query}")).await.ok();
    assert_eq!(answer.header("content-type"), OCI_INDEX);
    assert_eq!(answer.json()["schemaVersion"], 2);
    assert_eq!(answer.json()["mediaType"], OCI_INDEX);
    answer
}

fn manifests(answer: &Answer) -> Vec<Value> {
    answer.json()["manifests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn referrers_are_never_404_even_without_a_repository() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let text = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#);
    assert_eq!(list(&admin, NOWHERE, "").await.text(), text);
    assert_eq!(list(&admin, format!("sha512:{}", "0".repeat(128)), "").await.text(), text);
    push_config(&admin, "team/app").await;
    assert_eq!(list(&admin, NOWHERE, "").await.text(), text);
}

#[tokio::test]
async fn referrers_of_a_private_repository_are_for_those_who_may_pull() {
    let berth = TestApp::start().await;
    let path = format!("/v2/team/app/referrers/{NOWHERE}");
    berth.anonymous().get(&path).await.fails(401, "UNAUTHORIZED");
    let narrow = berth.reader("rita").await.log_in(&["repository:team/other:pull"]).await;
    narrow.get(&path).await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_malformed_subject_is_400() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    for bad in ["sha256:baddigeststring", "latest", "sha256:", "md5:00", &NOWHERE.to_uppercase()] {
        let answer = admin.get(&format!("/v2/team/app/referrers/{bad}")).await;
        answer.fails(400, "DIGEST_INVALID");
    }
}

#[tokio::test]
async fn a_referrer_is_described_by_five_fields() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let expected = [
        refer(
            &admin,
            &subject,
            json!({ "artifactType": "application/x", "annotations": { "a": "b", "c": "" } }),
        )
        .await,
        // The configuration's media type stands in for the artifact's.
        refer(&admin, &subject, json!({})).await,
        refer(&admin, &subject, json!({ "annotations": { "only": "these" } })).await,
    ];
    let listed = manifests(&list(&admin, &subject, "").await);
    assert_eq!(listed.len(), 3);
    for descriptor in expected {
        assert!(listed.contains(&descriptor), "{descriptor} is not in {listed:?}");
    }
    // A subject under another algorithm is another subject.
    assert!(manifests(&list(&admin, format!("sha512:{}", "0".repeat(128)), "").await).is_empty());
}

#[tokio::test]
async fn an_index_refers_too_and_has_no_artifact_type_of_its_own() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject: Digest = NOWHERE.parse().unwrap();
    let about = json!({ "mediaType": OCI_MANIFEST, "digest": subject, "size": 7 });
    let plain = Blob::new(index(&[], json!({ "subject": about })));
    let typed = index(
        &[],
        json!({ "subject": about, "artifactType": "application/x", "annotations": { "a": "b" } }),
    );
    let typed = Blob::new(typed);
    for blob in [&plain, &typed] {
        let answer = admin
            .put_manifest("team/app", blob.digest.as_str(), OCI_INDEX, blob.bytes.clone())
            .await
            .status(201);
        assert_eq!(answer.header("oci-subject"), NOWHERE);
    }
    let mut expected = typed.descriptor(OCI_INDEX);
    expected["artifactType"] = "application/x".into();
    expected["annotations"] = json!({ "a": "b" });
    let listed = manifests(&list(&admin, &subject, "").await);
    assert_eq!(listed, [plain.descriptor(OCI_INDEX), expected]);
}

#[tokio::test]
async fn the_filter_that_was_applied_is_named_and_others_are_not() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let wanted = refer(&admin, &subject, json!({ "artifactType": "application/x+y" })).await;
    refer(&admin, &subject, json!({ "artifactType": "application/z" })).await;
    let filtered = list(&admin, &subject, "?artifactType=application/x%2By").await;
    assert_eq!(manifests(&filtered), [wanted]);
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    for (query, count, applied) in [
        ("?artifactType=application/none", 0, Some("artifactType")),
        ("?artifactType=application/vnd.oci.image.config.v1%2Bjson", 0, Some("artifactType")),
        ("?unknown=1", 2, None),
        ("", 2, None),
    ] {
        let answer = list(&admin, &subject, query).await;
        assert_eq!(manifests(&answer).len(), count, "{query}");
        assert_eq!(answer.find_header("oci-filters-applied"), applied, "{query}");
    }
    let none = list(&admin, NOWHERE, "?artifactType=application/x").await;
    assert_eq!(none.header("oci-filters-applied"), "artifactType");
}

#[tokio::test]
async fn each_page_of_referrers_is_an_index_and_keeps_the_filter() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject: Digest = NOWHERE.parse().unwrap();
    let mut expected = Vec::new();
    for i in 0..7 {
        let more =
            json!({ "artifactType": "application/x", "annotations": { "i": i.to_string() } });
        expected.push(refer(&admin, &subject, more).await);
        refer(
            &admin,
            &subject,
            json!({ "artifactType": "application/z", "annotations": { "i": i.to_string() } }),
        )
        .await;
    }
    for n in [1, 2, 3, 7, 100] {
        let mut seen = Vec::new();
        let mut query = Some(format!("?n={n}&artifactType=application/x"));
        while let Some(now) = query {
            let page = list(&admin, &subject, &now).await;
            assert_eq!(page.header("oci-filters-applied"), "artifactType");
            assert!(manifests(&page).len() <= n);
            seen.extend(manifests(&page));
            query = page.find_header("link").map(|link| {
                let path = linked(link);
                path.strip_prefix(&format!("/v2/team/app/referrers/{subject}")).unwrap().to_owned()
            });
        }
        assert_eq!(seen, expected, "n={n}");
    }
}

/// Clients read an answer as they read a manifest, of 4 MiB at most.
#[tokio::test]
async fn a_page_of_referrers_with_large_annotations_is_cut_by_its_bytes() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject: Digest = NOWHERE.parse().unwrap();
    for i in 0..5 {
        let long = json!({ "annotations": { "i": i.to_string(), "long": "x".repeat(1 << 20) } });
        refer(&admin, &subject, long).await;
    }
    let (mut seen, mut query) = (0, Some(String::new()));
    while let Some(now) = query {
        let page = list(&admin, &subject, &now).await;
        assert!(page.bytes.len() <= 4 << 20, "{} bytes", page.bytes.len());
        seen += manifests(&page).len();
        query = page.find_header("link").map(|link| {
            linked(link).split_once('?').map(|(_, query)| format!("?{query}")).unwrap()
        });
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn a_deleted_referrer_is_gone_at_once_and_a_deleted_subject_keeps_its_referrers() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject = admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let one = refer(&admin, &subject, json!({ "artifactType": "application/x" })).await;
    let two = refer(&admin, &subject, json!({ "artifactType": "application/z" })).await;
    let path = |descriptor: &Value| {
        format!("/v2/team/app/manifests/{}", descriptor["digest"].as_str().unwrap())
    };
    admin.delete(&path(&one)).await.status(202);
    assert_eq!(manifests(&list(&admin, &subject, "").await), std::slice::from_ref(&two));
    admin.delete(&format!("/v2/team/app/manifests/{subject}")).await.status(202);
    assert_eq!(manifests(&list(&admin, &subject, "").await), std::slice::from_ref(&two));
    admin.get(&path(&two)).await.ok();
}

#[tokio::test]
async fn a_referrer_in_one_repository_is_none_in_another() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let subject = admin.push("team/other", "v1", &Image::of(["hello"])).await;
    refer(&admin, &subject, json!({})).await;
    let other = admin.get(&format!("/v2/team/other/referrers/{subject}")).await.ok();
    assert!(manifests(&other).is_empty());
    assert_eq!(manifests(&list(&admin, &subject, "").await).len(), 1);
}
