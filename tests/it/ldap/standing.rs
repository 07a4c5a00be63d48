//! What becomes of tokens, logins and browsers when somebody is gone from the directory.

use std::time::Duration;

use serde_json::json;

use super::{Office, post_form, refresh_token};
use crate::support::slapd::person_dn;
use crate::support::{Client, Image, eventually};

/// Everything that somebody may hold, each with a request that shows whether it is still good.
struct Held {
    token: Client,
    registry_token: Client,
    refresh: String,
    cookie: String,
}

async fn hold(office: &Office, person: &Client, sign_in: serde_json::Value) -> Held {
    let signed_in = office.berth.anonymous().post_json("/api/v1/session", sign_in).await;
    let cookie = signed_in.status(201).header("set-cookie").split(';').next().unwrap().to_owned();
    Held {
        token: office.token_of(person).await,
        registry_token: person.log_in(&["repository:team/app:pull"]).await,
        refresh: refresh_token(person).await,
        cookie,
    }
}

impl Held {
    /// The status of each: the token for programs, the registry token, the browser, the refresh token.
    async fn codes(&self, office: &Office) -> [u16; 4] {
        let nobody = office.berth.anonymous();
        let session = nobody.request(reqwest::Method::GET, "/api/v1/session");
        let session = nobody.send(session.header("cookie", &self.cookie)).await;
        let is_somebody = session.code == 200 && session.json()["is_authenticated"] == true;
        [
            self.token.get("/v2/").await.code,
            self.registry_token.get("/v2/team/app/tags/list").await.code,
            if is_somebody { 200 } else { 401 },
            post_form(&nobody, &self.refresh).await.code,
        ]
    }
}

fn sign_in(name: &str) -> serde_json::Value {
    json!({ "username": name, "password": crate::support::slapd::password_of(name) })
}

async fn with_image(office: &Office) {
    office.admin.push("team/app", "v1", &Image::of(["a layer"])).await;
    let rule = json!({ "subject": "group:corp/devs", "role": "reader", "pattern": "**" });
    office.admin.post_json("/api/v1/bindings", rule).await.status(201);
}

#[tokio::test]
async fn whoever_is_removed_there_loses_everything_here() {
    let Some(office) = Office::open().await else { return };
    with_image(&office).await;
    let ann = office.person("ann");
    let held = hold(&office, &ann, sign_in("ann")).await;
    assert_eq!(held.codes(&office).await, [200; 4]);

    office.slapd.remove(&person_dn("ann")).await;
    // Each refresh asks, and ends what was issued for logins.
    let [_, _, _, refresh] = held.codes(&office).await;
    assert_eq!(refresh, 401);
    assert_eq!(held.codes(&office).await, [401; 4]);
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");

    // It is written down, and her account is there still.
    let events = office.admin.get("/api/v1/events?kind=session.end").await.ok().json();
    assert_eq!(events["events"][0]["actor"], "directory corp");
    assert_eq!(events["events"][0]["target"], "ann");
    office.admin.get("/api/v1/users/ann").await.ok();
    // Somebody else of her name there is not her.
    office.slapd.add_person("ann").await;
    office.berth.turn_clock(Duration::from_mins(5));
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
    assert_eq!(held.codes(&office).await, [401; 4]);
}

#[tokio::test]
async fn a_token_ends_when_what_was_said_of_its_owner_is_old() {
    let Some(office) = Office::open().await else { return };
    let bob = office.person("bob");
    let token = office.token_of(&bob).await;
    office.slapd.remove(&person_dn("bob")).await;
    office.berth.turn_clock(Duration::from_secs(299));
    token.get("/v2/").await.ok();
    office.berth.turn_clock(Duration::from_secs(1));
    token.get("/v2/").await.fails(401, "UNAUTHORIZED");
    // Nobody is asked again and again about whoever is gone.
    let before = office.slapd.operations("Search").await;
    for _ in 0..5 {
        token.get("/v2/").await.fails(401, "UNAUTHORIZED");
    }
    // Our own look counts, too.
    assert_eq!(office.slapd.operations("Search").await, before + 1);
}

