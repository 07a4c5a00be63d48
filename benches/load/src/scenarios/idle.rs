//! Connections that are open and silent.

use std::time::Instant;

use anyhow::Result;

use crate::{
    bench::Setting,
    client::{Client, Scope},
    drive::{self, Measured, Samples},
};

/// Each connection asks once, stays silent for a while, and must still be answered afterwards.
pub(crate) fn connections(setting: &Setting) -> Result<Measured> {
    let bench = setting.bench;
    let target = setting.target.clone();
    let prepare = async move |_| Client::open(&target, Scope::None).await;
    drive::run(bench.sizes.idle_connections, setting.processes, prepare, async move |client, _| {
        client.knock().await?;
        tokio::time::sleep(bench.sizes.lasting).await;
        let mut samples = Samples::default();
        let begun = Instant::now();
        client.knock().await?;
        samples.add(begun, 1.0);
        Ok(samples)
    })
}
