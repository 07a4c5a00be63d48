//! Installed plugins in a whole Berth: what its clients see of them.

use std::sync::Arc;
use std::time::Duration;

use berth::blob::Probe;
use berth::plugin::{Bundled, Package};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Files, SHELF, guest};
use crate::support::{Client, Image, Role, TestApp};

/// Compiled code from another test, if there is some.
pub(crate) async fn warm(berth: &TestApp, package: &Package) {
    let directory = berth.directory.path().join("data/plugins");
    if let Some(files) = SHELF.lock().await.get(package.digest()) {
        files.give(&directory, &berth.app.meta, package.digest()).await;
    }
}

/// Keeps compiled code for other tests.
pub(crate) async fn keep(berth: &TestApp, package: &Package) {
    let directory = berth.directory.path().join("data/plugins");
    let mut shelf = SHELF.lock().await;
    shelf.entry(package.digest().clone()).or_insert_with(|| Files::take(&directory));
}

/// Uploads a component; gives what to install it by.
pub(crate) async fn upload(berth: &TestApp, admin: &Client, package: &Package) -> String {
    use base64::Engine as _;
    warm(berth, package).await;
    let text = base64::engine::general_purpose::STANDARD.encode(package.component());
    let kept = admin.post_json("/api/v1/plugin-files", json!({ "component": text })).await;
    keep(berth, package).await;
    kept.status(201).json()["source"].as_str().unwrap().to_owned()
}

/// Installs a component that was built for tests, with all that it asks for.
pub(crate) async fn install(berth: &TestApp, admin: &Client, name: &str, more: Value) -> Value {
    let package = guest(name);
    let source = upload(berth, admin, &package).await;
    let granted: Vec<String> = package.manifest().asks.iter().map(ToString::to_string).collect();
    let mut wish = json!({ "source": source, "granted": granted });
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post_json("/api/v1/plugins", wish).await.status(201).json()
}

pub(crate) async fn freeze(berth: &TestApp, admin: &Client, more: Value) -> Value {
    let package = Bundled::find("freeze").unwrap().package().unwrap();
    warm(berth, &package).await;
    let mut wish = json!({ "source": "bundled:freeze" });
    wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = admin.post_json("/api/v1/plugins", wish).await.status(201);
    keep(berth, &package).await;
    answer.json()
}

