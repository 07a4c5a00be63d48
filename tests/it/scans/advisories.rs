//! Advisories: imported whole or not at all, and matched with what is known already.

use std::io::Write as _;

use serde_json::json;

use super::{
    advisory, calls, command_line, debian, events, import, install, lines, scanned, scans, start,
};
use crate::support::{Receiver, eventually};

#[tokio::test]
async fn new_advisories_are_matched_without_another_look_at_the_image() {
    let host = start().await;
    install(&host.berth, "scan-packages", json!({})).await;
    let admin = host.berth.admin().await;
    admin.push("team/app", "v1", &debian()).await;
    let reports = scanned(&admin, "team/app", "v1", 1).await;
    assert_eq!(reports[0]["findings"]["critical"], 0);
    import(&admin, "npm", &[advisory("GHSA-1", "npm", "minimist", "1.2.6", "critical")]).await;
    let count = async |severity: &str| {
        scans(&admin, "team/app", "v1").await["reports"][0]["findings"][severity].as_u64().unwrap()
    };
    eventually("a match", async || (count("critical").await == 1).then_some(())).await;
    let change = &events(&admin, "scan.change").await[0];
    let detail = &change["detail"];
    assert_eq!((&detail["names"], &detail["new"]["critical"]), (&json!(["GHSA-1"]), &json!(1)));
    // A source that is imported again replaces what it had.
    import(&admin, "npm", &[advisory("GHSA-2", "npm", "minimist", "1.2.6", "low")]).await;
    eventually("another match", async || (count("low").await == 1).then_some(())).await;
    assert_eq!(count("critical").await, 0);
    admin.delete("/api/v1/advisories/npm").await.status(204);
    eventually("none", async || (count("low").await == 0).then_some(())).await;
    assert_eq!(calls(&host.berth, "scan-packages").await, 1, "the scanner has looked once");
}

#[tokio::test]
async fn an_export_that_is_broken_changes_nothing() {
    let host = start().await;
    let admin = host.berth.admin().await;
    import(&admin, "npm", &[advisory("GHSA-1", "npm", "a", "1", "low")]).await;
    let status = async || admin.get("/api/v1/advisories").await.ok().json();
    let before = status().await;
    assert_eq!(before["sources"][0]["advisories"], 1);
    assert_eq!(before["ecosystems"], json!([{ "name": "npm", "entries": 1 }]));
    let good = advisory("GHSA-2", "npm", "a", "1", "low").to_string();
    for (body, about) in [
        ("", "no advisory"),
        ("[1, 2", "an export"),
        (&*format!("{good}\n{{\"id\": \"\"}}"), "record 2"),
        (&*format!("{good}\n{{\"summary\": 1}}"), "record 2"),
        ("PK\u{3}\u{4} and nothing else", "an export"),
    ] {
        let answer =
            admin.put("/api/v1/advisories/npm", body.to_owned()).await.fails(400, "INVALID");
        assert!(answer.text().contains(about), "{body}: {}", answer.text());
    }
    admin.put("/api/v1/advisories/Not-A-Name", good).await.fails(400, "INVALID");
    assert_eq!(status().await, before);
    let directory = host.berth.app.config.storage.data.join("advisories");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 1, "nothing is left behind");
    // What is mostly good may be taken all the same; what is mostly not, is not.
    let good = |number| advisory(&format!("GHSA-{number}"), "npm", "a", "1", "low");
    let mut many = lines(&(0..200).map(good).collect::<Vec<_>>());
    many.push_str("{\"id\": \"\"}");
    let path = "/api/v1/advisories/npm?skip_invalid=true";
    let source = admin.put(path, many).await.ok().json();
    assert_eq!((&source["advisories"], &source["skipped"]), (&json!(200), &json!(1)));
    let half = format!("{}\n{{\"id\": \"\"}}", advisory("GHSA-1", "npm", "a", "1", "low"));
    admin.put(path, half).await.fails(400, "INVALID");
}

#[tokio::test]
async fn advisories_come_from_files_directories_and_urls() {
    let host = start().await;
    let admin = host.berth.admin().await;
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        let record = advisory(&format!("INT-{number}"), "npm", "a", "1", "low");
        std::fs::write(folder.path().join(format!("{number}.json")), record.to_string()).unwrap();
    }
    let say = command_line(&host).await;
    let path = folder.path().to_str().unwrap();
    let said = say(vec!["advisories", "import", path, "--name", "internal"]).await;
    assert!(said.code == 0 && said.stderr.contains("internal has 3 advisories"), "{said:?}");
    let said = say(vec!["advisories", "list"]).await;
    assert!(said.stdout.contains("internal"), "{said:?}");
    // A directory with one file that is no record.
    let mut bad = std::fs::File::create(folder.path().join("4.json")).unwrap();
    bad.write_all(b"{ not json").unwrap();
    let said = say(vec!["advisories", "import", path, "--name", "internal"]).await;
    assert!(said.code == 1 && said.stderr.contains("4.json"), "{said:?}");
    // A URL is fetched by a job.
    let record = advisory("GHSA-9", "npm", "a", "1", "low").to_string();
    let publisher = Receiver::serving(record).await;
    let said = say(vec!["advisories", "import", &publisher.url(), "--name", "published"]).await;
    assert!(said.code == 0 && said.stderr.contains("job"), "{said:?}");
    eventually("the import", async || {
        let status = admin.get("/api/v1/advisories").await.ok().json();
        let sources = status["sources"].as_array().unwrap().clone();
        sources.iter().any(|source| source["name"] == "published").then_some(())
    })
    .await;
    let said = say(vec!["advisories", "remove", "internal"]).await;
    assert!(said.code == 0, "{said:?}");
    let said = say(vec!["advisories", "status"]).await;
    assert!(said.stdout.contains("npm"), "{said:?}");
}
