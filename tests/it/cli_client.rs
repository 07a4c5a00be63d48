//! `berth login`, `berth repo`, `berth tag` and `berth manifest`: the real program against a whole Berth.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::copy::Person;
use crate::support::{Image, TestApp};

fn stored(person: &Person) -> Option<Value> {
    let text = std::fs::read(person.home().join(".docker/config.json")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn a_login_is_tried_before_it_is_stored_and_forgotten_on_logout() {
    let app = TestApp::start().await;
    app.admin().await;
    let (ann, address) = (Person::new(), app.address().to_string());
    let login = ["login", &address, "--username", "admin", "--password-stdin"];
    ann.reads(login, "wrong password").await.exit(1).says(["refused admin"]);
    assert_eq!(stored(&ann), None);
    let said = ann.reads(login, "correct horse battery\n").await.ok();
    assert!(!format!("{said:?}").contains("horse"), "{said:?}");
    assert!(stored(&ann).unwrap()["auths"][&address]["auth"].is_string());
    let file = std::fs::metadata(ann.home().join(".docker/config.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    // Commands now know where to turn to.
    ann.berth(["repo", "list"]).await.ok();
    ann.berth(["logout", &address]).await.ok();
    assert_eq!(stored(&ann).unwrap()["auths"], json!({}));
    ann.berth(["repo", "list", "--server", &app.url()]).await.exit(1).says(["berth login"]);
}

#[tokio::test]
async fn without_a_terminal_nothing_is_asked() {
    let app = TestApp::start().await;
    let (ann, address) = (Person::new(), app.address().to_string());
    ann.berth(["login", &address, "--password-stdin"]).await.exit(1).says(["--username"]);
    ann.berth(["login", &address, "--username", "admin"]).await.exit(1).says(["--password-stdin"]);
}

#[tokio::test]
async fn repositories_are_listed_shown_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in ["team/app", "team/other", "z"] {
        admin.push(name, "v1", &Image::of(["one"])).await;
    }
    admin.push("team/app", "v2", &Image::of(["one", "two"])).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let listed = ann.berth(["repo", "list", "--json"]).await.ok().json();
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["team/app", "team/other", "z"]);
    assert_eq!((&listed[0]["tags"], &listed[0]["manifests"]), (&json!(2), &json!(2)));
    let limited = ann.berth(["repo", "list", "--json", "--limit", "2"]).await.ok().json();
    assert_eq!(limited.as_array().unwrap().len(), 2);
    let table = ann.berth(["repo", "list"]).await.ok().stdout;
    assert!(table.starts_with("NAME") && table.lines().count() == 4, "{table}");
    let shown = ann.berth(["repo", "show", "team/app", "--json"]).await.ok().json();
    assert_eq!(shown, listed[0]);
    let delete = ["repo", "delete", "team/app"];
    ann.berth(delete).await.exit(1).says(["2 tags, 2 manifests", "--yes"]);
    admin.get("/v2/team/app/tags/list").await.ok();
    ann.berth(["repo", "delete", "team/app", "--yes"]).await.ok();
    admin.get("/v2/team/app/tags/list").await.status(404);
    ann.berth(delete).await.exit(1).says(["team/app"]);
}

#[tokio::test]
async fn tags_are_listed_shown_deleted_and_remembered() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let old = admin.push("team/app", "v1", &Image::of(["one"])).await;
    let new = admin.push("team/app", "v1", &Image::of(["two"])).await;
    admin.push("team/app", "v2", &Image::of(["two"])).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let listed = ann.berth(["tag", "list", "team/app", "--json"]).await.ok().json();
    assert_eq!((&listed[0]["name"], &listed[1]["name"]), (&json!("v1"), &json!("v2")));
    let shown = ann.berth(["tag", "show", "team/app:v1", "--json"]).await.ok().json();
    assert_eq!((&shown["digest"], &shown["updated_by"]), (&json!(new), &json!("admin")));
    assert!(ann.berth(["tag", "show", "team/app:v1"]).await.ok().stdout.contains(new.as_str()));
    ann.berth(["tag", "delete", "team/app:v1"]).await.exit(1).says([new.as_str(), "--yes"]);
    ann.berth(["tag", "delete", "team/app:v1", "-y"]).await.ok();
    ann.berth(["tag", "show", "team/app:v1"]).await.exit(1).says(["v1"]);
    admin.get(&format!("/v2/team/app/manifests/{new}")).await.ok();
    let history = ann.berth(["tag", "history", "team/app:v1", "--json"]).await.ok().json();
    let actions: Vec<&Value> =
        history.as_array().unwrap().iter().map(|one| &one["action"]).collect();
    assert_eq!(actions, ["delete", "push", "push"]);
    assert_eq!(history[1]["previous"], json!(old));
    let last = ann.berth(["tag", "history", "team/app:v1", "--json", "--limit", "1"]).await.ok();
    assert_eq!(last.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn long_lists_are_read_to_their_end() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let image = Image::of(["one"]);
    admin.push("team/app", "first", &image).await;
    for number in 0..600 {
        let tag = format!("v{number}");
        admin
            .put_manifest("team/app", &tag, image.media_type(), image.manifest())
            .await
            .status(201);
    }
    let ann = Person::new();
    ann.logs_in(&app).await;
    let listed = ann.berth(["tag", "list", "team/app", "--json"]).await.ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 601);
    let limited = ann.berth(["tag", "list", "team/app", "--json", "--limit", "550"]).await.ok();
    assert_eq!(limited.json().as_array().unwrap().len(), 550);
}

#[tokio::test]
async fn a_manifest_is_shown_for_people_and_for_programs() {
    let app = TestApp::start().await;
    let image = Image::of(["one"]);
    let digest = app.admin().await.push("team/app", "v1", &image).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    let raw = ann.berth(["manifest", "show", "team/app:v1", "--raw"]).await.ok();
    assert_eq!(raw.stdout.as_bytes(), image.manifest());
    let by_digest = format!("team/app@{digest}");
    let said = ann.berth(["manifest", "show", &by_digest]).await.ok().stdout;
    assert!(said.starts_with(&format!("digest      {digest}\n")), "{said}");
    let json = ann.berth(["manifest", "show", &by_digest, "--json"]).await.ok().json();
    let manifest: Value = serde_json::from_slice(&image.manifest()).unwrap();
    assert_eq!((&json["digest"], &json["manifest"]), (&json!(digest), &manifest));
    ann.berth(["manifest", "show", "team/app:v9"]).await.exit(1).says(["no manifest v9"]);
}

#[tokio::test]
async fn a_reader_is_told_what_is_missing() {
    let app = TestApp::start().await;
    app.admin().await.push("team/app", "v1", &Image::of(["one"])).await;
    app.reader("rita").await;
    let (rita, address) = (Person::new(), app.address().to_string());
    let login = ["login", &address, "--username", "rita", "--password-stdin"];
    rita.reads(login, "correct horse battery").await.ok();
    rita.berth(["tag", "list", "team/app"]).await.ok();
    rita.berth(["tag", "delete", "team/app:v1", "--yes"]).await.exit(1).says(["hint"]);
    rita.berth(["repo", "delete", "team/app", "--yes"]).await.exit(1).says(["hint"]);
    app.admin().await.get("/v2/team/app/manifests/v1").await.ok();
}
