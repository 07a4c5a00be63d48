//! A whole Berth to test, and words to talk to it.

mod answer;
mod app;
mod browser;
mod bucket;
mod client;
mod command;
mod cosign;
mod dice;
mod docker_registry;
mod image;
mod issuer;
mod oidc_provider;
mod process;
mod receiver;
pub(crate) mod servers;
pub(crate) mod slapd;
mod small_disk;
pub(crate) mod stored_files;
mod style;
mod wire;

pub(crate) use answer::Answer;
pub(crate) use app::{Role, TestApp, tester};
pub(crate) use browser::{Browser, Page, encode};
pub(crate) use bucket::Bucket;
pub(crate) use client::Client;
pub(crate) use command::{Said, berth, berth_command, berth_reads, run};
pub(crate) use cosign::CosignKey;
pub(crate) use dice::Dice;
pub(crate) use docker_registry::DockerRegistry;
pub(crate) use image::{Blob, Image};
pub(crate) use issuer::{TestIssuer, TestKey};
pub(crate) use oidc_provider::{CLIENT_SECRET, OidcProvider};
pub(crate) use process::Process;
pub(crate) use receiver::{Received, Receiver};
pub(crate) use slapd::Slapd;
pub(crate) use small_disk::SmallDisk;
pub(crate) use style::{Push, Style};
pub(crate) use wire::Wire;

use std::time::{Duration, Instant};

/// The password of every user that tests make.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Asks again until `ready` gives something, for at most a minute, as machines may be busy: never a fixed sleep.
pub(crate) async fn eventually<T>(what: &str, mut ready: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(value) = ready().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen within a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
