//! Retention: what policies keep and drop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use berth::meta::{Policy, RetentionRule};
use berth::registry::Item;
use serde_json::{Value, json};

use super::locks::manifest;
use crate::support::{Client, Dice, Image, TestApp, berth as command, eventually};

const DAY: Duration = Duration::from_hours(24);
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn rule(value: Value) -> RetentionRule {
    serde_json::from_value(value).unwrap()
}

fn policy(keep: &[Value], discard: &[Value]) -> Policy {
    Policy {
        name: "test".into(),
        repositories: vec!["team/**".parse().unwrap()],
        except_repositories: Vec::new(),
        keep: keep.iter().cloned().map(rule).collect(),
        discard: discard.iter().cloned().map(rule).collect(),
        updated_at: berth::clock::Timestamp::from_millis(0),
        updated_by: String::new(),
    }
}

/// What a dry run says of each tag, and how many manifests it drops.
async fn said(client: &Client, wish: Value) -> BTreeMap<String, (bool, String, String)> {
    let answer = client.post_json("/api/v1/retention/dry-run", wish).await.ok().json();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let decisions = answer["decisions"].as_array().unwrap().iter();
    decisions
        .map(|one| {
            let name = one["tag"].as_str().or(one["digest"].as_str()).unwrap().to_owned();
            (name, (one["is_dropped"] == true, text(one, "rule"), text(one, "words")))
        })
        .collect()
}

async fn tags(client: &Client, repository: &str) -> BTreeSet<String> {
    let list = client.get(&format!("/v2/{repository}/tags/list")).await.ok().json();
    let tags = list["tags"].as_array().cloned().unwrap_or_default();
    tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

fn dropped(said: &BTreeMap<String, (bool, String, String)>) -> Vec<&str> {
    said.iter().filter(|(_, (is_dropped, ..))| *is_dropped).map(|(name, _)| &**name).collect()
}

#[tokio::test]
async fn each_rule_keeps_or_drops_what_it_says_and_is_named() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    // A day apart, the last one today: v1.0 is nine days old.
    for (day, tag) in
        ["v1.0", "v1.1", "v2.0", "pr-1", "pr-2", "pr-3", "edge", "1.5.0-rc1", "stable", "latest"]
            .into_iter()
            .enumerate()
    {
        if day > 0 {
            berth.turn_clock(DAY);
        }
        admin.push("team/app", tag, &Image::of([tag])).await;
    }
    let wish = async |keep: Value, drop: Value| {
        said(
            &admin,
            json!({ "policy": { "repositories": ["team/*"], "keep": keep, "drop": drop } }),
        )
        .await
    };
    let all = json!([{ "tag": "*" }]);
    for (keep, drop, expected) in [
        (json!([{ "newest": 9 }]), all.clone(), &["v1.0"][..]),
        (json!([{ "newest": 1, "among": "pr-*" }]), json!([{ "tag": "pr-*" }]), &["pr-1", "pr-2"]),
        (json!([]), json!([{ "beyond_newest": 8 }]), &["v1.0", "v1.1"]),
        (json!([]), json!([{ "beyond_newest": 1, "among": "pr-*" }]), &["pr-1", "pr-2"]),
        (json!([]), json!([{ "older_than": "8d" }]), &["v1.0", "v1.1"]),
        (json!([{ "pushed_within": "7d" }]), all.clone(), &["v1.0", "v1.1", "v2.0"]),
        (json!([{ "semver": ">=1.1" }]), json!([{ "tag": "v*" }]), &["v1.0"]),
        (json!([{ "semver": "<2" }]), json!([{ "tag": "v*" }]), &["v2.0"]),
        (
            json!([{ "tag": "v*" }]),
            json!([{ "older_than": "1d" }]),
            &["1.5.0-rc1", "edge", "pr-1", "pr-2", "pr-3", "stable"],
        ),
        (json!([]), json!([{ "tag": "nothing" }]), &[]),
    ] {
        assert_eq!(dropped(&wish(keep.clone(), drop.clone()).await), expected, "{keep} {drop}");
    }
    let said =
        wish(json!([{ "newest": 3 }]), json!([{ "older_than": "8d" }, { "tag": "pr-*" }])).await;
    let because = |tag: &str| (said[tag].1.as_str(), said[tag].2.as_str());
    assert_eq!(because("latest"), ("policy new keep 1", "one of the 3 newest tags"));
    assert_eq!(because("v1.0"), ("policy new drop 1", "pushed more than 8d ago"));
    assert_eq!(because("pr-1"), ("policy new drop 2", "a tag that fits pr-*"));
    assert_eq!(because("edge"), ("nothing", "no rule drops it"));
}

