//! The same core with blobs as objects: what a bucket does differently (parts, joins, ranges) is tested on memory.

use berth::config::Backend;
use reqwest::Method;

use super::styles::send_chunk;
use super::{blob_path, closing, mount, push, ranges, resume};
use crate::support::{Blob, Image, TestApp};

async fn start() -> TestApp {
    TestApp::start_with(|config| config.storage.backend = Backend::Memory).await
}

#[tokio::test]
async fn every_style_of_push_stores_a_blob_as_objects() {
    push::every_style_stores(&start().await).await;
}

#[tokio::test]
async fn no_style_of_push_stores_a_wrong_digest_as_objects() {
    push::no_style_stores_a_wrong_digest(&start().await).await;
}

#[tokio::test]
async fn a_blob_of_zero_bytes_becomes_an_object() {
    push::every_style_stores_nothing(&start().await).await;
}

#[tokio::test]
async fn ranges_of_objects_are_like_those_of_files() {
    let berth = start().await;
    ranges::single_ranges(&berth).await;
    ranges::many_ranges(&berth).await;
}

#[tokio::test]
async fn an_object_is_mounted_with_and_without_from() {
    mount::mounts_with_and_without_from(&start().await).await;
}

#[tokio::test]
async fn a_cut_upload_to_objects_goes_on() {
    resume::a_cut_upload_goes_on(&start().await).await;
}

#[tokio::test]
async fn many_parts_are_joined_in_their_order() {
    let berth = start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(9_000_000, 1);
    let upload = admin.start_upload("team/app").await;
    let ends = [1, 2, 100_000, 100_000, 5_000_000, 8_999_999, 9_000_000];
    let mut from = 0;
    for to in ends {
        send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, from, to).await.status(202);
        from = to;
    }
    admin.put(&closing(&upload, &blob.digest), "").await.status(201);
    assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}

#[tokio::test]
async fn a_chunk_of_another_length_leaves_no_part() {
    let berth = start().await;
    let admin = berth.admin().await;
    let blob = Blob::random(100_000, 1);
    let upload = admin.start_upload("team/app").await;
    send_chunk(&admin, Method::PATCH, &upload, &blob.bytes, 0, 40_000).await.status(202);
    for streamed in [false, true] {
        let body = blob.bytes[40_000..].to_vec();
        let body = if streamed {
            let chunks: Vec<_> =
                body.chunks(7_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
            reqwest::Body::wrap_stream(futures::stream::iter(chunks))
        } else {
            body.into()
        };
        let request = admin.request(Method::PATCH, &upload).header("content-range", "40000-69999");
        admin.send(request.body(body)).await.fails(400, "SIZE_INVALID");
        assert_eq!(admin.get(&upload).await.status(204).header("range"), "0-39999");
    }
    send_chunk(&admin, Method::PUT, &closing(&upload, &blob.digest), &blob.bytes, 40_000, 100_000)
        .await
        .status(201);
    assert!(admin.get(&blob_path("team/app", &blob.digest)).await.ok().bytes == blob.bytes);
}

#[tokio::test]
async fn an_image_goes_in_and_out_of_objects() {
    let berth = start().await;
    let admin = berth.admin().await;
    let image = Image::of(["hello", "world"]);
    admin.push("team/app", "v1", &image).await;
    for blob in image.blobs() {
        let path = blob_path("team/app", &blob.digest);
        assert_eq!(
            admin.head(&path).await.ok().header("content-length"),
            blob.bytes.len().to_string()
        );
        assert_eq!(admin.get(&path).await.ok().bytes, blob.bytes);
    }
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
}
