//! Plugins by reference: installed from a registry, pinned, signed or not, and looked after by `berth plugin`.

use berth::oci::{Algorithm, Digest};
use berth::plugin::Package;
use serde_json::json;

use super::guest;
use super::installed::{keep, warm, with_manifest};
use crate::copy::Person;
use crate::support::{Client, CosignKey as Key, Image, TestApp};

/// Somebody who has the policy as a file, and has pushed it.
struct Maker {
    berth: TestApp,
    admin: Client,
    ann: Person,
    /// Where it is.
    place: String,
    artifact: Digest,
}

impl Maker {
    async fn start(change: impl FnOnce(&mut berth::config::Config)) -> Self {
        let berth = TestApp::start_with(change).await;
        let admin = berth.admin().await;
        warm(&berth, &guest("policy")).await;
        let ann = Person::new();
        ann.logs_in(&berth).await;
        let place = format!("{}/plugins/policy:0.1.0", berth.address());
        let mut maker = Self { berth, admin, ann, place, artifact: Algorithm::Sha256.digest(b"") };
        maker.artifact = maker.push(&guest("policy")).await;
        maker
    }

    /// Pushes a component under the tag; gives the digest of the artifact.
    async fn push(&self, package: &Package) -> Digest {
        std::fs::write(self.ann.home().join("policy.wasm"), package.component()).unwrap();
        let push = ["plugin", "push", "policy.wasm", &self.place, "--json"];
        let said = self.ann.berth(push).await.ok().json();
        said["digest"].as_str().unwrap().parse().unwrap()
    }

    fn writes(&self, name: &str, text: &str) {
        std::fs::write(self.ann.home().join(name), text).unwrap();
    }