#[tokio::test]
async fn what_is_pulled_refers_or_is_held_is_kept() {
    // Only the run that is asked for.
    let berth = TestApp::start_with(|config| config.retention.schedule = None).await;
    berth.app.start_worker();
    let admin = berth.admin().await;
    for tag in ["pulled", "signed", "locked", "fixed", "old"] {
        admin.push("team/app", tag, &Image::of([tag])).await;
    }
    let signed = Image::of(["signed"]);
    let signature = json!({
        "schemaVersion": 2, "mediaType": signed.media_type(), "artifactType": "application/vnd.test.sig",
        "config": Image::of(["signed"]).blobs()[0].descriptor("application/vnd.oci.empty.v1+json"),
        "layers": [], "subject": signed.descriptor(),
    });
    let reference = berth::oci::Algorithm::Sha256.digest(signature.to_string().as_bytes());
    admin
        .put_manifest("team/app", reference.as_str(), signed.media_type(), signature.to_string())
        .await
        .status(201);
    berth.turn_clock(10 * DAY);
    admin.get(&manifest("pulled")).await.ok();
    let lock = json!({ "repository": "team/app", "reference": "locked", "why": "audit" });
    admin.post_json("/api/v1/locks", lock).await.status(201);
    let fixed = json!({ "repositories": ["team/app"], "tags": ["fixed"] });
    admin.post_json("/api/v1/immutability", fixed).await.status(201);
    let wish = json!({ "policy": { "repositories": ["team/**"],
        "keep": [{ "pulled_within": "1d" }, { "referrer": "application/vnd.test.sig" }],
        "drop": [{ "not_pulled_for": "5d" }, { "untagged": "1d" }] } });
    // The pull is written down behind the request.
    eventually("the pull", async || (!said(&admin, wish.clone()).await["pulled"].0).then_some(()))
        .await;
    let policy = json!({ "repositories": ["team/**"], "keep": wish["policy"]["keep"], "drop": wish["policy"]["drop"] });
    admin.put_json("/api/v1/retention/policies/tidy", policy).await.ok();
    let said = said(&admin, json!({})).await;
    assert_eq!(dropped(&said).len(), 2, "the tag `old` and its manifest: {said:?}");
    for (tag, rule) in [
        ("pulled", "policy tidy keep 1"),
        ("signed", "policy tidy keep 2"),
        ("locked", "lock 1"),
        ("fixed", "immutability rule 1"),
        ("old", "policy tidy drop 1"),
    ] {
        assert_eq!(said[tag].1, rule);
    }
    let asked = admin.post_json("/api/v1/retention/runs", json!({})).await.status(202).json();
    let run = eventually("the run", async || {
        let runs = admin.get("/api/v1/retention/runs").await.ok().json();
        (!runs["runs"][0]["finished_at"].is_null()).then(|| runs["runs"][0].clone())
    })
    .await;
    assert_eq!(run["job"], asked["job"]);
    assert_eq!(
        (&run["dropped_tags"], &run["dropped_manifests"], &run["kept_tags"]),
        (&json!(1), &json!(1), &json!(4))
    );
    admin.get(&manifest("old")).await.status(404);
    admin.get(&manifest(Image::of(["old"]).digest())).await.status(404);
    admin.get(&manifest(&reference)).await.ok();
    let events = admin.get("/api/v1/events?kind=tag.delete").await.ok().json();
    let event = &events["events"][0];
    assert_eq!((&event["actor"], &event["target"]), (&json!("retention"), &json!("old")));
    assert_eq!(event["rule"], "policy tidy drop 1: neither pulled nor pushed for 5d");
}

#[tokio::test]
async fn what_no_tag_leads_to_goes_with_all_that_is_about_it() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let child = Image::of(["child"]);
    admin.push("team/app", "child", &child).await;
    let index = |text: &str| {
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child.descriptor()],
                "annotations": { "a": text } })
        .to_string()
    };
    admin.put_manifest("team/app", "all", OCI_INDEX, index("one")).await.status(201);
    let of_child = format!("sha256-{}.sig", child.digest().hex());
    admin.push("team/app", &of_child, &Image::of(["signature"])).await;
    admin.delete(&manifest("child")).await.status(202);
    berth.turn_clock(2 * DAY);
    let policies = [policy(&[], &[json!({ "untagged": "1d" })])];
    let registry = &berth.app.registry;
    let name = "team/app".parse().unwrap();
    let retain = async || registry.retain(&name, &policies).await.unwrap();
    // What an index needs has no tag of its own, and is needed.
    assert_eq!((retain().await.tags, retain().await.manifests), (0, 0));
    admin.get(&manifest(&of_child)).await.ok();
    // Another index with the same child, too young to go.
    let digest = admin.put_manifest("team/app", "all", OCI_INDEX, index("two")).await;
    let second = digest.status(201).header("docker-content-digest").to_owned();
    admin.delete(&manifest("all")).await.status(202);
    assert_eq!(retain().await.manifests, 1, "the first index alone");
    admin.get(&manifest(&second)).await.ok();
    admin.get(&manifest(child.digest())).await.ok();
    berth.turn_clock(2 * DAY);
    let done = retain().await;
    assert_eq!(
        (done.tags, done.manifests),
        (1, 3),
        "the index, its child, and the signature of that"
    );
    assert!(tags(&admin, "team/app").await.is_empty());
}

