//! Backups of a running Berth: it does the work, as a job.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::api::{Api, text};
use crate::cli::output::{print, print_json, say};

/// How often it is asked how far the job has come.
const ASKED_EVERY: Duration = Duration::from_millis(300);

/// Begins a job and waits for its end; says what came of it.
pub(super) async fn run(api: Api, path: &str, wish: &Value, as_json: bool) -> anyhow::Result<()> {
    let begun: Value = api.post(path, wish).await?;
    let id = text(&begun, "id");
    let ended = wait(&api, &id).await;
    api.close().await;
    let (whole, state) = ended?;
    let job = &whole["job"];
    if as_json {
        print_json(job)?;
    } else {
        for line in whole["log"].as_array().into_iter().flatten() {
            print(&text(line, "message"))?;
        }
    }
    let reason = text(job, "reason");
    if state == "done" {
        say(&reason);
        return Ok(());
    }
    anyhow::bail!("job {id} is {state}: {reason}")
}

async fn wait(api: &Api, id: &str) -> anyhow::Result<(Value, String)> {
    let mut said = String::new();
    loop {
        let whole: Value = api.get(&format!("api/v1/jobs/{id}")).await?;
        let job = &whole["job"];
        let state = text(job, "state");
        if matches!(&*state, "done" | "failed" | "cancelled") {
            return Ok((whole, state));
        }
        let reason = text(job, "reason");
        if state == "waiting" && !reason.is_empty() && reason != said {
            say(&format!("it failed and is tried again at {}: {reason}", text(job, "run_at")));
            said = reason;
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

/// The wish to look through a backup.
pub(super) fn verification(quick: bool) -> Value {
    json!({ "quick": quick })
}
