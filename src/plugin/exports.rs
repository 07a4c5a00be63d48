//! The hooks that a component has, found by the interfaces that it exports.

use wasmtime::component::InstancePre;

use super::bindings::exports::berth::plugin::{
    admission_hook, authenticator_hook, authorizer_hook, event_hook, lifecycle, replication_hook,
    scanner_hook,
};
use super::state::State;
use super::{Error, Hook, Manifest};

/// Where a component's functions are.
pub(super) struct Exports {
    pub(super) lifecycle: lifecycle::GuestIndices,
    pub(super) admission: Option<admission_hook::GuestIndices>,
    pub(super) authenticator: Option<authenticator_hook::GuestIndices>,
    pub(super) authorizer: Option<authorizer_hook::GuestIndices>,
    pub(super) scanner: Option<scanner_hook::GuestIndices>,
    pub(super) replication: Option<replication_hook::GuestIndices>,
    pub(super) events: Option<event_hook::GuestIndices>,
}

impl Exports {
    /// Finds what the manifest names; all of it has to be there.
    pub(super) fn find(pre: &InstancePre<State>, manifest: &Manifest) -> Result<Self, Error> {
        let lifecycle = lifecycle::GuestIndices::new(pre).map_err(Error::incompatible)?;
        macro_rules! hook {
            ($hook:expr, $module:ident, $interface:literal) => {
                if manifest.hooks.contains_key(&$hook) {
                    let missing = Error::MissingExport { hook: $hook, interface: $interface };
                    Some($module::GuestIndices::new(pre).map_err(|_| missing)?)
                } else {
                    None
                }
            };
        }
        Ok(Self {
            lifecycle,
            admission: hook!(Hook::Admission, admission_hook, "admission-hook"),
            authenticator: hook!(Hook::Authenticator, authenticator_hook, "authenticator-hook"),
            authorizer: hook!(Hook::Authorizer, authorizer_hook, "authorizer-hook"),
            scanner: hook!(Hook::Scanner, scanner_hook, "scanner-hook"),
            replication: hook!(Hook::ReplicationTarget, replication_hook, "replication-hook"),
            events: hook!(Hook::EventSink, event_hook, "event-hook"),
        })
    }

    /// Looks whether each function has the type that this Berth knows, which only an instance tells.
    pub(super) fn check(
        &self,
        store: &mut wasmtime::Store<State>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<()> {
        macro_rules! check {
            ($($hook:ident),*) => {
                $(if let Some(found) = &self.$hook { found.load(&mut *store, instance)?; })*
            };
        }
        check!(admission, authenticator, authorizer, scanner, replication, events);
        Ok(())
    }
}

impl std::fmt::Debug for Exports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exports")
    }
}
