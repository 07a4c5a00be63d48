//! `berth kubelet-credential-provider` and `berth k8s`

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Process, Said, berth, berth_reads};

const VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

/// A token that ends then; nobody here looks at its signature.
fn service_account(exp: i64) -> String {
    let claims = json!({ "sub": "system:serviceaccount:shop:default", "exp": exp }).to_string();
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

fn request(image: &str, token: &str) -> String {
    // As kubelet writes it, with what it may add one day.
    json!({
        "kind": "CredentialProviderRequest", "apiVersion": VERSION, "image": image,
        "serviceAccountToken": token, "serviceAccountAnnotations": { "a/b": "c" }, "later": 1,
    })
    .to_string()
}

fn provide(directory: &Path, arguments: &[&str], request: &str) -> Said {
    let registry = ["kubelet-credential-provider", "--registry", "registry.example.org"];
    berth_reads(directory, [&registry[..], arguments].concat(), request)
}

#[test]
fn kubelet_gets_the_tokens_of_pods_for_this_registry_alone() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let token = service_account(4_000_000_000);
    let asked = request("registry.example.org/team/app:v1", &token);
    let said = provide(directory, &[], &asked).ok();
    let expected = format!(
        r#"{{"apiVersion":"{VERSION}","kind":"CredentialProviderResponse","cacheKeyType":"Registry","cacheDuration":"600s","auth":{{"registry.example.org":{{"username":"serviceaccount","password":"{token}"}}}}}}"#
    );
    assert_eq!(said.stdout, format!("{expected}\n"), "letter for letter");
    assert!(said.stderr.is_empty());

    let asked = request("other.example.org/team/app:v1", &token);
    let said = provide(directory, &[], &asked).ok();
    let expected = format!(
        r#"{{"apiVersion":"{VERSION}","kind":"CredentialProviderResponse","cacheKeyType":"Registry","cacheDuration":"0s","auth":null}}"#
    );
    assert_eq!(said.stdout, format!("{expected}\n"));

    let flags = [
        "--registry",
        "*.other.example:5000/team",
        "--username",
        "pods",
        "--cache-by",
        "image",
        "--cache-for",
        "1m",
    ];
    let asked = request("a.other.example:5000/team/app@sha256:00", &token);
    let said = provide(directory, &flags, &asked).ok().json();
    assert_eq!(said["auth"]["a.other.example:5000/team"]["username"], "pods");
    assert_eq!((&said["cacheKeyType"], &said["cacheDuration"]), (&json!("Image"), &json!("60s")));
}

#[test]
fn an_answer_is_kept_for_no_longer_than_its_token_is_good() {
    let directory = tempfile::tempdir().unwrap();
    let now = berth::clock::Clock::system().now().as_seconds();
    let image = "registry.example.org/app";
    let asked = request(image, &service_account(now + 150));
    let said = provide(directory.path(), &[], &asked).ok().json();
    let kept: i64 = said["cacheDuration"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
    assert!(kept <= 120, "{kept}");
    let over = provide(directory.path(), &[], &request(image, &service_account(now - 1)));
    over.exit(1).says(["is over"]);
}

#[test]
fn where_pods_have_no_tokens_one_from_a_file_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let asked = request("registry.example.org/app", "");
    let said = provide(directory, &[], &asked).exit(1);
    assert!(said.stdout.is_empty());
    said.says(["no service account's token", "tokenAttributes", "--token-file"]);
    std::fs::write(directory.join("token"), "brt_secret\n").unwrap();
    let said = provide(directory, &["--token-file", "token"], &asked).ok().json();
    assert_eq!(said["auth"]["registry.example.org"]["password"], "brt_secret");
    let said = provide(directory, &["--token-file", "none"], &asked).exit(1);
    said.says(["cannot read none"]);
    // A pod's own token comes first.
    let asked = request("registry.example.org/app", &service_account(4_000_000_000));
    let said = provide(directory, &["--token-file", "token"], &asked).ok();
    assert!(!said.stdout.contains("brt_secret"));
}

