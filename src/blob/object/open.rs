//! How a bucket is reached.

use std::collections::BTreeMap;
use std::time::Duration;

use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::{Operator, services};

use super::Error;
use crate::config::Backend;

/// A request without a body that is not answered by then is tried again.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same for one that carries a piece of a blob; a slow line takes 8 MiB in it at 70 kB/s.
const TRANSFER_PATIENCE: Duration = Duration::from_mins(2);

/// Tries after the first; with their pauses they take some five seconds.
const RETRIES: usize = 4;

/// An operator with retries and limits of time.
pub(in crate::blob) fn operator(
    backend: Backend,
    options: &BTreeMap<String, String>,
) -> Result<Operator, Error> {
    let timeouts = TimeoutLayer::new().with_timeout(PATIENCE).with_io_timeout(TRANSFER_PATIENCE);
    let retries = RetryLayer::new()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(RETRIES)
        .with_notify(|event: opendal::layers::RetryEvent<'_>| {
            let error = super::super::bucket_error::without_secrets(event.err.message());
            tracing::warn!(
                attempt = event.attempt,
                "the bucket did not answer well, {} is tried again: {error}",
                event.op
            );
        });
    Ok(bare(backend, options)?.layer(timeouts).layer(retries))
}

/// An operator that answers soon or fails, for health checks.
pub(super) fn hasty_operator(
    backend: Backend,
    options: &BTreeMap<String, String>,
) -> Result<Operator, Error> {
    let soon = Duration::from_secs(5);
    let timeouts = TimeoutLayer::new().with_timeout(soon).with_io_timeout(soon);
    Ok(bare(backend, options)?.layer(timeouts))
}

/// An operator as `OpenDAL` makes it.
pub(in crate::blob) fn bare(
    backend: Backend,
    options: &BTreeMap<String, String>,
) -> Result<Operator, Error> {
    // One for the whole process; again is harmless.
    opendal_http_transport_reqwest::install_default();
    let options = options.iter().map(|(key, value)| (key.clone(), value.clone()));
    Ok(match backend {
        Backend::Fs | Backend::Memory => Operator::from_iter::<services::Memory>(options)?,
        Backend::S3 => Operator::from_iter::<services::S3>(options)?,
        Backend::Azblob => Operator::from_iter::<services::Azblob>(options)?,
        Backend::Gcs => Operator::from_iter::<services::Gcs>(options)?,
    })
}