    /// What a push without the annotation comes to.
    async fn pushes(&self) -> crate::support::Answer {
        let image = Image::of(["hello"]);
        for blob in image.blobs() {
            self.admin.push_blob("team/app", blob).await;
        }
        self.admin.put_manifest("team/app", "v1", image.media_type(), image.manifest()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_pushed_installed_by_reference_and_blocks_a_push() {
    let maker = Maker::start(|_| {}).await;
    let (ann, place) = (&maker.ann, maker.place.as_str());
    let run = |arguments: &str| {
        let words: Vec<String> =
            ["plugin"].into_iter().chain(arguments.split(' ')).map(str::to_owned).collect();
        ann.run(&words)
    };
    // Without leave it gets nothing.
    let asked = ann.berth(["plugin", "install", place]).await.exit(1);
    asked.says(["asks for:", "image metadata"]);
    assert_eq!(maker.admin.get("/api/v1/plugins").await.ok().json()["plugins"], json!([]));
    let wrong = format!("install {place} --yes --digest sha256:{}", "0".repeat(64));
    run(&wrong).await.exit(1).says(["(any more)", maker.artifact.as_str()]);

    // Not about plugins: the next release of it is pushed there.
    let pinned = format!("install {place} --yes --on team/* --digest {}", maker.artifact);
    let said = run(&pinned).await.ok();
    assert_eq!(said.stdout, "test.policy\n");
    said.says(["it is in force", maker.artifact.as_str()]);
    keep(&maker.berth, &guest("policy")).await;
    let refused = maker.pushes().await.fails(403, "DENIED");
    assert!(refused.text().contains("annotate the image with"), "{}", refused.text());

    // Tried without it being asked: on an image of a registry, as on one in a directory.
    let refused =
        format!("test policy.wasm --image {}/plugins/policy:0.1.0", maker.berth.address());
    let said = run(&refused).await.ok();
    assert!(
        said.stdout.starts_with("denied (require-annotation): annotate the image with"),
        "{}",
        said.stdout
    );
    run(&format!("test policy.wasm --image {}/team/none:v1", maker.berth.address()))
        .await
        .exit(1)
        .says(["team/none has no manifest v1"]);

    // Another push under the same tag changes nothing until somebody says so.
    let second = with_manifest(&guest("policy"), "\"0.1.0\"", "\"0.2.0\"");
    let upgraded = maker.push(&second).await;
    let shown = run("show test.policy").await.ok().stdout;
    let line = format!("artifact          {}", maker.artifact);
    assert!(
        shown.contains(&line) && shown.contains(&format!("origin            {place}")),
        "{shown}"
    );
    run("upgrade test.policy --yes").await.ok().says(["0.2.0"]);
    let shown = run("show test.policy --json").await.ok().json();
    assert_eq!(
        (&shown["artifact"], &shown["previous_version"], &shown["granted"]),
        (&json!(upgraded), &json!("0.1.0"), &json!(["image metadata"]))
    );
    run("rollback test.policy").await.ok().says(["0.1.0 is back"]);

    // What the command says nothing of stays as it is.
    let limited = json!({ "repositories": ["team/*"], "limits": { "concurrency": 2 } });
    let path = "/api/v1/plugins/test.policy";
    maker.admin.patch_json(path, json!({ "hooks": { "admission": limited } })).await.ok();
    run("configure test.policy --setting annotation=acme.owner --mode warn").await.ok();
    let hook = maker.admin.get(path).await.ok().json()["hooks"][0].clone();
    assert_eq!((&hook["limits"], &hook["mode"]), (&json!({ "concurrency": 2 }), &json!("warn")));
    let warned = maker.pushes().await.status(201);
    assert!(warned.header("warning").contains("acme.owner"), "{}", warned.header("warning"));
    run("configure test.policy --setting annotation=7").await.exit(1).says(["annotation"]);
    run("disable test.policy").await.ok().says(["not in force"]);
    let listed = run("list").await.ok().stdout;
    assert!(listed.contains("test.policy  0.1.0    disabled"), "{listed}");
    assert_eq!(maker.pushes().await.status(201).find_header("warning"), None);
    run("enable test.policy").await.ok().says(["in force"]);
    run("configure test.policy --mode enforce").await.ok();
    maker.pushes().await.fails(403, "DENIED");
    let log = run("logs test.policy --json").await.ok().json();
    assert!(log.is_array(), "{log}");
    run("remove test.policy --yes").await.ok();
    maker.pushes().await.status(201);
    run("show test.policy").await.exit(1).says(["test.policy"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_counts_if_the_key_that_was_named_has_made_it() {
    let maker = Maker::start(|_| {}).await;
    let (mine, other) = (Key::new(), Key::new());
    maker.writes("mine.pub", &mine.pem());
    maker.writes("other.pub", &other.pem());
    let (ann, place) = (&maker.ann, maker.place.as_str());
    let install =
        async |key: &str| ann.berth(["plugin", "install", place, "--yes", "--key", key]).await;
    install("mine.pub").await.exit(1).says(["is not signed by a key"]);
    // A signature of something else, in the right place.
    let elsewhere = Algorithm::Sha256.digest(b"another artifact");
    mine.sign(&maker.admin, "plugins/policy", &elsewhere, &maker.artifact).await;
    install("mine.pub").await.exit(1).says(["is not signed by a key"]);
    mine.sign(&maker.admin, "plugins/policy", &maker.artifact, &maker.artifact).await;
    install("other.pub").await.exit(1).says(["is not signed by a key"]);
    assert_eq!(maker.admin.get("/api/v1/plugins").await.ok().json()["plugins"], json!([]));
    install("mine.pub").await.ok().says(["is signed by"]);
    keep(&maker.berth, &guest("policy")).await;
    let shown = ann.berth(["plugin", "show", "test.policy", "--json"]).await.ok().json();
    assert!(shown["signed_by"].is_string(), "{shown}");
    maker.writes("no.pub", "no key");
    install("no.pub").await.exit(1).says(["no public key"]);
    maker.pushes().await.fails(403, "DENIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_signatures_are_required_nothing_else_is_installed() {
    let (trusted, directory) = (Key::new(), tempfile::tempdir().unwrap());
    let path = directory.path().join("trusted.pub");
    std::fs::write(&path, trusted.pem()).unwrap();
    let maker = Maker::start(|config| {
        config.plugins.require_signature = true;
        config.plugins.trusted_keys = vec![path.clone()];
    })
    .await;
    let (ann, place) = (&maker.ann, maker.place.as_str());
    let install = async |from: &str| ann.berth(["plugin", "install", from, "--yes"]).await;
    install(place).await.exit(1).says(["is not signed by a key"]);
    install("./policy.wasm").await.exit(1).says(["is not signed by a key"]);
    // Its own key does not do: whoever names one wants that one.
    let mine = Key::new();
    maker.writes("mine.pub", &mine.pem());
    trusted.sign(&maker.admin, "plugins/policy", &maker.artifact, &maker.artifact).await;
    let with_key = ["plugin", "install", place, "--yes", "--key", "mine.pub"];
    ann.berth(with_key).await.exit(1).says(["is not signed by a key"]);
    // From this very registry, which needs no network.
    let here = ["plugin", "install", "plugins/policy:0.1.0", "--yes", "--on", "team/*"];
    ann.berth(here).await.ok().says(["is signed by"]);
    keep(&maker.berth, &guest("policy")).await;
    let second = with_manifest(&guest("policy"), "\"0.1.0\"", "\"0.2.0\"");
    maker.push(&second).await;
    let upgrade = ["plugin", "upgrade", "test.policy", "--yes"];
    ann.berth(upgrade).await.exit(1).says(["is not signed by a key"]);
    maker.pushes().await.fails(403, "DENIED");
}
