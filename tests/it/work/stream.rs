//! Events as they happen.

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, berth as command};

/// Reads messages of a stream until there are so many; returns their ids and what they say.
async fn read(
    client: &Client,
    path: &str,
    last_id: Option<&str>,
    count: usize,
) -> Vec<(u64, Value)> {
    let mut request = client.request(Method::GET, path);
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < count {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        while let Some((message, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                message.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
            };
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                found.push((id.parse().unwrap(), serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    found
}

#[tokio::test]
async fn events_are_told_as_they_happen_and_from_where_one_left_off() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let group = async |name: &str| {
        admin.post_json("/api/v1/groups", json!({ "name": name })).await.status(201);
    };
    let (told, ()) =
        tokio::join!(read(&admin, "/api/v1/events/stream?kind=group.change", None, 2), async {
            // Whatever happens before the stream begins is not told, so it goes on until two were.
            for number in 0..200 {
                group(&format!("g{number}")).await;
            }
        });
    assert_eq!(told[0].1["type"], "berth.group.change");
    assert!(told[1].0 > told[0].0);
    let all = read(&admin, "/api/v1/events/stream?since=0", None, 50).await;
    let ids: Vec<_> = all.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids[..50], (1..=50).collect::<Vec<u64>>()[..]);
    let rest = read(&admin, "/api/v1/events/stream", Some("40"), 10).await;
    assert_eq!(rest[0].0, 41);
    admin.get("/api/v1/events/stream?since=x").await.fails(400, "INVALID");
    berth.writer("ann").await.get("/api/v1/events/stream").await.fails(403, "DENIED");
    berth.anonymous().get("/api/v1/events/stream").await.fails(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_who_listen() {
    let berth = TestApp::start().await;
    let admin = berth.admin().await;
    let listening =
        admin.request(Method::GET, "/api/v1/events/stream?since=0").send().await.unwrap();
    assert_eq!(listening.status(), 200);
    assert_eq!(berth.stop().await, 0, "no connection had to be cut");
}

#[test]
fn events_are_followed_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let say =
        |arguments: &[&str]| command(directory.path(), [arguments, &["--data", "data"]].concat());
    say(&["user", "add", "ann", "--generate"]).ok();
    let lines = say(&["events", "--since", "0"]).ok().stdout;
    assert!(lines.lines().any(|line| line.contains("account.add  command-line  ann")), "{lines}");
    let objects = say(&["events", "--since", "1", "--kind", "account.add", "--json"]).ok().stdout;
    let object: Value = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
    assert_eq!(object["target"], "ann");
}
