//! Listing repositories.

use super::{Error, Page, Registry};
use crate::auth::{CatalogGrant, Span};
use crate::meta::Summary;
use crate::oci::RepositoryName;

/// Greater than the name of any repository.
const END: &str = "~";

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

    pub(super) fn registry(&self) -> &'r Registry {
        self.registry
    }

    pub(super) fn may_see(&self, name: &RepositoryName) -> bool {
        self.grant.may_see(name)
    }

    /// Up to `limit` repositories behind `after`, in the order of their names. Only those parts of the list are read in
    /// which there is something to see.
    pub async fn list(&self, after: &str, limit: u64) -> Result<Page<Summary>, Error> {
        let wanted = limit.saturating_add(1);
        let mut shown = Vec::new();
        for (from, until) in self.grant.spans().iter().filter_map(|span| range(span, after)) {
            self.list_range(from, &until, wanted, &mut shown).await?;
            if shown.len() as u64 >= wanted {
                break;
            }
        }
        Ok(Page::cut(shown, limit))
    }

    async fn list_range(
        &self,
        mut from: String,
        until: &str,
        wanted: u64,
        shown: &mut Vec<Summary>,
    ) -> Result<(), Error> {
        loop {
            let found = self.registry.meta.list_repositories(&from, until, wanted).await?;
            let is_last = (found.len() as u64) < wanted;
            match found.last() {
                Some(repository) => from = behind(repository.name.as_str()),
                None => return Ok(()),
            }
            let visible = |repository: &Summary| self.grant.may_see(&repository.name);
            shown.extend(found.into_iter().filter(visible));
            if is_last || shown.len() as u64 >= wanted {
                return Ok(());
            }
        }
    }
}

/// The smallest text that is greater.
fn behind(text: &str) -> String {
    format!("{text}\0")
}

/// Where a span begins and ends, as far as it lies behind `after`; the end is not in it.
fn range(span: &Span, after: &str) -> Option<(String, String)> {
    let (from, until) = match span {
        Span::Name(name) => (name.clone(), behind(name)),
        Span::Prefix(prefix) => {
            let mut until = prefix.clone();
            // Names are plain ASCII, and no letter of theirs is the last one.
            let last = until.pop().map(|last| char::from(u8::try_from(last).unwrap_or(b'~') + 1));
            match last {
                Some(next) => until.push(next),
                None => until.push_str(END),
            }
            (prefix.clone(), until)
        }
    };
    let from = if after < from.as_str() { from } else { behind(after) };
    (from < until).then_some((from, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_from_where_the_last_page_ended() {
        let prefix = |text: &str| Span::Prefix(text.to_owned());
        let of = |span: &Span, after: &str| {
            range(span, after).map(|(from, until)| format!("{from}..{until}"))
        };
        assert_eq!(of(&prefix(""), "").as_deref(), Some("\0..~"));
        assert_eq!(of(&prefix("team/"), "").as_deref(), Some("team/..team0"));
        assert_eq!(of(&prefix("team/"), "team/app").as_deref(), Some("team/app\0..team0"));
        assert_eq!(of(&prefix("team/"), "teams"), None);
        let name = Span::Name("a/b".into());
        assert_eq!(of(&name, "a").as_deref(), Some("a/b..a/b\0"));
        assert_eq!(of(&name, "a/b"), None);
    }
}
