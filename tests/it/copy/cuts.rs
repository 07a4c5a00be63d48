//! Copies over lines that break, and copies that are given again.

use serde_json::json;

use super::Person;
use super::proxy::BadLine;
use crate::support::{Blob, Image, TestApp};

const LAYER: usize = 24 << 20;
const BREAKS_AFTER: u64 = 5 << 20;

/// One large layer, so that nothing but taking it up in its middle gets it across.
fn large() -> (Image, Blob) {
    let layer = Blob::random(LAYER, 11);
    (Image::new(vec![layer.clone()], json!({})), layer)
}

#[tokio::test]
async fn a_download_goes_on_where_it_was_cut() {
    let app = TestApp::start().await;
    let (image, layer) = large();
    app.admin().await.push("team/app", "v1", &image).await;
    let line = BadLine::to(app.address(), BREAKS_AFTER).await;
    let ann = Person::new();
    ann.logs_in_at(&line.address().to_string()).await;
    let from = format!("{}/team/app:v1", line.address());
    for target in ["oci:dir", "oci-archive:a.tar"] {
        let (cuts, passed) = (line.cuts(), line.bytes_passed());
        ann.berth(["copy", &from, target]).await.ok();
        assert!(line.cuts() >= cuts + 4, "the line broke {} times", line.cuts() - cuts);
        // What was in a socket's buffer when the line broke comes twice.
        assert!(line.bytes_passed() - passed < 2 * LAYER as u64, "it began again instead");
    }
    let path = ann.home().join("dir/blobs/sha256").join(layer.digest.hex());
    assert!(std::fs::read(path).unwrap() == layer.bytes);
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_cut() {
    let app = TestApp::start().await;
    let (image, layer) = large();
    let admin = app.admin().await;
    admin.push("team/app", "v1", &image).await;
    let line = BadLine::to(app.address(), BREAKS_AFTER).await;
    let ann = Person::new();
    ann.logs_in(&app).await;
    ann.logs_in_at(&line.address().to_string()).await;
    let good = format!("{}/team/app:v1", app.address());
    ann.berth(["copy", &good, "oci:dir"]).await.ok();
    for (name, chunks) in [("whole", "1GiB"), ("pieces", "3MiB")] {
        let cuts = line.cuts();
        let to = format!("{}/{name}/app:v1", line.address());
        ann.berth(["copy", "oci:dir", &to, "--chunk-size", chunks]).await.ok();
        assert!(line.cuts() >= cuts + 4, "the line broke {} times", line.cuts() - cuts);
        let got = admin.get(&format!("/v2/{name}/app/blobs/{}", layer.digest)).await.ok();
        assert!(got.bytes == layer.bytes);
    }
}

#[tokio::test]
async fn a_copy_into_a_directory_goes_on_with_what_an_earlier_one_left() {
    let app = TestApp::start().await;
    let (image, layer) = large();
    app.admin().await.push("team/app", "v1", &image).await;
    let line = BadLine::to(app.address(), u64::MAX).await;
    let ann = Person::new();
    ann.logs_in_at(&line.address().to_string()).await;
    let blobs = ann.home().join("dir/blobs/sha256");
    let from = format!("{}/team/app:v1", line.address());
    ann.berth(["copy", &from, "oci:dir"]).await.ok();
    std::fs::remove_file(blobs.join(layer.digest.hex())).unwrap();
    let part = blobs.join(format!("{}.part", layer.digest.hex()));
    std::fs::write(&part, &layer.bytes[..LAYER - 1_000_000]).unwrap();
    let before = line.bytes_passed();
    ann.berth(["copy", &from, "oci:dir"]).await.ok();
    assert!(line.bytes_passed() - before < 2_000_000, "only the rest was fetched");
    assert!(std::fs::read(blobs.join(layer.digest.hex())).unwrap() == layer.bytes);
    assert!(!part.exists());
    // Bytes of something else are noticed, and do not stay in the way.
    std::fs::remove_file(blobs.join(layer.digest.hex())).unwrap();
    std::fs::write(&part, vec![0; 1_000_000]).unwrap();
    ann.berth(["copy", &from, "oci:dir"]).await.exit(1).says([layer.digest.hex()]);
    ann.berth(["copy", &from, "oci:dir"]).await.ok();
}

#[tokio::test]
async fn a_copy_into_an_archive_keeps_the_whole_blobs_of_an_earlier_one() {
    let app = TestApp::start().await;
    let (image, _) = large();
    app.admin().await.push("team/app", "v1", &image).await;
    let line = BadLine::to(app.address(), u64::MAX).await;
    let ann = Person::new();
    ann.logs_in_at(&line.address().to_string()).await;
    let from = format!("{}/team/app:v1", line.address());
    ann.berth(["copy", &from, "oci-archive:a.tar"]).await.ok();
    let whole = std::fs::read(ann.home().join("a.tar")).unwrap();
    std::fs::remove_file(ann.home().join("a.tar")).unwrap();
    // As if it had been killed while it wrote the index.
    std::fs::write(ann.home().join("a.tar.part"), &whole[..whole.len() - 2_000]).unwrap();
    let before = line.bytes_passed();
    ann.berth(["copy", &from, "oci-archive:a.tar"]).await.ok();
    assert!(line.bytes_passed() - before < 1_000_000, "the layer was not fetched again");
    assert!(std::fs::read(ann.home().join("a.tar")).unwrap() == whole);
}