async fn last_events(admin: &Client, kind: &str) -> Vec<Value> {
    let events = admin.get(&format!("/api/v1/events?kind={kind}&n=50")).await.ok().json();
    events["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_plugin_that_comes_along_says_no_and_why() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let writer = berth.user("wendy", Role::Maintainer).await;
    let image = Image::of(["hello"]);
    writer.push("team/app", "v0", &image).await;
    let available = admin.get("/api/v1/bundled-plugins").await.ok().json();
    let known = available["plugins"].as_array().unwrap();
    assert!(known.iter().any(|one| one["source"] == "bundled:freeze"), "{available}");
    let settings = json!({ "message": "release week", "except": ["admin"] });
    let hooks = json!({ "admission": { "repositories": ["team/**"] } });
    let installed = freeze(&berth, &admin, json!({ "settings": settings, "hooks": hooks })).await;
    assert_eq!(installed["state"], "in-force");

    let put = |name: &'static str| {
        let (writer, image) = (writer.clone(), image.clone());
        async move { writer.put_manifest(name, "v1", image.media_type(), image.manifest()).await }
    };
    let refused = put("team/app").await.fails(403, "DENIED");
    let error = &refused.json()["errors"][0];
    assert_eq!(error["message"], "release week (freeze: freeze)");
    assert_eq!(error["detail"]["rule"], "freeze");
    writer.delete("/v2/team/app/manifests/v0").await.fails(403, "DENIED");
    writer.delete("/api/v1/repositories/team%2Fapp").await.status(403);
    writer.get("/v2/team/app/manifests/v0").await.ok();
    // Not where it is not asked, and not those whom its settings name.
    writer.push("other/app", "v1", &image).await;
    admin.push("team/app", "v1", &image).await;

    let refusals = last_events(&admin, "request.refuse").await;
    let because = |event: &Value| event["rule"] == "plugin freeze: freeze";
    assert!(refusals.iter().filter(|event| because(event)).count() >= 3, "{refusals:?}");
    let shown = admin.get("/api/v1/plugins/freeze").await.ok().json();
    assert!(shown["hooks"][0]["calls"].as_u64().unwrap() >= 4, "{shown}");
    let metrics = admin.get("/metrics").await.ok().text();
    assert!(metrics.contains("berth_plugin_calls_total{plugin=\"freeze\",hook=\"admission\""));

    let off = json!({ "is_enabled": false });
    admin.patch_json("/api/v1/plugins/freeze", off).await.ok();
    put("team/app").await.status(201);
    admin.delete("/api/v1/plugins/freeze").await.status(204);
    admin.get("/api/v1/plugins/freeze").await.status(404);
    let whats: Vec<_> = last_events(&admin, "plugin.change")
        .await
        .iter()
        .map(|event| event["detail"]["what"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(whats, ["removed", "disabled", "installed"]);
}

#[tokio::test]
async fn what_a_plugin_asks_for_is_granted_or_it_is_not_installed() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let source = upload(&berth, &admin, &guest("policy")).await;
    let wish = json!({ "source": source });
    let found = admin.post_json("/api/v1/plugin-inspections", wish.clone()).await.ok().json();
    assert_eq!(found["plugin"]["name"], "test.policy");
    assert_eq!(found["beyond"], json!(["image metadata"]));
    let kind = &found["plugin"]["schema"]["properties"]["annotation"]["type"];
    assert_eq!(kind, "string");
    let refused = admin.post_json("/api/v1/plugins", wish).await.fails(409, "CONFLICT");
    assert!(refused.text().contains("`image metadata`"), "{}", refused.text());
    let wrong = json!({ "source": source, "granted": [], "settings": { "colour": "red" } });
    let refused = admin.post_json("/api/v1/plugins", wrong).await.fails(400, "INVALID");
    assert!(refused.text().contains("colour"), "{}", refused.text());
    assert_eq!(admin.get("/api/v1/plugins").await.ok().json()["plugins"], json!([]));

    let installed = install(&berth, &admin, "policy", json!({})).await;
    assert_eq!(installed["granted"], json!(["image metadata"]));
    let image = Image::of(["hello"]);
    for blob in image.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let put = || admin.put_manifest("team/app", "v1", image.media_type(), image.manifest());
    let refused = put().await.fails(403, "DENIED");
    assert!(refused.text().contains("annotate the image with"), "{}", refused.text());
    // The same as a warning, and then not said at all.
    let warn = json!({ "hooks": { "admission": { "mode": "warn" } } });
    admin.patch_json("/api/v1/plugins/test.policy", warn).await.ok();
    let warned = put().await.status(201);
    assert!(warned.header("warning").starts_with("299 - \"test.policy would deny this"));
    let pulled = admin.get("/v2/team/app/manifests/v1").await.ok();
    assert!(pulled.header("warning").starts_with("299 - "), "a pull is warned of, too");
    let quiet = json!({ "hooks": { "admission": { "mode": "dry-run" } } });
    admin.patch_json("/api/v1/plugins/test.policy", quiet).await.ok();
    assert_eq!(put().await.status(201).find_header("warning"), None);
    let nobody = berth.user("rita", Role::Writer).await;
    nobody.get("/api/v1/plugins").await.status(403);
}

#[tokio::test]
async fn a_plugin_knows_people_and_takes_rights_away() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let settings = json!({ "users": { "ann": "secret-of-ann", "guest": "secret-of-guest" } });
    // Its other hooks are not what this is about.
    let hooks = json!({ "admission": { "mode": "dry-run" } });
    install(&berth, &admin, "useful", json!({ "settings": settings, "hooks": hooks })).await;
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    let rule =
        json!({ "subject": "group:test.useful/people", "role": "writer", "pattern": "team/**" });
    admin.post_json("/api/v1/bindings", rule).await.status(201);

    let ann = admin.with_password("ann", "secret-of-ann");
    ann.push("team/app", "v2", &Image::of(["hello"])).await;
    admin.with_password("ann", "wrong").get("/v2/").await.status(401);
    admin.with_password("bob", "whatever").get("/v2/").await.status(401);
    let account = admin.get("/api/v1/users/ann").await.ok().json();
    assert_eq!(account["groups"], json!(["test.useful/people"]), "{account}");
    // Nobody here can be impersonated by a plugin that knows the same name.
    berth.newcomer("guest2").await;
    let token = ann.log_in(&["repository:team/app:pull,push"]).await;
    token.get("/v2/team/app/manifests/v2").await.ok();

    let guest = admin.with_password("guest", "secret-of-guest");
    guest.get("/v2/team/app/manifests/v1").await.ok();
    let refused = guest.post("/v2/team/app/blobs/uploads/", "").await.fails(403, "DENIED");
    assert!(refused.text().contains("guests only read"), "{}", refused.text());

    // Whoever it vouched for is not let in any more once it is gone.
    admin.patch_json("/api/v1/plugins/test.useful", json!({ "is_enabled": false })).await.ok();
    ann.get("/v2/").await.status(401);
    token.get("/v2/team/app/manifests/v2").await.status(401);
}

