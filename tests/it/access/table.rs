//! Every small case: who asks, which rules there are, what is wanted, and whether the repository exists. What is answered is
//! compared with a model of a few lines that knows nothing of the index which decides.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Blob, Client, Image, TestApp};

const ACTIONS: [&str; 5] = ["pull", "push", "delete", "sign", "manage"];

/// Somebody who asks.
struct Asker {
    what: &'static str,
    client: Client,
    /// Whom rules may be about.
    subjects: &'static [&'static str],
    /// What a token is limited to.
    limits: Option<&'static [&'static str]>,
    /// Whether they fetch a registry token for each repository first.
    by_registry_token: bool,
}

/// A rule of the model: subject, whether it allows, actions.
type Rule = (&'static str, bool, &'static [&'static str]);

/// Rules that are in force together on one namespace.
const RULES: &[&[Rule]] = &[
    &[],
    &[("user:ann", true, &["pull"])],
    &[("user:ann", true, &["pull", "push"])],
    &[("user:ann", true, &["sign"])],
    &[("user:ann", true, &["pull", "sign"])],
    &[("user:ann", true, &["delete"])],
    &[("user:ann", true, &["manage"])],
    &[("user:ann", true, &["pull", "push", "delete", "sign", "manage"])],
    &[("user:bob", true, &["pull", "push", "delete", "sign", "manage"])],
    &[("group:devs", true, &["pull", "push"])],
    &[("robot:ci", true, &["pull", "push"])],
    &[("authenticated", true, &["pull"])],
    &[("everyone", true, &["pull"])],
    &[("everyone", true, &["pull"]), ("group:devs", true, &["push"])],
    &[("user:ann", true, &["pull", "push"]), ("group:devs", false, &["push"])],
    &[("group:devs", true, &["pull", "push", "delete"]), ("user:ann", false, &["pull"])],
    &[("everyone", true, &["pull"]), ("authenticated", false, &["pull"])],
    &[("user:ann", true, &["push", "sign"]), ("everyone", false, &["push"])],
    &[("robot:ci", true, &["pull", "delete"]), ("robot:ci", false, &["delete"])],
    &[("everyone", false, &["pull", "push", "delete", "sign", "manage"])],
];

impl Asker {
    /// What the model says that they may do.
    fn may(&self, rules: &[Rule]) -> BTreeSet<&'static str> {
        let said = |allows: bool| -> BTreeSet<&str> {
            let about = rules.iter().filter(|(subject, effect, _)| {
                *effect == allows && self.subjects.contains(subject)
            });
            about.flat_map(|(_, _, actions)| actions.iter().copied()).collect()
        };
        let (allowed, denied) = (said(true), said(false));
        let within = |action: &&str| match self.limits {
            None => true,
            Some(limits) => {
                limits.contains(action) || (*action == "sign" && limits.contains(&"push"))
            }
        };
        allowed.difference(&denied).copied().filter(|action| within(action)).collect()
    }

    async fn client(&self, repository: &str) -> Client {
        if !self.by_registry_token {
            return self.client.clone();
        }
        self.client
            .log_in(&[&format!("repository:{repository}:pull,push,delete,sign,manage")])
            .await
    }
}

/// Makes a rule as the administrator.
async fn bind(admin: &Client, (subject, allows, actions): Rule, pattern: &str) {
    let effect = if allows { "allow" } else { "deny" };
    let wish =
        json!({ "subject": subject, "effect": effect, "actions": actions, "pattern": pattern });
    admin.post_json("/api/v1/bindings", wish).await.status(201);
}

async fn secret(admin: &Client, wish: Value) -> String {
    let made = admin.post_json("/api/v1/tokens", wish).await.status(201).json();
    made["secret"].as_str().unwrap().to_owned()
}

async fn askers(berth: &TestApp, admin: &Client) -> Vec<Asker> {
    const ANN: &[&str] = &["user:ann", "group:devs", "authenticated", "everyone"];
    const CI: &[&str] = &["robot:ci", "authenticated", "everyone"];
    const NOBODY: &[&str] = &["everyone"];
    let ann = berth.newcomer("ann").await;
    berth.newcomer("bob").await;
    admin.post_json("/api/v1/groups", json!({ "name": "devs" })).await.status(201);
    admin.put_json("/api/v1/groups/devs/members/ann", json!({})).await.status(204);
    admin.post_json("/api/v1/robots", json!({ "name": "ci" })).await.status(201);
    let whole = secret(admin, json!({ "name": "whole", "owner": "ann" })).await;
    let limits = json!([{ "pattern": "**", "actions": ["pull", "push"] }]);
    let part = secret(admin, json!({ "name": "part", "owner": "ann", "limits": limits })).await;
    let robot = secret(admin, json!({ "name": "first", "owner": "ci" })).await;
    let nobody = berth.anonymous();
    let as_password = |secret: &str| nobody.with_password("whoever", secret);
    let asker = |what, client, subjects| Asker {
        what,
        client,
        subjects,
        limits: None,
        by_registry_token: false,
    };
    let part_limits: Option<&'static [&'static str]> = Some(&["pull", "push"]);
    vec![
        asker("nobody", nobody.clone(), NOBODY),
        Asker { by_registry_token: true, ..asker("an anonymous token", nobody.clone(), NOBODY) },
        asker("ann", ann.clone(), ANN),
        Asker { by_registry_token: true, ..asker("ann's registry token", ann.clone(), ANN) },
        asker("ann's token as a password", as_password(&whole), ANN),
        asker("ann's token as a bearer", nobody.with_token(&whole), ANN),
        Asker { limits: part_limits, ..asker("ann's limited token", as_password(&part), ANN) },
        Asker {
            limits: part_limits,
            by_registry_token: true,
            ..asker("a registry token for ann's limited token", as_password(&part), ANN)
        },
        asker("the robot", nobody.with_token(&robot), CI),
        Asker {
            by_registry_token: true,
            ..asker("the robot's registry token", as_password(&robot), CI)
        },
    ]
}