#[tokio::test]
async fn hanging_up_keeps_nobody_from_learning_that_somebody_is_gone() {
    let Some(office) = Office::open().await else { return };
    let bob = office.person("bob");
    let token = office.token_of(&bob).await;
    office.slapd.remove(&person_dn("bob")).await;
    office.berth.turn_clock(Duration::from_mins(5));
    // The client gives the request up that has to ask.
    office.slapd.rest();
    let impatient = token.request(reqwest::Method::GET, "/v2/").timeout(Duration::from_millis(300));
    assert!(impatient.send().await.unwrap_err().is_timeout());
    token.get("/v2/").await.ok();
    office.slapd.wake();
    eventually("the answer of the directory", async || {
        (token.get("/v2/").await.code == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whom_the_filter_leaves_out_is_gone_and_may_come_back() {
    let filter = json!({ "user_filter": "(&(uid={user})(!(employeeType=disabled)))" });
    let Some(office) = Office::open_with(filter).await else { return };
    with_image(&office).await;
    let ann = office.person("ann");
    let held = hold(&office, &ann, sign_in("ann")).await;
    office.slapd.replace(&person_dn("ann"), "employeeType", &["disabled"]).await;
    office.berth.turn_clock(Duration::from_mins(5));
    assert_eq!(held.token.get("/v2/").await.code, 401);
    assert_eq!(held.codes(&office).await, [401; 4]);
    ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
    // Let in again, she has to log in again; her token is her own.
    office.slapd.replace(&person_dn("ann"), "employeeType", &[]).await;
    office.berth.turn_clock(Duration::from_mins(5));
    ann.get("/v2/").await.ok();
    assert_eq!(held.codes(&office).await, [200, 401, 401, 401]);
}

#[tokio::test]
async fn shutting_or_removing_a_directory_ends_what_it_vouched_for() {
    for is_removed in [false, true] {
        let Some(office) = Office::open().await else { return };
        with_image(&office).await;
        let ann = office.person("ann");
        let held = hold(&office, &ann, sign_in("ann")).await;
        assert_eq!(held.codes(&office).await, [200; 4]);
        let path = "/api/v1/directories/corp";
        if is_removed {
            office.admin.delete(path).await.status(204);
        } else {
            office.change(json!({ "is_enabled": false })).await;
        }
        assert_eq!(held.codes(&office).await, [401; 4]);
        let before = office.slapd.logins().await;
        ann.get("/v2/").await.fails(401, "UNAUTHORIZED");
        office.person("bob").get("/v2/").await.fails(401, "UNAUTHORIZED");
        assert_eq!(office.slapd.logins().await, before);
        // Back again, so are its users; what was issued for logins is not.
        if is_removed {
            office.add("corp", json!({})).await;
        } else {
            office.change(json!({ "is_enabled": true })).await;
        }
        ann.get("/v2/").await.ok();
        assert_eq!(held.codes(&office).await, [200, 401, 401, 401]);
    }
}

#[tokio::test]
async fn entries_without_an_id_are_known_by_their_dn() {
    let Some(office) = Office::open_with(json!({ "id_attribute": "" })).await else { return };
    let ann = office.person("ann");
    let refresh = refresh_token(&ann).await;
    let nobody = office.berth.anonymous();
    post_form(&nobody, &refresh).await.ok();
    office.slapd.rename(&person_dn("ann"), "uid=anna").await;
    post_form(&nobody, &refresh).await.fails(401, "UNAUTHORIZED");
    // One that does not have the attribute cannot be told from another later on.
    office.change(json!({ "id_attribute": "employeeNumber" })).await;
    office.person("bob").get("/v2/").await.fails(503, "UNAVAILABLE");
    office.slapd.replace(&person_dn("bob"), "employeeNumber", &["7"]).await;
    office.person("bob").get("/v2/").await.ok();
}