#[test]
fn what_is_no_request_is_refused_on_stderr() {
    let directory = tempfile::tempdir().unwrap();
    let old = request("registry.example.org/app", "x").replace("/v1\"", "/v1beta1\"");
    for (input, words) in
        [("", "not one of kubelet's"), ("{}", "not one of kubelet's"), (&*old, "v1beta1")]
    {
        let said = provide(directory.path(), &[], input).exit(1);
        assert!(said.stdout.is_empty(), "{said:?}");
        said.says([words]);
    }
    let say = |arguments: &[&str]| {
        berth(directory.path(), [&["kubelet-credential-provider"], arguments].concat())
    };
    say(&[]).exit(2).says(["--registry"]);
    say(&["--registry", "*"]).exit(2).says(["others would get the tokens"]);
}

/// What a Secret holds.
fn read_secret(manifest: &str) -> Value {
    let line = manifest.lines().find_map(|line| line.strip_prefix("  .dockerconfigjson: "));
    serde_json::from_slice(&STANDARD.decode(line.unwrap()).unwrap()).unwrap()
}

#[test]
fn a_pull_secret_is_printed_for_kubectl() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "k8s",
        "pull-secret",
        "berth",
        "--namespace",
        "shop",
        "--registry",
        "registry.example.org:5000",
        "--username",
        "puller",
        "--password-stdin",
    ];
    let said = berth_reads(directory.path(), arguments, "brt_secret\n").ok();
    let (head, data) = said.stdout.split_once("\ndata:\n").unwrap();
    assert_eq!(
        head,
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata:\n  name: \"berth\"\n  namespace: \"shop\""
    );
    let auth = STANDARD.encode("puller:brt_secret");
    let login = json!({ "username": "puller", "password": "brt_secret", "auth": auth });
    assert_eq!(read_secret(data), json!({ "auths": { "registry.example.org:5000": login } }));

    let say = |arguments: &[&str]| {
        let all = [&["k8s", "pull-secret"], arguments, &["--registry", "registry.example.org"]];
        berth_reads(directory.path(), all.concat(), "")
    };
    say(&["berth"]).exit(2).says(["--username"]);
    say(&["Berth", "--username", "x", "--password-stdin"]).exit(1).says(["takes no `Berth`"]);
    say(&["a: b", "--username", "x", "--password-stdin"]).exit(1).says(["for a name"]);
    say(&["berth", "--username", "x", "--password-stdin"]).exit(1).says(["no password was given"]);
}

#[tokio::test]
async fn a_pull_secret_may_bring_a_token_that_can_only_pull() {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(&directory.path().join("data"));
    let say =
        |arguments: &[&str]| berth(directory.path(), [arguments, &["--data", "data"]].concat());
    say(&["robot", "add", "puller", "--role", "writer", "--on", "**", "--no-token"]).ok();
    let make = [
        "k8s",
        "pull-secret",
        "berth",
        "--namespace",
        "shop",
        "--registry",
        "registry.example.org",
        "--create-token",
        "puller",
        "--on",
        "team/**",
        "--expires",
        "90d",
    ];
    let said = say(&make).ok();
    let config = read_secret(&said.stdout);
    let login = &config["auths"]["registry.example.org"];
    assert_eq!(login["username"], "puller");
    let client = process.admin().with_password("puller", login["password"].as_str().unwrap());
    let answer = client.get("/token?scope=repository:team/app:pull,push&scope=repository:a:pull");
    assert_eq!(answer.await.ok().json()["scope"], "repository:team/app:pull");
    let tokens = say(&["token", "list", "--owner", "puller"]).ok().stdout;
    assert!(tokens.contains("k8s shop/berth") && tokens.contains("team/**:pull"), "{tokens}");
    say(&make).exit(1).says(["there is a token `k8s shop/berth` already"]);
}
