//! Blobs in buckets of real servers: what holds for files holds for objects of S3 (Garage), Azure Blob (Azurite) and
//! Google Cloud Storage (gcp-storage-emulator).
//!
//! Most of it is the very test that files have to pass. [`on_each_server`] makes one test for each server. Scrubs of buckets
//! are tried in `upkeep/scrub.rs`, backups in `backup/load.rs`.

mod crowd;
mod documentation;
mod faults;
mod flaky;
mod kills;
mod parts;
mod redirect;
mod refusals;

use crate::support::servers::Kind;
use crate::support::{Bucket, TestApp};
use crate::upkeep;
use crate::v2::{conformance, delete, mount, push, races, ranges, resume, uploads};

/// Whether nothing is in the bucket that no row of a blob names; for after all uploads have ended.
async fn nothing_is_left(bucket: &Bucket, berth: &TestApp) {
    let mut objects = bucket.objects().await;
    let database = berth.directory.path().join("data/berth.db");
    let database = rusqlite::Connection::open(database).unwrap();
    let mut query = database.prepare("SELECT location, size FROM blob").unwrap();
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    for row in rows.unwrap() {
        let (location, size) = row.unwrap();
        let found = objects.remove(&location);
        assert_eq!(found, Some(u64::try_from(size).unwrap()), "{location}");
    }
    assert!(objects.is_empty(), "without a row: {objects:?}");
}

/// Starts Berth on a bucket of each server for each test, and looks at what it leaves.
macro_rules! on_each_server {
    ($($name:ident: $behaviour:path,)*) => {
        on_each_server! { @server garage, Kind::Garage, $($name: $behaviour,)* }
        on_each_server! { @server azurite, Kind::Azurite, $($name: $behaviour,)* }
        on_each_server! { @server gcs, Kind::Gcs, $($name: $behaviour,)* }
    };
    (@server $server:ident, $kind:expr, $($name:ident: $behaviour:path,)*) => {
        mod $server {
            use super::*;

            $(
                #[tokio::test]
                async fn $name() {
                    let Some(bucket) = Bucket::of($kind).await else { return };
                    let berth = bucket.start().await;
                    $behaviour(&berth).await;
                    nothing_is_left(&bucket, &berth).await;
                    berth.stop().await;
                }
            )*
        }
    };
}

on_each_server! {
    every_style_of_push_stores_a_blob: push::every_style_stores,
    no_style_of_push_stores_a_wrong_digest: push::no_style_stores_a_wrong_digest,
    a_blob_of_zero_bytes_can_be_pushed: push::every_style_stores_nothing,
    the_same_blob_can_be_pushed_by_many_at_once: push::the_same_blob_at_once,
    each_kind_of_data_is_pushed_listed_pulled_and_deleted: conformance::each_kind_of_data,
    the_checks_of_the_blob_api_pass: conformance::the_checks_of_the_blob_api,
    single_ranges_are_served: ranges::single_ranges,
    many_ranges_are_served: ranges::many_ranges,
    a_blob_is_mounted_with_and_without_from: mount::mounts_with_and_without_from,
    a_blob_is_deleted_from_one_repository_alone: delete::deleting_a_blob,
    pushes_and_deletions_at_once_are_answered_as_it_stands: races::pushes_and_deletions_of_one_blob,
    an_upload_that_was_cut_goes_on: resume::a_cut_upload_goes_on,
    a_chunk_that_is_not_next_is_refused: uploads::a_chunk_that_is_not_next,
    a_chunk_of_another_length_is_rolled_back: uploads::a_chunk_of_another_length,
    a_session_ends_with_its_blob_or_when_it_is_cancelled: uploads::a_session_ends,
    of_concurrent_chunks_for_one_place_one_is_taken: uploads::concurrent_chunks_for_one_place,
    of_concurrent_ends_of_a_session_one_wins: uploads::concurrent_ends,
    large_bodies_go_in_pieces: parts::large_bodies_go_in_pieces,
    many_requests_make_one_blob: parts::many_requests_make_one_blob,
    another_algorithm_reads_it_again: parts::another_algorithm_reads_it_again,
    what_arrived_before_a_cut_counts: parts::what_arrived_before_a_cut_counts,
    a_cancelled_upload_leaves_nothing: parts::a_cancelled_upload_leaves_nothing,
    an_upload_that_expires_leaves_nothing: parts::an_upload_that_expires_leaves_nothing,
    a_body_of_another_length_leaves_nothing: parts::a_body_of_another_length_leaves_nothing,
    a_digest_that_is_there_needs_no_second_copy: parts::a_digest_that_is_there_needs_no_second_copy,
    a_blob_that_nothing_needs_goes: upkeep::collect::in_a_bucket,
    what_was_deleted_comes_back_and_goes_in_the_end: upkeep::undo::in_a_bucket,
}
