//! Plugins that harm: each is an answer for whoever asked, and nothing for anybody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use berth::plugin::{
    Binding, CallContext, CallError, Credential, CredentialKind, Ending, Hook, Identified,
    LimitChanges, Outcome, Refusal, Terms,
};
use berth::secret::Secret;
use serde_json::json;

use super::{Host, IMAGES, push_of, terms};
use crate::support::{Image, eventually};

/// The hostile guest, told what to do.
fn told(deed: &str, limits: LimitChanges) -> Terms {
    let mut terms = terms(json!({ "do": deed }), &IMAGES);
    for hook in Hook::ALL {
        terms.hooks.insert(hook, Binding { limits: limits.clone(), ..Binding::default() });
    }
    terms
}

/// Why there was no decision.
async fn failure(host: &Host, deed: &str, limits: LimitChanges) -> CallError {
    host.install("hostile", &told(deed, limits)).await;
    host.push("team/app", &Image::of(["hello"])).await;
    let image = host.image("team/app", "v1").await;
    let verdict = host.ask(Some(&image)).await;
    match verdict.outcome {
        Outcome::Unavailable { error, .. } => error,
        other => panic!("{deed}: {other:?}"),
    }
}

fn no_changes() -> LimitChanges {
    LimitChanges::default()
}

