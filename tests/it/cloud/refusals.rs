//! What the start says of a bucket that cannot be used, and what clients hear of one that went away.

use reqwest::Method;
use serde_json::json;

use crate::support::servers::{Kind, Server};
use crate::support::{Answer, Blob, Bucket, Image, Said, berth_command, eventually, run};
use crate::v2::blob_path;

/// `berth serve` on it, which is expected to end by itself.
fn serve(bucket: &Bucket) -> Said {
    let directory = tempfile::tempdir().unwrap();
    let mut command = berth_command(directory.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    bucket.environment(&mut command);
    run(&mut command)
}

#[tokio::test]
async fn a_bucket_of_s3_that_cannot_be_used_is_told_apart() {
    let Some(good) = Bucket::of(Kind::Garage).await else { return };
    for (option, value, says) in [
        ("bucket", "nowhere", "there is no such bucket: create it"),
        ("access_key_id", "GK00000000000000000000000f", "does not know these credentials"),
        ("secret_access_key", "nonsense", "does not know these credentials"),
        ("region", "elsewhere", "correct `storage.options.region`"),
        ("endpoint", "http://127.0.0.1:9", "cannot be reached: correct `storage.options.endpoint`"),
    ] {
        let mut bucket = good.clone();
        bucket.set(option, value);
        let said = serve(&bucket).exit(1);
        said.says([
            "the bucket cannot be used",
            "write an object: ",
            says,
            "storage.check = false",
        ]);
    }
}

#[tokio::test]
async fn a_key_that_lacks_a_right_is_told_which() {
    let Some(good) = Bucket::of(Kind::Garage).await else { return };
    for (rights, step) in [
        (json!({ "read": true }), "write an object"),
        (json!({ "write": true }), "read a part of it"),
    ] {
        let bucket = good.clone().with_rights(rights).await;
        let said = serve(&bucket).exit(1);
        said.says([
            step,
            "the credentials lack a right: grant reading, writing, listing and deleting",
        ]);
    }
    let able = good.with_rights(json!({ "read": true, "write": true })).await;
    let berth = able.start().await;
    assert!(berth.app.blobs.check().await.is_empty());
}

#[tokio::test]
async fn a_container_of_azure_that_cannot_be_used_is_told_apart() {
    let Some(good) = Bucket::of(Kind::Azurite).await else { return };
    for (option, value, says) in [
        ("container", "nowhere", "there is no such bucket: create it"),
        ("account_key", "bm9uc2Vuc2U=", "does not know these credentials"),
    ] {
        let mut bucket = good.clone();
        bucket.set(option, value);
        serve(&bucket).exit(1).says(["write an object: ", says]);
    }
    assert!(good.start().await.app.blobs.check().await.is_empty());
}

#[tokio::test]
async fn a_bucket_of_google_that_is_not_there_is_told() {
    let Some(mut bucket) = Bucket::of(Kind::Gcs).await else { return };
    assert!(bucket.start().await.app.blobs.check().await.is_empty());
    bucket.set("bucket", "nowhere");
    serve(&bucket).exit(1).says(["write an object: there is no such bucket"]);
}

#[tokio::test]
async fn without_the_check_berth_starts_and_says_no_secrets() {
    let Some(mut bucket) = Bucket::of(Kind::Garage).await else { return };
    bucket.set("bucket", "nowhere");
    let berth = crate::support::TestApp::start_with(|config| {
        bucket.configure(config);
        config.storage.check = false;
    })
    .await;
    let admin = berth.admin().await;
    admin.get("/v2/").await.ok();
    let upload = admin.start_upload("team/app").await;
    let refused = admin.patch(&upload, "hello").await.fails(500, "UNKNOWN");
    assert!(!refused.text().contains("nowhere"), "{}", refused.text());
}

/// Metadata is on the disk of this machine: what needs no bytes of blobs goes on.
#[tokio::test]
async fn a_bucket_that_went_away_is_503_for_blobs_and_nothing_else() {
    let Some(server) = Server::alone(Kind::Garage) else { return };
    let bucket = Bucket::on(Kind::Garage, &server).await;
    let berth = bucket.start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello"]);
    admin.push("team/app", "v1", &image).await;
    let blob = &image.blobs()[0];
    drop(server);
    admin.get("/v2/team/app/manifests/v1").await.ok();
    admin.get("/v2/team/app/tags/list").await.ok();
    admin.get("/healthz").await.ok();
    admin.get("/readyz").await.status(503);
    let pulled = eventually("a pull that fails", async || {
        let pulled = admin.get(&blob_path("team/app", &blob.digest)).await;
        (pulled.code != 200).then_some(pulled)
    })
    .await;
    pulled.fails(503, "UNAVAILABLE").header("retry-after");
    let upload = admin.start_upload("team/app").await;
    let pushed = admin.request(Method::PATCH, &upload).body(Blob::random(100_000, 1).bytes);
    Answer::read(pushed.send().await.unwrap()).await.fails(503, "UNAVAILABLE");
    assert_eq!(admin.get(&upload).await.status(204).header("range"), "0-0");
}