#[tokio::test]
async fn what_changes_after_the_plan_is_left_alone() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    admin.push("team/app", "v1", &Image::of(["one"])).await;
    berth.turn_clock(DAY);
    let name = "team/app".parse().unwrap();
    let policies = [policy(&[], &[json!({ "tag": "*" })])];
    let plan = berth.app.registry.plan_retention(&name, &policies).await.unwrap().unwrap();
    let judged = plan.dropped().find_map(|one| match &one.item {
        Item::Tag(tag) => Some(tag.clone()),
        Item::Manifest(_) => None,
    });
    // Moved away and back again: not what was judged.
    admin.push("team/app", "v1", &Image::of(["two"])).await;
    admin.push("team/app", "v1", &Image::of(["one"])).await;
    let actor = crate::support::tester();
    let done = berth.app.meta.drop_tag(&name, judged.unwrap(), &actor).await.unwrap();
    assert_eq!(done, berth::meta::Deleted::Unknown);
    admin.get(&manifest("v1")).await.ok();
}

/// Repositories and policies by chance: a run leaves what the dry run said, no more and no less.
#[tokio::test]
async fn a_run_does_what_the_dry_run_says() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let mut dropped_in_all = 0;
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let repository = format!("team/app{seed}");
        fill(&berth, &admin, &repository, &mut dice).await;
        let policies = [by_chance(&mut dice)];
        let name = repository.parse().unwrap();
        let plan = berth.app.registry.plan_retention(&name, &policies).await.unwrap().unwrap();
        let tag_of = |item: &Item| match item {
            Item::Tag(tag) => Some(tag.name.to_string()),
            Item::Manifest(_) => None,
        };
        let kept: BTreeSet<_> = plan.kept().filter_map(|one| tag_of(&one.item)).collect();
        let before = berth.app.meta.load_contents(&name).await.unwrap().unwrap();
        let gone: BTreeSet<_> = plan
            .dropped()
            .filter_map(|one| match &one.item {
                Item::Manifest(manifest) => Some(manifest.digest.clone()),
                Item::Tag(_) => None,
            })
            .collect();
        dropped_in_all += gone.len();
        let done = berth.app.registry.retain(&name, &policies).await.unwrap();
        assert_eq!(done.manifests, gone.len() as u64, "seed {seed} {policies:?}");
        assert_eq!(tags(&admin, &repository).await, kept, "seed {seed} {policies:?}");
        let after = berth.app.meta.load_contents(&name).await.unwrap().unwrap();
        let left: BTreeSet<_> = after.manifests.iter().map(|one| one.digest.clone()).collect();
        let expected: BTreeSet<_> = before
            .manifests
            .iter()
            .map(|one| one.digest.clone())
            .filter(|one| !gone.contains(one))
            .collect();
        assert_eq!(left, expected, "seed {seed} {policies:?}");
        // Nothing that stays has lost a part.
        for one in &after.manifests {
            assert!(one.children.iter().all(|child| left.contains(child)
                || !before.manifests.iter().any(|known| known.digest == *child)));
        }
        // A second run finds nothing more to do.
        let again = berth.app.registry.plan_retention(&name, &policies).await.unwrap().unwrap();
        let more: Vec<_> = again.dropped().collect();
        assert!(more.is_empty(), "seed {seed} {policies:?}: {more:?}");
    }
    assert!(dropped_in_all > 20, "{dropped_in_all} manifests are too few to tell anything");
}

