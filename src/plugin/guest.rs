//! A plugin as its host functions see it: what it may use, and the settings it was given.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::figures::GuestFigures;
use super::image::Layers;
use super::{Capabilities, PluginName, schema};
use crate::clock::Clock;
use crate::meta::Meta;
use crate::remote::Outbound;
use crate::secret::Secret;

/// HTTP requests that a plugin may have under way, over all its calls.
const REQUESTS: usize = 8;

/// What host functions know of the plugin that calls them.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) name: PluginName,
    pub(super) granted: Capabilities,
    pub(super) config: BTreeMap<String, String>,
    pub(super) config_json: String,
    pub(super) secrets: BTreeMap<String, Secret<String>>,
    pub(super) figures: Arc<GuestFigures>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) meta: Meta,
    pub(super) clock: Clock,
    pub(super) outbound: Outbound,
    pub(super) layers: Layers,
}

/// What all plugins share.
#[derive(Clone, Debug)]
pub(super) struct Lent {
    pub(super) meta: Meta,
    pub(super) clock: Clock,
    pub(super) outbound: Outbound,
    pub(super) layers: Layers,
}

impl Guest {
    pub(super) fn new(
        name: PluginName,
        granted: Capabilities,
        config: Map<String, Value>,
        secrets: BTreeMap<String, Secret<String>>,
        figures: Arc<GuestFigures>,
        lent: &Lent,
    ) -> Self {
        Self {
            name,
            granted,
            config: schema::flatten(&config),
            config_json: Value::Object(config).to_string(),
            secrets,
            figures,
            requests: Arc::new(Semaphore::new(REQUESTS)),
            meta: lent.meta.clone(),
            clock: lent.clock.clone(),
            outbound: lent.outbound.clone(),
            layers: lent.layers.clone(),
        }
    }
}
