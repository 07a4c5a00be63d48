//! What administrators do to quotas.

use super::Worker;
use crate::auth::{AdminError, Administer};
use crate::meta::{EVERYTHING, Quota, QuotaLimits};
use crate::oci::RepositoryName;

impl Worker {
    /// Up to `limit` quotas in the order of their namespaces, those behind `after`.
    pub async fn quotas(
        &self,
        _: &Administer<'_>,
        after: &str,
        limit: u64,
    ) -> Result<Vec<Quota>, AdminError> {
        Ok(self.meta.list_quotas(after, limit).await?)
    }

    /// Sets what a namespace may hold.
    pub async fn set_quota(
        &self,
        administer: &Administer<'_>,
        namespace: &str,
        limits: QuotaLimits,
    ) -> Result<Quota, AdminError> {
        if namespace != EVERYTHING && namespace.parse::<RepositoryName>().is_err() {
            return Err(AdminError::Invalid(format!(
                "`{namespace}` is no namespace: write the beginning of names of repositories, such as `team`, or `*` for all of them"
            )));
        }
        if limits == QuotaLimits::default() {
            return Err(AdminError::Invalid(
                "a quota without a limit limits nothing: give `bytes`, `tags` or `upload_bytes`, or remove it".into(),
            ));
        }
        let set = self.meta.set_quota(namespace, limits, administer.actor()).await?;
        set.ok_or_else(|| unknown(namespace))
    }

    /// Removes a quota.
    pub async fn remove_quota(
        &self,
        administer: &Administer<'_>,
        namespace: &str,
    ) -> Result<(), AdminError> {
        if self.meta.remove_quota(namespace, administer.actor()).await? {
            return Ok(());
        }
        Err(unknown(namespace))
    }
}

fn unknown(namespace: &str) -> AdminError {
    AdminError::Unknown { what: "quota", name: namespace.to_owned() }
}