/// Whatever drops, and in whatever policy: what a keep rule names stays, and so does what is locked.
#[tokio::test]
async fn keep_rules_win_over_all_that_drops() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let (mut kept_in_all, mut locked_in_all) = (0, 0);
    for seed in 100..130 {
        let mut dice = Dice::new(seed);
        let repository = format!("team/app{seed}");
        fill(&berth, &admin, &repository, &mut dice).await;
        let chosen = by_chance(&mut dice);
        let name: berth::oci::RepositoryName = repository.parse().unwrap();
        let verdicts = async |policies: &[Policy]| {
            let plan = berth.app.registry.plan_retention(&name, policies).await.unwrap().unwrap();
            let tag_of = |item: &Item| match item {
                Item::Tag(tag) => Some(tag.name.to_string()),
                Item::Manifest(_) => None,
            };
            let kept = plan.kept().filter_map(|one| Some((tag_of(&one.item)?, one.rule.clone())));
            let dropped = plan.dropped().filter_map(|one| tag_of(&one.item));
            (kept.collect::<BTreeMap<_, _>>(), dropped.collect::<BTreeSet<_>>())
        };
        let all = json!([{ "tag": "*" }, { "untagged": "0h" }]);
        let harsh =
            Policy { discard: policy(&[], all.as_array().unwrap()).discard, ..chosen.clone() };
        let (kept, _) = verdicts(std::slice::from_ref(&harsh)).await;
        let (_, dropped) = verdicts(std::slice::from_ref(&chosen)).await;
        for (tag, rule) in &kept {
            assert!(!dropped.contains(tag), "seed {seed}: {rule} keeps {tag}, {chosen:?}");
        }
        // It makes no difference which policy has the rules.
        let keeps = Policy { name: "keeps".into(), discard: Vec::new(), ..chosen.clone() };
        let drops = Policy { name: "drops".into(), keep: Vec::new(), ..harsh.clone() };
        for policies in [[keeps.clone(), drops.clone()], [drops, keeps]] {
            let (apart, _) = verdicts(&policies).await;
            assert!(apart.keys().eq(kept.keys()), "seed {seed}: {apart:?} {kept:?}");
        }
        let contents = berth.app.meta.load_contents(&name).await.unwrap().unwrap();
        let locked: BTreeSet<_> = contents
            .manifests
            .iter()
            .filter(|one| one.protection.is_some())
            .map(|one| &one.digest)
            .collect();
        for tag in contents.tags.iter().filter(|tag| locked.contains(&tag.digest)) {
            assert!(kept.contains_key(tag.name.as_str()), "seed {seed}: {tag:?}");
            locked_in_all += 1;
        }
        kept_in_all += kept.len();
    }
    assert!(kept_in_all > 20 && locked_in_all > 2, "{kept_in_all}, {locked_in_all}: too few");
}

async fn fill(berth: &TestApp, admin: &Client, repository: &str, dice: &mut Dice) {
    let mut images = Vec::new();
    for number in 0..below(dice, 6) + 2 {
        berth.turn_clock(Duration::from_hours(below(dice, 48)));
        let tag = format!("{}{}", ["v1.", "pr-", "x"][dice.between(0, 3)], below(dice, 4));
        let text = format!("{number}");
        let image = Image::of([text.as_str()]);
        admin.push(repository, &tag, &image).await;
        match below(dice, 4) {
            0 => {
                let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image.descriptor()] });
                admin
                    .put_manifest(repository, &format!("all{number}"), OCI_INDEX, index.to_string())
                    .await
                    .status(201);
            }
            1 => {
                let tag = format!("sha256-{}.sig", image.digest().hex());
                let text = format!("signature {number}");
                admin.push(repository, &tag, &Image::of([text.as_str()])).await;
            }
            2 => {
                let referrer = Image::new(
                    Vec::new(),
                    json!({ "subject": image.descriptor(), "artifactType": format!("a/{number}") }),
                );
                for blob in referrer.blobs() {
                    admin.push_blob(repository, blob).await;
                }
                let digest = referrer.digest();
                let answer = admin.put_manifest(
                    repository,
                    digest.as_str(),
                    referrer.media_type(),
                    referrer.manifest(),
                );
                answer.await.status(201);
            }
            _ => {}
        }
        images.push(image);
    }
    let locked = &images[dice.between(0, images.len())];
    if below(dice, 3) == 0 {
        let wish =
            json!({ "repository": repository, "reference": locked.digest(), "why": "by chance" });
        admin.post_json("/api/v1/locks", wish).await.status(201);
    }
}

fn below(dice: &mut Dice, limit: u64) -> u64 {
    dice.next() % limit
}