fn cpu(time: &str) -> LimitChanges {
    let (cpu, deadline) = (time.parse().ok(), "60s".parse().ok());
    LimitChanges { cpu, deadline, ..LimitChanges::default() }
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_processor_time() {
    let host = Host::start().await;
    let error = failure(&host, "loop", cpu("100ms")).await;
    assert_eq!(error, CallError::Cpu(Duration::from_millis(100)));
    let record = host.last_record();
    assert!(record.cpu >= Duration::from_millis(100));
    assert_eq!(record.ending, Ending::Failed(error));
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_deadline_if_that_comes_first() {
    let host = Host::start().await;
    let deadline = "100ms".parse().ok();
    let error = failure(&host, "loop", LimitChanges { deadline, ..cpu("10s") }).await;
    assert_eq!(error, CallError::Deadline(Duration::from_millis(100)));
}

#[tokio::test]
async fn others_go_on_while_a_plugin_computes() {
    // One thread for all: whatever blocks it blocks everybody.
    let host = Arc::new(Host::start().await);
    host.install("hostile", &told("loop", cpu("300ms"))).await;
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    let counter = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let calls = (0..4).map(|_| {
        let host = Arc::clone(&host);
        tokio::spawn(async move { host.ask(None).await })
    });
    for call in futures::future::join_all(calls).await {
        let verdict = call.unwrap();
        assert!(matches!(verdict.outcome, Outcome::Unavailable { error: CallError::Cpu(_), .. }));
    }
    counter.abort();
    // More than a second of computing: if it blocked the thread, there would be a turn for each call.
    assert!(turns.load(Ordering::Relaxed) > 40, "{turns:?}");
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_and_costs_no_processor_time() {
    let host = Host::start().await;
    let deadline = "200ms".parse().ok();
    let error = failure(&host, "sleep", LimitChanges { deadline, ..no_changes() }).await;
    assert_eq!(error, CallError::Deadline(Duration::from_millis(200)));
    assert!(host.last_record().cpu < Duration::from_millis(200));
}

#[tokio::test]
async fn deep_recursion_is_a_crash_of_the_plugin_alone() {
    let host = Host::start().await;
    let error = failure(&host, "recurse", no_changes()).await;
    assert!(matches!(error, CallError::Stack(_)), "{error:?}");
    let error = failure(&host, "recurse-with-memory", no_changes()).await;
    assert!(matches!(error, CallError::Trap(_) | CallError::Stack(_)), "{error:?}");
}

#[tokio::test]
async fn a_memory_bomb_stops_at_its_limit_and_says_so() {
    let host = Host::start().await;
    let memory = "16MiB".parse().ok();
    let error = failure(&host, "memory", LimitChanges { memory, ..no_changes() }).await;
    let CallError::Memory { wanted, limit } = error else { panic!("{error:?}") };
    assert_eq!(limit, 16 << 20);
    assert!(wanted > limit);
    let peak = host.last_record().peak_memory;
    assert!((1 << 20..=16 << 20).contains(&peak), "{peak}");
}

#[tokio::test]
async fn a_panic_leaves_its_message_in_the_log() {
    let host = Host::start().await;
    let error = failure(&host, "panic", no_changes()).await;
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
    let log = host.last_record().log;
    assert!(log[0].message.contains("it hurts") && log[0].message.contains("deeds.rs"), "{log:?}");
    let error = failure(&host, "wild", no_changes()).await;
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
}

#[tokio::test]
async fn what_is_handed_over_is_bounded() {
    let host = Host::start().await;
    assert_eq!(failure(&host, "huge-answer", no_changes()).await, CallError::Output(1 << 20));
    assert_eq!(failure(&host, "huge-log", no_changes()).await, CallError::Output(1 << 20));
    let error = failure(&host, "random", no_changes()).await;
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
    let error = failure(&host, "handles", no_changes()).await;
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
    // A flood of lines is no failure: they are cut.
    host.install("hostile", &told("log", cpu("10s"))).await;
    assert_eq!(host.ask(None).await.outcome, Outcome::Allowed);
    let record = host.last_record();
    let bytes: usize = record.log.iter().map(|line| line.message.len()).sum();
    assert!(bytes < 100_000 && record.dropped_lines > 90_000);
}

#[tokio::test]
async fn a_malformed_answer_is_none() {
    let host = Host::start().await;
    for (deed, expected) in [("mute-denial", "without a message"), ("broken-detail", "no JSON")] {
        let error = failure(&host, deed, no_changes()).await;
        assert!(
            matches!(&error, CallError::Malformed(what) if what.contains(expected)),
            "{error:?}"
        );
    }
    host.install("hostile", &told("many-warnings", no_changes())).await;
    let verdict = host.ask(None).await;
    assert_eq!((verdict.outcome, verdict.warnings.len()), (Outcome::Allowed, 8));
    assert!(!verdict.warnings[0].contains(['\r', '\n', '\u{1b}']));

    let image = host.image("team/app", "v1").await;
    for (deed, expected) in [
        ("many-findings", "more than 100000 findings"),
        ("nameless-finding", "no id"),
        ("strange-document", "no media type"),
    ] {
        let limits = LimitChanges { output: "256MiB".parse().ok(), ..no_changes() };
        let scanner = host.install("hostile", &told(deed, limits)).await;
        let error =
            host.plugins.scan(&scanner, &CallContext::new("job"), image.clone()).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Malformed(what) if what.contains(expected)),
            "{error:?}"
        );
    }
    let scanner = host.install("hostile", &told("huge-answer", no_changes())).await;
    let error = host.plugins.scan(&scanner, &CallContext::new("job"), image).await.unwrap_err();
    assert_eq!(error, CallError::Output(16 << 20));
}

#[tokio::test]
async fn an_authenticator_cannot_speak_for_somebody_else() {
    let host = Host::start().await;
    let credential = Credential {
        kind: CredentialKind::Bearer,
        name: None,
        value: Secret::new(b"token".to_vec()),
        attributes: BTreeMap::new(),
    };
    for deed in ["no-subject", "control-subject", "many-groups", "loop", "panic"] {
        host.install("hostile", &told(deed, cpu("50ms"))).await;
        let answer = host.plugins.authenticate(&CallContext::new("r"), &credential).await;
        assert!(matches!(answer, Identified::Unavailable { .. }), "{deed}: {answer:?}");
    }
    host.install("hostile", &told("impostor", no_changes())).await;
    let answer = host.plugins.authenticate(&CallContext::new("r"), &credential).await;
    let Identified::As { person, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((person.subject.as_str(), person.issuer.as_str()), ("admin", "plugin:test.hostile"));
    // For ever is five minutes.
    let calls = host.records().len();
    host.berth.turn_clock(Duration::from_secs(301));
    host.plugins.authenticate(&CallContext::new("r"), &credential).await;
    assert_eq!(host.records().len(), calls + 1);
}

#[tokio::test]
async fn strange_steps_of_a_replication_are_refused() {
    let host = Host::start().await;
    let name = host.install("hostile", &told("", no_changes())).await;
    let target = host.plugins.target(&name).unwrap();
    let (context, repository) = (CallContext::new("job"), "team/app".parse().unwrap());
    let reference = "v1".parse().unwrap();
    let found = target.find_manifest(&context, &repository, &reference).await;
    assert!(matches!(found, Err(CallError::Malformed(_))), "{found:?}");
    let missing = target.missing(&context, &repository, &[]).await;
    assert!(
        matches!(missing, Err(CallError::Malformed(_))),
        "it lacks what nobody asked about: {missing:?}"
    );
    let deleted = target.delete(&context, &repository, &reference).await;
    let Err(CallError::Refused { kind: Refusal::Internal, message }) = deleted else {
        panic!("{deleted:?}")
    };
    assert_eq!(message.len(), 1000, "what goes to the log is cut");
    let delivered = host.plugins.deliver(&name, &context, &[]).await;
    assert!(
        matches!(delivered, Err(CallError::Malformed(_))),
        "more than there are: {delivered:?}"
    );
}

#[tokio::test]
async fn nothing_stays_from_one_call_to_the_next() {
    let host = Host::start().await;
    host.install("hostile", &told("static", no_changes())).await;
    for _ in 0..3 {
        let verdict = host.ask(None).await;
        assert_eq!(verdict.notes[0].audit["said"], "0");
    }
}

#[tokio::test]
async fn too_many_calls_are_refused_at_once() {
    let host = Arc::new(Host::start().await);
    let limits = LimitChanges { concurrency: Some(1), queue: Some(1), ..cpu("10s") };
    host.install("hostile", &told("sleep", limits)).await;
    let ask = || {
        let host = Arc::clone(&host);
        tokio::spawn(async move { host.ask(None).await.outcome })
    };
    let calls = [ask(), ask(), ask(), ask()];
    let refused = eventually("two of four calls are refused", async || {
        let ended = calls.iter().filter(|call| call.is_finished()).count();
        (ended == 2).then_some(())
    });
    refused.await;
    let mut endings = Vec::new();
    for call in calls {
        if call.is_finished() {
            endings.push(call.await.unwrap());
        } else {
            call.abort();
        }
    }
    let is_busy =
        |outcome: &Outcome| matches!(outcome, Outcome::Unavailable { error: CallError::Busy, .. });
    assert!(endings.len() == 2 && endings.iter().all(is_busy), "{endings:?}");
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_for_a_while() {
    let host = Host::start().await;
    host.install("hostile", &told("panic", no_changes())).await;
    let ask = async || match host.ask(None).await.outcome {
        Outcome::Unavailable { error, .. } => error,
        other => panic!("{other:?}"),
    };
    for _ in 0..5 {
        assert!(matches!(ask().await, CallError::Trap(_)));
    }
    assert!(matches!(ask().await, CallError::Tripped(_)));
    assert!(host.plugins.list()[0].hooks[0].1.is_some());
    host.berth.turn_clock(Duration::from_secs(5));
    assert!(matches!(ask().await, CallError::Trap(_)), "one call tries");
    assert!(matches!(ask().await, CallError::Tripped(_)));
    // Its other hooks are not its admission.
    host.install("hostile", &told("", no_changes())).await;
    assert_eq!(host.ask(None).await.outcome, Outcome::Allowed);
}

#[tokio::test]
async fn the_pool_is_whole_again_after_calls_that_were_given_up() {
    let host = Arc::new(Host::start().await);
    let limits = LimitChanges { concurrency: Some(32), queue: Some(1000), ..cpu("10s") };
    for deed in ["sleep", "loop"] {
        host.install("hostile", &told(deed, limits.clone())).await;
        // More than the pool has room for, a few at a time.
        for _ in 0..10 {
            let calls = (0..16).map(|_| {
                let host = Arc::clone(&host);
                tokio::spawn(async move { host.ask(None).await })
            });
            let calls: Vec<_> = calls.collect();
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            calls.iter().for_each(tokio::task::JoinHandle::abort);
            for call in calls {
                assert!(call.await.unwrap_err().is_cancelled());
            }
        }
    }
    let cancelled =
        host.records().iter().filter(|record| record.ending == Ending::Cancelled).count();
    assert!(cancelled > 0);
    host.install("hostile", &told("", limits)).await;
    let calls = (0..200).map(|_| host.ask(None));
    for verdict in futures::future::join_all(calls).await {
        assert_eq!(verdict.outcome, Outcome::Allowed);
    }
    let verdict = host.plugins.admit(&push_of("team/app"), None).await;
    assert_eq!(verdict.outcome, Outcome::Allowed);
}
