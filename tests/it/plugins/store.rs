//! What plugins keep: `plugin_kv`, and how a plugin sees it.

use std::time::Duration;

use berth::clock::{Clock, Timestamp};
use berth::meta::{KvQuota, KvSet, KvStored};
use berth::plugin::{CallError, Outcome, Refusal};
use serde_json::json;

use super::{Host, meta, terms};

const QUOTA: KvQuota = KvQuota { bytes: 100, keys: 3 };

fn set(key: &str, value: &[u8]) -> KvSet {
    KvSet { key: key.into(), value: value.to_vec(), ttl: None, only_if: None }
}

#[tokio::test]
async fn a_quota_counts_what_is_there_and_nothing_else() {
    let clock = Clock::manual(Timestamp::from_millis(0));
    let (_directory, meta) = meta(&clock);
    let put = async |value: KvSet| meta.set_plugin_value("a", value, QUOTA).await.unwrap();
    assert_eq!(put(set("one", &[0; 60])).await, KvStored::Done);
    assert_eq!(put(set("two", &[0; 60])).await, KvStored::Full);
    assert_eq!(put(set("one", &[0; 90])).await, KvStored::Done, "it takes the place of the other");
    assert_eq!(put(set("one", &[0; 98])).await, KvStored::Full);
    meta.delete_plugin_value("a", "one").await.unwrap();
    meta.delete_plugin_value("a", "one").await.unwrap();
    for key in ["1", "2", "3"] {
        assert_eq!(put(set(key, b"x")).await, KvStored::Done);
    }
    assert_eq!(put(set("4", b"x")).await, KvStored::Full, "so many keys");
    // Another plugin has a quota of its own.
    assert_eq!(meta.set_plugin_value("b", set("1", b"y"), QUOTA).await.unwrap(), KvStored::Done);
    assert_eq!(meta.find_plugin_value("a", "1").await.unwrap(), Some(b"x".to_vec()));
    meta.forget_plugin_values("a").await.unwrap();
    assert_eq!(put(set("one", &[0; 90])).await, KvStored::Done);
    assert_eq!(meta.find_plugin_value("b", "1").await.unwrap(), Some(b"y".to_vec()));
}

#[tokio::test]
async fn what_has_expired_is_gone_and_takes_no_room() {
    let clock = Clock::manual(Timestamp::from_millis(0));
    let (_directory, meta) = meta(&clock);
    let put = async |value: KvSet| meta.set_plugin_value("a", value, QUOTA).await.unwrap();
    let soon =
        |key: &str, value: &[u8]| KvSet { ttl: Some(Duration::from_secs(10)), ..set(key, value) };
    assert_eq!(put(soon("x", &[0; 40])).await, KvStored::Done);
    assert_eq!(put(soon("y", &[0; 40])).await, KvStored::Done);
    assert_eq!(put(set("z", &[0; 40])).await, KvStored::Full);
    clock.advance(Duration::from_secs(10));
    assert_eq!(meta.find_plugin_value("a", "x").await.unwrap(), None);
    assert!(meta.list_plugin_keys("a", "", "", 10).await.unwrap().is_empty());
    let other = KvSet { only_if: Some(Some(vec![0; 40])), ..set("x", b"1") };
    assert_eq!(put(other).await, KvStored::OtherValue);
    assert_eq!(put(KvSet { only_if: Some(None), ..set("x", &[1; 40]) }).await, KvStored::Done);
    assert_eq!(put(set("z", &[0; 40])).await, KvStored::Done, "the other one made room");
    assert_eq!(put(soon("t", b"1")).await, KvStored::Done);
    clock.advance(Duration::from_secs(10));
    assert_eq!(meta.purge_plugin_values(100).await.unwrap(), 1);
    assert_eq!(meta.purge_plugin_values(100).await.unwrap(), 0);
    assert_eq!(put(set("t", &[0; 17])).await, KvStored::Done, "exactly what is left");
}

#[tokio::test]
async fn keys_come_in_order_and_by_pages() {
    let clock = Clock::manual(Timestamp::from_millis(0));
    let (_directory, meta) = meta(&clock);
    let quota = KvQuota { bytes: 10_000, keys: 100 };
    for key in ["b/2", "a", "b/1", "b", "c", "b/\u{10ffff}"] {
        meta.set_plugin_value("p", set(key, b""), quota).await.unwrap();
    }
    let page =
        async |after: &str, limit| meta.list_plugin_keys("p", "b/", after, limit).await.unwrap();
    assert_eq!(page("", 2).await, ["b/1", "b/2"]);
    assert_eq!(page("b/1", 10).await, ["b/2", "b/\u{10ffff}"]);
    assert_eq!(meta.list_plugin_keys("p", "", "", 3).await.unwrap(), ["a", "b", "b/1"]);
}

#[tokio::test]
async fn a_plugin_without_the_grant_has_no_store() {
    let host = Host::start().await;
    let ask = async |deed: &str, granted: &[&str]| {
        let name =
            host.install("hostile", &terms(json!({ "do": deed, "what": "x" }), granted)).await;
        let outcome = host.ask(None).await;
        (outcome, host.plugins.log(&name))
    };
    let (verdict, log) = ask("store", &[]).await;
    let Outcome::Unavailable { error: CallError::Refused { kind, message }, .. } = verdict.outcome
    else {
        panic!("{verdict:?}")
    };
    assert_eq!((kind, message.as_str()), (Refusal::Denied, "`key-value` was not granted"));
    assert_eq!(log.last().unwrap().message, "`key-value` was not granted");
    let (verdict, _) = ask("store", &["key-value 1KiB"]).await;
    assert_eq!(verdict.notes[0].audit["said"], "key");
    let (verdict, _) = ask("fill", &["key-value 16KiB"]).await;
    let Outcome::Unavailable { error: CallError::Refused { kind, .. }, .. } = verdict.outcome
    else {
        panic!("{verdict:?}")
    };
    assert_eq!(kind, Refusal::LimitExceeded);
}

#[tokio::test]
async fn a_secret_is_read_only_if_it_was_granted() {
    let host = Host::start().await;
    let mut terms = terms(json!({ "do": "secret", "what": "token" }), &["secret token"]);
    terms.secrets.insert("token".into(), berth::secret::Secret::new("s3cret".into()));
    terms.secrets.insert("other".into(), berth::secret::Secret::new("hidden".into()));
    host.install("hostile", &terms).await;
    assert_eq!(host.ask(None).await.notes[0].audit["said"], "s3cret");
    terms.config["what"] = json!("other");
    host.install("hostile", &terms).await;
    let verdict = host.ask(None).await;
    let Outcome::Unavailable { error: CallError::Refused { message, .. }, .. } = verdict.outcome
    else {
        panic!("{verdict:?}")
    };
    assert_eq!(message, "`secret other` was not granted");
}
