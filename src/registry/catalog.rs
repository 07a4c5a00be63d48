//! Listing repositories.

use super::{Error, Page, Registry};
use crate::auth::CatalogGrant;
use crate::meta::Summary;

/// The right to list repositories: those that the principal may pull from.
#[derive(Debug)]
pub struct Catalog<'r> {
    registry: &'r Registry,
    grant: CatalogGrant,
}

impl<'r> Catalog<'r> {
    pub(super) fn new(registry: &'r Registry, grant: CatalogGrant) -> Self {
        Self { registry, grant }
    }

    /// Up to `limit` repositories behind `after`, in the order of their names.
    pub async fn list(&self, after: &str, limit: u64) -> Result<Page<Summary>, Error> {
        let wanted = limit.saturating_add(1);
        let (mut shown, mut after) = (Vec::new(), after.to_owned());
        loop {
            let found = self.registry.meta.list_repositories(&after, wanted).await?;
            let last = (found.len() as u64) < wanted;
            match found.last() {
                Some(repository) => repository.name.as_str().clone_into(&mut after),
                None => break,
            }
            shown.extend(
                found.into_iter().filter(|repository| self.grant.may_see(&repository.name)),
            );
            if last || shown.len() as u64 >= wanted {
                break;
            }
        }
        Ok(Page::cut(shown, limit))
    }
}
