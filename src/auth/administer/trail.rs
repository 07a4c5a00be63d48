//! Looking at what happened, and at the keys.

use super::{AdminError, Administer};
use crate::meta::{Event, EventFilter, EventHead, EventsVerified, Place, SigningKey};

impl Administer<'_> {
    /// Up to `limit` events at a place in their order.
    pub async fn events(
        &self,
        filter: EventFilter,
        place: Place,
        limit: u64,
    ) -> Result<Vec<Event>, AdminError> {
        // What was refused a moment ago is to be seen as well.
        self.auth.audit.flush();
        self.auth.meta.settle().await?;
        Ok(self.auth.meta.list_events(filter, place, limit).await?)
    }

    /// The last event.
    pub async fn event_head(&self) -> Result<EventHead, AdminError> {
        Ok(self.auth.meta.event_head().await?)
    }

    /// Compares all events with what holds them together.
    pub async fn verify_events(
        &self,
        known: Option<EventHead>,
    ) -> Result<EventsVerified, AdminError> {
        Ok(self.auth.meta.verify_events(known).await?)
    }

    /// The keys that sign registry tokens, or still verify some.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, AdminError> {
        Ok(self.auth.tokens.list().await?)
    }

    /// Signs with a new key from now on.
    pub async fn rotate_key(&self) -> Result<String, AdminError> {
        Ok(self.auth.rotate_key(self.actor()).await?)
    }
}
