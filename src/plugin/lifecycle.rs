//! What every plugin has: who it is, and what it thinks of its settings.

use std::sync::Arc;

use super::loaded::Loaded;
use super::plugins::{Description, Inner};
use super::trace::shortened;
use super::{CallError, ConfigProblem};

impl Inner {
    pub(super) async fn describe(&self, loaded: &Arc<Loaded>) -> Result<Description, CallError> {
        let exports = Arc::clone(&loaded.exports);
        let described = self.caller.call_lifecycle(loaded, move |store, instance| {
            Box::pin(async move {
                exports.check(store, instance)?;
                let guest = exports.lifecycle.load(&mut *store, instance)?;
                guest.call_describe(store).await.map(Ok)
            })
        });
        let described = described.await?;
        let details = described.details.into_iter().take(50);
        Ok(Description {
            name: shortened(described.name, 100),
            version: shortened(described.version, 100),
            details: details
                .map(|(key, value)| (shortened(key, 100), shortened(value, 500)))
                .collect(),
        })
    }

    pub(super) async fn check_config(
        &self,
        loaded: &Arc<Loaded>,
    ) -> Result<Vec<ConfigProblem>, CallError> {
        let exports = Arc::clone(&loaded.exports);
        let checked = self.caller.call_lifecycle(loaded, move |store, instance| {
            Box::pin(async move {
                let guest = exports.lifecycle.load(&mut *store, instance)?;
                guest.call_check_config(store).await.map(Ok)
            })
        });
        let problems = checked.await?.into_iter().take(100);
        Ok(problems
            .map(|problem| ConfigProblem {
                key: shortened(problem.key, 200),
                message: shortened(problem.message, 1000),
            })
            .collect())
    }
}
