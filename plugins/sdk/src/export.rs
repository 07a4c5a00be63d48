//! From a plugin's traits to the exports of a component.

use std::sync::Once;

/// Called at the beginning of each call: what a plugin says when it panics goes to its log, as there is no other place.
pub fn enter() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| crate::log::error(&info.to_string())));
    });
}

/// Exports a plugin with its hooks: `export!(MyPlugin: admission, scanner);`
///
/// The hooks are `admission`, `scanner`, `authenticator`, `authorizer`, `replication_target` and `event_sink`; for each,
/// the type implements the trait of that name.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        const _: () = {
            struct Exported;

            impl $crate::bindings::lifecycle::exports::berth::plugin::lifecycle::Guest for Exported {
                fn describe()
                -> $crate::bindings::lifecycle::exports::berth::plugin::lifecycle::PluginInfo {
                    $crate::enter();
                    $crate::bindings::lifecycle::exports::berth::plugin::lifecycle::PluginInfo {
                        name: <$plugin as $crate::Plugin>::NAME.into(),
                        version: <$plugin as $crate::Plugin>::VERSION.into(),
                        details: <$plugin as $crate::Plugin>::details(),
                    }
                }

                fn check_config() -> Vec<$crate::Problem> {
                    $crate::enter();
                    <$plugin as $crate::Plugin>::check_config()
                }
            }
            $crate::bindings::lifecycle::export_lifecycle!(Exported);
            $($crate::export_hook!($hook, $plugin, Exported);)+
        };
    };
}

/// One hook of [`export`].
#[doc(hidden)]
#[macro_export]
macro_rules! export_hook {
    (admission, $plugin:ty, $exported:ident) => {
        impl $crate::bindings::admission::exports::berth::plugin::admission_hook::Guest
            for $exported
        {
            fn admit(
                request: $crate::Request,
                image: Option<&$crate::Image>,
            ) -> Result<$crate::Decision, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::Admission>::admit(request, image)
            }
        }
        $crate::bindings::admission::export_admission!($exported);
    };
    (scanner, $plugin:ty, $exported:ident) => {
        impl $crate::bindings::scanner::exports::berth::plugin::scanner_hook::Guest for $exported {
            fn scan(
                context: $crate::CallContext,
                image: &$crate::Image,
            ) -> Result<$crate::Report, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::Scanner>::scan(context, image)
            }
        }
        $crate::bindings::scanner::export_scanner!($exported);
    };
    (authenticator, $plugin:ty, $exported:ident) => {
        impl $crate::bindings::authenticator::exports::berth::plugin::authenticator_hook::Guest
            for $exported
        {
            fn authenticate(
                context: $crate::CallContext,
                credential: $crate::Credential,
            ) -> Result<$crate::Verdict, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::Authenticator>::authenticate(context, credential)
            }
        }
        $crate::bindings::authenticator::export_authenticator!($exported);
    };
    (authorizer, $plugin:ty, $exported:ident) => {
        impl $crate::bindings::authorizer::exports::berth::plugin::authorizer_hook::Guest
            for $exported
        {
            fn authorize(
                request: $crate::AuthorizationRequest,
            ) -> Result<$crate::Authorization, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::Authorizer>::authorize(request)
            }
        }
        $crate::bindings::authorizer::export_authorizer!($exported);
    };
    (replication_target, $plugin:ty, $exported:ident) => {
        impl $crate::bindings::replication::exports::berth::plugin::replication_hook::Guest
            for $exported
        {
            fn find_manifest(
                context: $crate::CallContext,
                repository: String,
                reference: String,
            ) -> Result<Option<$crate::Digest>, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::ReplicationTarget>::find_manifest(
                    context, repository, reference,
                )
            }

            fn missing(
                context: $crate::CallContext,
                repository: String,
                blobs: Vec<$crate::Digest>,
            ) -> Result<Vec<$crate::Digest>, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::ReplicationTarget>::missing(context, repository, blobs)
            }

            fn put_blob(
                context: $crate::CallContext,
                repository: String,
                blob: $crate::Descriptor,
                content: $crate::InputStream,
            ) -> Result<(), $crate::Error> {
                $crate::enter();
                <$plugin as $crate::ReplicationTarget>::put_blob(context, repository, blob, content)
            }

            fn put_manifest(
                context: $crate::CallContext,
                repository: String,
                reference: String,
                manifest: $crate::Descriptor,
                content: Vec<u8>,
            ) -> Result<$crate::Digest, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::ReplicationTarget>::put_manifest(
                    context, repository, reference, manifest, content,
                )
            }

            fn delete(
                context: $crate::CallContext,
                repository: String,
                reference: String,
            ) -> Result<(), $crate::Error> {
                $crate::enter();
                <$plugin as $crate::ReplicationTarget>::delete(context, repository, reference)
            }
        }
        $crate::bindings::replication::export_replication!($exported);
    };
    (event_sink, $plugin:ty, $exported:ident) => {
        impl $crate::bindings::events::exports::berth::plugin::event_hook::Guest for $exported {
            fn deliver(
                context: $crate::CallContext,
                events: Vec<$crate::Event>,
            ) -> Result<u32, $crate::Error> {
                $crate::enter();
                <$plugin as $crate::EventSink>::deliver(context, events)
            }
        }
        $crate::bindings::events::export_events!($exported);
    };
}
