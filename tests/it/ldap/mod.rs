//! Directories, with a real LDAP server.

mod groups;
mod login;
mod manage;
mod outage;
mod standing;
mod transport;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::slapd::{BASE, PEOPLE, SEARCHER, password_of};
use crate::support::{Client, Role, Slapd, TestApp};

/// A Berth that asks a directory called `corp`.
struct Office {
    slapd: Slapd,
    berth: TestApp,
    admin: Client,
}

impl Office {
    /// `None` where there is no slapd.
    async fn open() -> Option<Self> {
        Self::open_with(json!({})).await
    }

    /// With other settings of the directory.
    async fn open_with(settings: Value) -> Option<Self> {
        let slapd = Slapd::start().await?;
        let berth = TestApp::start().await;
        let admin = berth.admin().await;
        let office = Self { slapd, berth, admin };
        office.add("corp", settings).await;
        Some(office)
    }

    /// Makes a directory that is this server.
    async fn add(&self, name: &str, settings: Value) {
        let wish = wish(&self.slapd, name, settings);
        self.admin.post_json("/api/v1/directories", wish).await.status(201);
    }

    async fn change(&self, settings: Value) {
        self.admin.patch_json("/api/v1/directories/corp", settings).await.ok();
    }

    /// Somebody with the password that the directory has of them.
    fn person(&self, name: &str) -> Client {
        self.berth.anonymous().with_password(name, &password_of(name))
    }

    /// Whom rules may be about when somebody asks.
    async fn subjects(&self, client: &Client) -> Vec<String> {
        let session = client.get("/api/v1/session").await.ok().json();
        let subjects = session["subjects"].as_array().unwrap().iter();
        subjects.map(|subject| subject.as_str().unwrap().to_owned()).collect()
    }

    /// A token for programs, made by somebody for themselves.
    async fn token_of(&self, client: &Client) -> Client {
        let made = client.post_json("/api/v1/tokens", json!({ "name": "laptop" })).await;
        self.berth.anonymous().with_token(made.status(201).json()["secret"].as_str().unwrap())
    }
}

/// What makes a directory of a server.
fn wish(slapd: &Slapd, name: &str, settings: Value) -> Value {
    let mut wish = json!({
        "name": name,
        "urls": [slapd.url()],
        "authorities": slapd.authority(),
        "bind_dn": SEARCHER.0,
        "bind_password": SEARCHER.1,
        "user_base": PEOPLE,
        "group_base": BASE,
    });
    for (field, value) in settings.as_object().unwrap() {
        wish[field] = value.clone();
    }
    wish
}

/// Sends a form to the token endpoint.
async fn post_form(client: &Client, form: &str) -> crate::support::Answer {
    let request = client.request(Method::POST, "/token");
    let form_type = "application/x-www-form-urlencoded";
    client.send(request.header("content-type", form_type).body(form.to_owned())).await
}

/// A refresh token, as `docker login` keeps one.
async fn refresh_token(client: &Client) -> String {
    let answer = client.get("/token?offline_token=true&client_id=docker").await.ok().json();
    let refresh = answer["refresh_token"].as_str().unwrap();
    format!("grant_type=refresh_token&refresh_token={refresh}")
}

/// Somebody who has an account and a password here.
async fn local(berth: &TestApp, name: &str) -> Client {
    berth.user(name, Role::Writer).await
}
