//! A plugin that can be called.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::InstancePre;

use super::binding::{Binding, Fail};
use super::call::Turnstile;
use super::exports::Exports;
use super::guest::Guest;
use super::state::State;
use super::trace::Logbook;
use super::{CallError, Hook, Manifest, PluginName};
use crate::oci::Digest;

/// A plugin with its code, its settings, and the terms on which it is asked. A running call holds on to it, so that it
/// ends with what it began with, whatever is put in its place meanwhile.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: PluginName,
    pub(super) component: Digest,
    pub(super) manifest: Arc<Manifest>,
    pub(super) pre: Pre,
    pub(super) exports: Arc<Exports>,
    pub(super) guest: Arc<Guest>,
    pub(super) book: Arc<Logbook>,
    pub(super) hooks: BTreeMap<Hook, Bound>,
    /// For the calls that install it.
    pub(super) lifecycle: Turnstile,
    /// Another number for each that was ever loaded: what was remembered of another one's answers does not count.
    pub(super) number: u64,
}

/// One of its hooks.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) binding: Binding,
    pub(super) fail: Fail,
    pub(super) turnstile: Turnstile,
}

impl Loaded {
    pub(super) fn turnstile(&self, hook: Option<Hook>) -> Result<&Turnstile, CallError> {
        match hook {
            None => Ok(&self.lifecycle),
            Some(hook) => self.bound(hook).map(|bound| &bound.turnstile),
        }
    }

    pub(super) fn bound(&self, hook: Hook) -> Result<&Bound, CallError> {
        self.hooks.get(&hook).ok_or_else(|| CallError::Unknown(self.name.clone()))
    }
}

/// A component with its imports found, ready to be instantiated.
#[derive(Clone)]
pub(super) struct Pre(pub(super) InstancePre<State>);

impl std::ops::Deref for Pre {
    type Target = InstancePre<State>;

    fn deref(&self) -> &InstancePre<State> {
        &self.0
    }
}

impl std::fmt::Debug for Pre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pre")
    }
}
