//! The groups of a directory, and what they are called here.

use std::time::Duration;

use serde_json::{Value, json};

use super::Office;
use crate::support::slapd::{BASE, GROUPS, group_dn, person_dn};

/// The groups that ann has under some settings.
async fn groups_of_ann(office: &Office, settings: Value) -> Vec<String> {
    office.change(settings).await;
    let subjects = office.subjects(&office.person("ann")).await;
    let groups = subjects.iter().filter_map(|subject| subject.strip_prefix("group:"));
    groups.map(str::to_owned).collect()
}

#[tokio::test]
async fn groups_are_found_in_the_ways_that_servers_have() {
    let Some(office) = Office::open().await else { return };
    let people = format!("ou=people-groups,{BASE}");
    office.slapd.add(&people, &[("objectClass", &["organizationalUnit"])]).await;
    let unique = format!("cn=unique,{people}");
    let member = person_dn("ann");
    let group: &[(&str, &[&str])] =
        &[("objectClass", &["groupOfUniqueNames"]), ("uniqueMember", &[&member])];
    office.slapd.add(&unique, group).await;
    let posix: &[(&str, &[&str])] =
        &[("objectClass", &["posixGroup"]), ("gidNumber", &["100"]), ("memberUid", &["ann"])];
    office.slapd.add(&format!("cn=posix,{people}"), posix).await;

    let all = ["corp/devs", "corp/ops", "corp/posix", "corp/unique"];
    assert_eq!(groups_of_ann(&office, json!({ "groups": "search" })).await, all);
    let below = json!({ "groups": "search", "group_base": GROUPS });
    assert_eq!(groups_of_ann(&office, below).await, all[..2]);
    let filter = json!({ "group_base": BASE, "group_filter": "(memberUid={user})" });
    assert_eq!(groups_of_ann(&office, filter).await, ["corp/posix"]);
    // The server lists only groups of names in the entry itself.
    let listed = json!({ "groups": "member-of", "group_base": "" });
    assert_eq!(groups_of_ann(&office, listed).await, all[..2]);
    let listed = json!({ "groups": "member-of", "group_base": people });
    assert_eq!(groups_of_ann(&office, listed).await, [""; 0], "they lie somewhere else");
    let listed = json!({ "groups": "member-of", "group_base": format!("OU=Groups, {BASE}") });
    assert_eq!(groups_of_ann(&office, listed).await, all[..2], "however the DN is written");
    assert_eq!(groups_of_ann(&office, json!({ "groups": "none" })).await, [""; 0]);
    // OpenLDAP has no rule for groups within groups, and finds none by it. Nothing breaks.
    let nested = json!({ "groups": "nested", "group_base": BASE });
    assert_eq!(groups_of_ann(&office, nested).await, [""; 0]);
}

#[tokio::test]
async fn a_group_may_have_another_name_here() {
    let Some(office) = Office::open().await else { return };
    let map = |from: &str, to: &str| json!({ "from": from, "to": to });
    let by_dn = json!({ "mapping": [map(&format!("CN=Devs,OU=Groups,{BASE}"), "developers")] });
    assert_eq!(groups_of_ann(&office, by_dn).await, ["corp/ops", "developers"]);
    let by_name = json!({ "mapping": [map("DEVS", "developers"), map("devs", "people")] });
    assert_eq!(groups_of_ann(&office, by_name).await, ["corp/ops", "developers", "people"]);
    let only = json!({ "mapping": [map("devs", "developers")], "only_mapped": true });
    assert_eq!(groups_of_ann(&office, only).await, ["developers"]);
    // A group of the same name that lies elsewhere is not the one that was meant.
    let elsewhere = format!("cn=devs,ou=elsewhere,{BASE}");
    let other = json!({ "mapping": [map(&elsewhere, "developers")] });
    assert_eq!(groups_of_ann(&office, other).await, [""; 0]);

    // Groups of Berth's own are joined, and stay what they are.
    office.admin.post_json("/api/v1/groups", json!({ "name": "ours" })).await.status(201);
    let ours = json!({ "mapping": [map("devs", "ours")] });
    assert_eq!(groups_of_ann(&office, ours).await, ["ours"]);
    let group = office.admin.get("/api/v1/groups/ours").await.ok().json();
    assert_eq!(group["group"]["provider"], json!(null));
    assert_eq!(group["members"], json!([{ "name": "ann", "source": "ldap:corp" }]));
}

#[tokio::test]
async fn memberships_follow_the_directory_for_tokens_as_well() {
    let Some(office) = Office::open().await else { return };
    let ann = office.person("ann");
    let token = office.token_of(&ann).await;
    office.admin.post_json("/api/v1/groups", json!({ "name": "here" })).await.status(201);
    let member = "/api/v1/groups/here/members/ann";
    office.admin.put_json(member, json!({})).await.status(204);
    let groups = ["group:corp/devs", "group:corp/ops", "group:here"];
    assert_eq!(office.subjects(&token).await[1..4], groups);

    office.slapd.remove(&group_dn("ops")).await;
    office.slapd.add_group("staff", &["ann"]).await;
    office.berth.turn_clock(Duration::from_secs(299));
    assert_eq!(office.subjects(&token).await[1..4], groups, "what was said holds for a while");
    office.berth.turn_clock(Duration::from_secs(1));
    let groups = ["group:corp/devs", "group:corp/staff", "group:here"];
    assert_eq!(office.subjects(&token).await[1..4], groups);
    assert_eq!(office.subjects(&ann).await[1..4], groups);

    // It is written down what changed, and only that.
    let events = office.admin.get("/api/v1/events?kind=group.change&n=1000").await.ok().json();
    let by_directory = events["events"].as_array().unwrap().iter();
    let by_directory = by_directory.filter(|event| event["actor"] == "provider ldap:corp");
    assert_eq!(by_directory.count(), 4, "{events}");
    office.berth.turn_clock(Duration::from_mins(5));
    office.subjects(&token).await;
    let after = office.admin.get("/api/v1/events?kind=group.change&n=1000").await.ok().json();
    assert_eq!(after, events);
}

#[tokio::test]
async fn names_of_groups_are_taken_as_they_are() {
    let Some(office) = Office::open().await else { return };
    for name in [r"a\, b", r"with\+plus", "Jürgens Leute", "a/b", r"back\\slash"] {
        office.slapd.add_group(name, &["eve"]).await;
    }
    for lookup in ["search", "member-of"] {
        office.change(json!({ "groups": lookup })).await;
        let subjects = office.subjects(&office.person("eve")).await;
        let groups: Vec<_> = subjects.iter().filter(|one| one.starts_with("group:")).collect();
        let expected = [
            "group:corp/Jürgens Leute",
            "group:corp/a, b",
            "group:corp/a/b",
            r"group:corp/back\slash",
            "group:corp/with+plus",
        ];
        assert_eq!(groups, expected, "{lookup}");
    }
}