fn by_chance(dice: &mut Dice) -> Policy {
    let keep = [
        json!({ "newest": below(dice, 3) }),
        json!({ "tag": "v*" }),
        json!({ "pushed_within": format!("{}h", below(dice, 72) + 1) }),
        json!({ "referrer": "*" }),
        json!({ "semver": ">=1.1" }),
    ];
    let discard = [
        json!({ "tag": "*" }),
        json!({ "older_than": format!("{}h", below(dice, 72)) }),
        json!({ "beyond_newest": below(dice, 3), "among": "pr-*" }),
        json!({ "not_pulled_for": "24h" }),
    ];
    let keep = keep.into_iter().filter(|_| below(dice, 3) == 0).collect::<Vec<_>>();
    let mut discard = discard.into_iter().filter(|_| below(dice, 2) == 0).collect::<Vec<_>>();
    discard.push(json!({ "untagged": format!("{}h", below(dice, 48)) }));
    policy(&keep, &discard)
}

#[tokio::test]
async fn policies_are_checked_and_for_those_who_manage() {
    let berth = TestApp::start().await;
    let (admin, ann) = (berth.admin().await, berth.newcomer("ann").await);
    let bind =
        json!({ "subject": "user:ann", "actions": ["pull", "manage"], "pattern": "team/**" });
    admin.post_json("/api/v1/bindings", bind).await.status(201);
    let put = async |client: &Client, name: &str, wish: Value| {
        client.put_json(&format!("/api/v1/retention/policies/{name}"), wish).await
    };
    let drop = json!([{ "older_than": "90d" }]);
    put(&ann, "mine", json!({ "repositories": ["team/**"], "drop": drop })).await.ok();
    put(&ann, "all", json!({ "repositories": ["**"], "drop": drop })).await.fails(403, "DENIED");
    put(&admin, "all", json!({ "repositories": ["**"], "drop": drop })).await.ok();
    // Another's policy is not replaced by a narrower one.
    put(&ann, "all", json!({ "repositories": ["team/**"], "drop": drop }))
        .await
        .fails(403, "DENIED");
    let mine = ann.get("/api/v1/retention/policies").await.ok().json();
    assert_eq!(mine["policies"].as_array().unwrap().len(), 1);
    ann.delete("/api/v1/retention/policies/all").await.fails(404, "NOT_FOUND");
    ann.post_json("/api/v1/retention/dry-run", json!({ "repository": "team/app" })).await.ok();
    ann.post_json("/api/v1/retention/dry-run", json!({})).await.fails(403, "DENIED");
    ann.post_json("/api/v1/retention/runs", json!({})).await.fails(403, "DENIED");
    for wish in [
        json!({ "repositories": [], "drop": drop }),
        json!({ "repositories": ["a"], "drop": [] }),
        json!({ "repositories": ["a"], "drop": [{ "newest": 3 }] }),
        json!({ "repositories": ["a"], "keep": [{ "untagged": "1d" }], "drop": drop }),
        json!({ "repositories": ["a"], "keep": [{ "semver": "new" }], "drop": drop }),
        json!({ "repositories": ["a"], "drop": [{ "older_than": "soon" }] }),
        json!({ "repositories": ["a"], "drop": [{ "untagged": "1d", "among": "v*" }] }),
        json!({ "repositories": ["a"], "drop": [{ "older": "1d" }] }),
    ] {
        put(&admin, "bad", wish.clone()).await.status(400);
    }
}

#[test]
fn policies_are_made_and_tried_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let on =
        |arguments: &[&str]| command(directory.path(), [arguments, &["--data", "data"]].concat());
    let process = crate::support::Process::start(&directory.path().join("data"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let admin = process.admin();
        for tag in ["v1", "pr-1"] {
            admin.push("team/app", tag, &Image::of([tag])).await;
        }
    });
    let set = ["retention", "set", "ci", "team/**", "--keep", "newest=1@v*", "--drop", "tag=*"];
    let tried = on(&[&set[..], &["--dry-run"]].concat())
        .ok()
        .says(["1 would be dropped, 1 kept; nothing was changed"]);
    assert!(tried.stdout.contains("a tag that fits *"), "{tried:?}");
    on(&set).ok().says(["the policy ci is in force"]);
    let table = on(&["retention", "list"]).ok().stdout;
    assert!(table.contains("newest=1@v*") && table.contains("tag=*"), "{table}");
    let decisions = on(&["retention", "dry-run", "team/app", "--dropped", "--json"]).ok().json();
    assert_eq!((decisions.as_array().unwrap().len(), &decisions[0]["tag"]), (1, &json!("pr-1")));
    on(&["retention", "run"]).ok().says(["runs the policies while Berth serves"]);
    on(&["retention", "remove", "ci"]).ok();
    on(&["retention", "set", "ci", "team/**", "--drop", "newest"]).exit(1).says(["NAME=VALUE"]);
}