/// A request that needs an action and changes nothing, and the statuses for those who have it: where the repository exists,
/// and where it does not.
fn probe(action: &str, repository: &str) -> (Method, String, Option<Vec<u8>>, [u16; 2]) {
    let missing = Image::of(["a layer that nobody has"]);
    let v2 = |tail: &str| format!("/v2/{repository}/{tail}");
    match action {
        "pull" => (Method::GET, v2("manifests/v1"), None, [200, 404]),
        // What refers to nothing that is there is refused, but not for want of a right.
        "push" => (Method::PUT, v2("manifests/other"), Some(missing.manifest()), [400, 400]),
        "sign" => {
            let subject = json!({ "subject": Image::of(["a layer"]).descriptor() });
            let signature = Image::new(vec![Blob::new("a signature that nobody has")], subject);
            let digest = signature.digest();
            let path = v2(&format!("manifests/{digest}"));
            (Method::PUT, path, Some(signature.manifest()), [400, 400])
        }
        "delete" => (Method::DELETE, v2("manifests/none"), None, [404, 404]),
        _ => {
            let path = format!("/api/v1/bindings?pattern={}", repository.replace('/', "%2F"));
            (Method::GET, path, None, [200, 200])
        }
    }
}

/// Whether there is something to pull: denials bind the administrator who pushes it as well.
fn exists(rules: &[Rule]) -> bool {
    !rules.iter().any(|(subject, allows, actions)| {
        !allows && *subject == "everyone" && actions.contains(&"push")
    })
}

#[tokio::test]
async fn every_small_case_is_decided_as_the_model_says() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let askers = askers(&berth, &admin).await;
    let image = Image::of(["a layer"]);
    let mut compared = 0;
    for (number, rules) in RULES.iter().enumerate() {
        for rule in *rules {
            bind(&admin, *rule, &format!("n{number}/**")).await;
        }
        if exists(rules) {
            admin.push(&format!("n{number}/app"), "v1", &image).await;
        }
    }
    for asker in &askers {
        for (number, rules) in RULES.iter().enumerate() {
            let allowed = asker.may(rules);
            let exists = exists(rules);
            for (state, repository) in
                [format!("n{number}/app"), format!("n{number}/nil")].iter().enumerate()
            {
                let client = asker.client(repository).await;
                for action in ACTIONS {
                    let (method, path, body, good) = probe(action, repository);
                    let mut request = client.request(method.clone(), &path);
                    if let Some(body) = body {
                        request = request.header("content-type", image.media_type()).body(body);
                    }
                    let answer = client.send(request).await;
                    // Whoever may push may sign.
                    let may =
                        allowed.contains(action) || (action == "sign" && allowed.contains("push"));
                    let good = if exists { good[state] } else { good[1] };
                    let expected = match (may, asker.subjects.len()) {
                        (true, _) => good,
                        (false, 1) => 401,
                        (false, _) => 403,
                    };
                    assert_eq!(
                        answer.code,
                        expected,
                        "{} wants to {action} in {repository} under {rules:?}: {method} {path}: {}",
                        asker.what,
                        answer.text()
                    );
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, askers.len() * RULES.len() * 2 * ACTIONS.len());
}

/// The explanation is the decision: it says the same for each case, and names a rule that is there.
#[tokio::test]
async fn every_small_case_is_explained_as_it_is_decided() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let askers = askers(&berth, &admin).await;
    for (number, rules) in RULES.iter().enumerate() {
        for rule in *rules {
            bind(&admin, *rule, &format!("n{number}/**")).await;
        }
        for (subject, asker) in [("everyone", 0), ("user:ann", 2), ("robot:ci", 8)] {
            let allowed = askers[asker].may(rules);
            for action in ACTIONS {
                let path = format!(
                    "/api/v1/access/why?subject={subject}&action={action}&repository=n{number}%2Fapp"
                );
                let why = admin.get(&path).await.ok().json();
                let expected = allowed.contains(action);
                assert_eq!(
                    why["is_allowed"], expected,
                    "{subject} {action} under {rules:?}: {why}"
                );
                assert_eq!(why["rule"]["effect"] == "allow", expected, "{why}");
                assert!(!why["because"].as_str().unwrap().is_empty());
            }
        }
    }
}