#[tokio::test]
async fn a_sink_is_told_of_what_it_wants_in_order() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let hooks = json!({ "admission": { "mode": "dry-run" } });
    install(&berth, &admin, "useful", json!({ "hooks": hooks })).await;
    let mut jobs = berth.app.meta.watch_jobs();
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    admin.push("team/app", "v2", &Image::of(["hello again"])).await;
    // Scans end beside it, and it does not ask for what they say.
    let pushes = last_events(&admin, "tag.push").await;
    let last = pushes.iter().map(|event| event["id"].as_u64().unwrap()).max().unwrap();
    let kept = |event: u64| {
        let meta = berth.app.meta.clone();
        async move { meta.find_plugin_value("test.useful", &format!("event/{event}")).await.unwrap() }
    };
    while kept(last).await.is_none() {
        jobs.changed().await.unwrap();
    }
    let told: Value = serde_json::from_slice(&kept(last).await.unwrap()).unwrap();
    assert_eq!(
        (&told["type"], &told["subject"]),
        (&json!("berth.tag.push"), &json!("team/app:v2"))
    );
    // It asks for pushes, and account.add is none.
    for event in last_events(&admin, "account.add").await {
        assert!(kept(event["id"].as_u64().unwrap()).await.is_none());
    }
}

#[tokio::test]
async fn what_should_decide_and_cannot_be_loaded_stops_what_it_would_decide_about() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let berth = TestApp::start_in(Arc::clone(&directory), Probe::default(), |_| {}).await;
    let admin = berth.admin().await;
    install(&berth, &admin, "policy", json!({})).await;
    berth.stop().await;
    for kind in ["components", "compiled"] {
        std::fs::remove_dir_all(directory.path().join("data/plugins").join(kind)).unwrap();
    }
    let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
    let admin = admin.at(berth.url());
    let shown = admin.get("/api/v1/plugins/test.policy").await.ok().json();
    assert_eq!(shown["state"], "broken");
    assert!(shown["problem"].as_str().unwrap().contains("install the plugin again"), "{shown}");
    let image = Image::of(["hello"]);
    for blob in image.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let put = || admin.put_manifest("team/app", "v1", image.media_type(), image.manifest());
    let refused = put().await.fails(503, "UNAVAILABLE");
    assert!(refused.find_header("retry-after").is_some());
    admin.patch_json("/api/v1/plugins/test.policy", json!({ "is_enabled": false })).await.ok();
    put().await.status(201);
}

#[tokio::test]
async fn a_plugin_without_an_answer_does_what_its_binding_says() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let settings = json!({ "say": "fail" });
    install(&berth, &admin, "useful", json!({ "settings": settings })).await;
    let image = Image::of(["hello"]);
    for blob in image.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let put = || admin.put_manifest("team/app", "v1", image.media_type(), image.manifest());
    for _ in 0..5 {
        put().await.fails(503, "UNAVAILABLE");
    }
    let shown = admin.get("/api/v1/plugins/test.useful").await.ok().json();
    let hooks = shown["hooks"].as_array().unwrap();
    let admission = hooks.iter().find(|hook| hook["hook"] == "admission").unwrap();
    assert!(admission["failures"].as_u64().unwrap() >= 5, "{admission}");
    let figures = admin.get("/metrics").await.ok().text();
    for (hook, rests) in [("admission", 1), ("scanner", 0)] {
        let line =
            format!("berth_plugin_resting{{plugin=\"test.useful\",hook=\"{hook}\"}} {rests}\n");
        assert!(figures.contains(&line), "no `{line}` in {figures}");
    }
    let open = json!({ "hooks": { "admission": { "fail": "open" } } });
    admin.patch_json("/api/v1/plugins/test.useful", open).await.ok();
    let warned = put().await.status(201);
    assert!(warned.header("warning").contains("has no answer"));
}

#[tokio::test]
async fn the_configuration_decides_about_what_it_names() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let declared = |enabled: bool| {
        let text = json!({ "enabled": enabled, "settings": { "message": "no" } });
        move |config: &mut berth::config::Config| {
            let plugin = serde_json::from_value(text).unwrap();
            config.plugins.named.insert("freeze".into(), plugin);
        }
    };
    let berth = TestApp::start_in(Arc::clone(&directory), Probe::default(), declared(true)).await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    for blob in image.blobs() {
        admin.push_blob("team/app", blob).await;
    }
    let put = |admin: Client| {
        let image = image.clone();
        async move { admin.put_manifest("a/b", "v1", image.media_type(), image.manifest()).await }
    };
    for blob in image.blobs() {
        admin.push_blob("a/b", blob).await;
    }
    put(admin.clone()).await.fails(403, "DENIED");
    let off = json!({ "is_enabled": false });
    admin.patch_json("/api/v1/plugins/freeze", off).await.fails(409, "CONFLICT");
    berth.stop().await;
    // It says something else, and then nothing.
    let berth = TestApp::start_in(Arc::clone(&directory), Probe::default(), declared(false)).await;
    put(admin.at(berth.url())).await.status(201);
    berth.stop().await;
    let berth = TestApp::start_in(directory, Probe::default(), |_| {}).await;
    let shown = admin.at(berth.url()).get("/api/v1/plugins/freeze").await.ok().json();
    assert_eq!((&shown["state"], &shown["is_declared"]), (&json!("disabled"), &json!(false)));
}

