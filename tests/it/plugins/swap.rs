//! Plugins that come and go while they are at work.

use std::sync::Arc;
use std::time::Duration;

use berth::plugin::{
    Binding, CallError, Ending, Hook, LimitChanges, Operation, Outcome, PluginName,
};
use serde_json::json;

use super::{Host, terms};
use crate::support::eventually;

#[tokio::test]
async fn a_running_call_ends_with_the_plugin_that_it_began_with() {
    let host = Arc::new(Host::start().await);
    let mut slow = terms(json!({ "do": "sleep" }), &[]);
    let limits = LimitChanges { deadline: "1s".parse().ok(), ..LimitChanges::default() };
    slow.hooks.insert(Hook::Admission, Binding { limits, ..Binding::default() });
    let name = host.install("hostile", &slow).await;
    let running = tokio::spawn({
        let host = Arc::clone(&host);
        async move { host.ask(None).await.outcome }
    });
    // Until it is at work.
    let log = || host.plugins.list().len();
    assert_eq!(log(), 1);
    tokio::task::yield_now().await;
    // Replaced, and then removed, while it runs.
    host.install("hostile", &terms(json!({ "do": "anything" }), &[])).await;
    assert_eq!(host.ask(None).await.outcome, Outcome::Allowed, "new calls meet the new one");
    assert!(host.plugins.deactivate(&name).await);
    assert!(!host.plugins.deactivate(&name).await);
    assert!(!host.plugins.decides_about(Operation::Push));
    assert_eq!(host.ask(None).await.outcome, Outcome::Allowed);
    let outcome = running.await.unwrap();
    let Outcome::Unavailable { error, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error, CallError::Deadline(Duration::from_secs(1)));
}

#[tokio::test]
async fn no_request_is_dropped_by_a_swap() {
    let host = Arc::new(Host::start().await);
    let prepared = host.prepare("useful").await;
    host.plugins.activate(&prepared, &terms(json!({}), &[])).await.unwrap();
    let asking = (0..4).map(|_| {
        let host = Arc::clone(&host);
        tokio::spawn(async move {
            for _ in 0..50 {
                let outcome = host.ask(None).await.outcome;
                assert!(matches!(outcome, Outcome::Allowed | Outcome::Held { .. }), "{outcome:?}");
                tokio::task::yield_now().await;
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    for turn in 0..20 {
        let say = if turn % 2 == 0 { "hold" } else { "" };
        host.plugins.activate(&prepared, &terms(json!({ "say": say }), &[])).await.unwrap();
        tokio::task::yield_now().await;
    }
    for task in asking {
        task.await.unwrap();
    }
    assert!(host.records().iter().all(|record| record.ending == Ending::Answered));
}

#[tokio::test]
async fn a_plugin_that_is_not_there_is_told_by_name() {
    let host = Host::start().await;
    let name: PluginName = "acme.none".parse().unwrap();
    let error = host.plugins.describe(&name).await.unwrap_err();
    assert_eq!(error, CallError::Unknown(name.clone()));
    assert!(host.plugins.target(&name).is_err());
    // One that is there, without the hook.
    let name = host.install("policy", &terms(json!({}), &[])).await;
    assert_eq!(host.plugins.target(&name).unwrap_err(), CallError::Unknown(name.clone()));
    assert!(host.plugins.with_hook(Hook::Scanner).is_empty());
    assert_eq!(host.plugins.with_hook(Hook::Admission), [name]);
}

#[tokio::test]
async fn everything_can_be_dropped_while_a_call_runs() {
    let host = Host::start().await;
    let limits = LimitChanges {
        deadline: "60s".parse().ok(),
        cpu: "60s".parse().ok(),
        ..LimitChanges::default()
    };
    let mut terms = terms(json!({ "do": "loop" }), &[]);
    terms.hooks.insert(Hook::Admission, Binding { limits, ..Binding::default() });
    host.install("hostile", &terms).await;
    let plugins = host.plugins.clone();
    let running = tokio::spawn(async move { plugins.admit(&super::push_of("a/b"), None).await });
    let name = "test.hostile".parse().unwrap();
    eventually("the plugin computes", async || {
        host.plugins.log(&name).iter().find(|line| line.message == "begun").map(drop)
    })
    .await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    eventually("the call is noted as given up", async || {
        host.records().iter().find(|record| record.ending == Ending::Cancelled).map(drop)
    })
    .await;
}