/// The component of a package with something else in its `plugin.toml`.
pub(crate) fn with_manifest(package: &Package, from: &str, to: &str) -> Package {
    let text = package.manifest().text();
    assert!(text.contains(from), "{from}");
    let (section, old) = (text.replace(from, to), package.component());
    let mut file = old[..8].to_vec();
    let mut rest = &old[8..];
    let number = |bytes: &[u8]| {
        let length = bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let value = bytes[..length]
            .iter()
            .rev()
            .fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
        (value, length)
    };
    while !rest.is_empty() {
        let (size, length) = number(&rest[1..]);
        let (whole, after) = rest.split_at(1 + length + size);
        if !(whole[0] == 0 && whole.windows(12).any(|part| part == b"[plugin]\nnam")) {
            file.extend_from_slice(whole);
        }
        rest = after;
    }
    let leb = |mut value: usize| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        bytes
    };
    let name = berth::plugin::MANIFEST_SECTION.as_bytes();
    let body = [&leb(name.len())[..], name, section.as_bytes()].concat();
    file.extend([&[0][..], &leb(body.len()), &body].concat());
    Package::read(Bytes::from(file)).unwrap()
}

#[tokio::test]
async fn an_upgrade_that_wants_more_has_to_be_granted_anew_and_can_be_undone() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    install(&berth, &admin, "policy", json!({})).await;
    let second = with_manifest(&guest("policy"), "\"0.1.0\"", "\"0.2.0\"");
    let third =
        with_manifest(&guest("policy"), "\"0.1.0\"\napi = \"0.1\"", "\"0.3.0\"\napi = \"0.1\"");
    let third = with_manifest(
        &third,
        "[\"image metadata\"]",
        "[\"image metadata\", \"http https://a.example\"]",
    );
    let path = "/api/v1/plugins/test.policy";
    let source = upload(&berth, &admin, &second).await;
    let upgraded = admin.post_json(&format!("{path}/upgrade"), json!({ "source": source })).await;
    let upgraded = upgraded.ok().json();
    assert_eq!(
        (&upgraded["version"], &upgraded["previous_version"]),
        (&json!("0.2.0"), &json!("0.1.0"))
    );
    let source = upload(&berth, &admin, &third).await;
    let wish = json!({ "source": source });
    let refused = admin.post_json(&format!("{path}/upgrade"), wish).await.fails(409, "CONFLICT");
    assert!(refused.text().contains("http https://a.example"), "{}", refused.text());
    let wish = json!({ "source": source, "granted": ["http https://a.example"] });
    let upgraded = admin.post_json(&format!("{path}/upgrade"), wish).await.ok().json();
    assert_eq!(upgraded["not_granted"], json!(["image metadata"]));
    let back = admin.post_json(&format!("{path}/rollback"), json!({})).await.ok().json();
    assert_eq!((&back["version"], &back["granted"]), (&json!("0.2.0"), &json!(["image metadata"])));
    let other = upload(&berth, &admin, &guest("useful")).await;
    let wish = json!({ "source": other, "granted": [] });
    admin.post_json(&format!("{path}/upgrade"), wish).await.fails(400, "INVALID");
}

/// A change of a row that another process makes, as `berth plugin` does on a data directory.
#[tokio::test]
async fn a_plugin_that_another_process_installs_comes_into_force() {
    let berth = TestApp::start().await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let mut config = berth.app.config.clone();
    config.server.listen.set_port(0);
    let fittings = berth::app::Fittings { compiler: super::compiler(), ..Default::default() };
    let beside =
        berth::app::App::open_beside_with(config, berth.clock.clone(), fittings).await.unwrap();
    let package = Bundled::find("freeze").unwrap().package().unwrap();
    warm(&berth, &package).await;
    let api = berth::http::LocalApi::new(Arc::clone(&beside));
    let wish = json!({ "source": "bundled:freeze" }).to_string();
    let (status, _) =
        api.call(reqwest::Method::POST, "/api/v1/plugins", Some(wish.into())).await.unwrap();
    assert_eq!(status, 201);
    keep(&berth, &package).await;
    // Noticed with the next look at the file, which any change makes.
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let put = || admin.put_manifest("team/app", "v2", image.media_type(), image.manifest());
    while put().await.code != 403 {
        assert!(tokio::time::Instant::now() < deadline, "it is not noticed");
        berth.app.meta.settle().await.unwrap();
        tokio::task::yield_now().await;
    }
    beside.close().await;
}
