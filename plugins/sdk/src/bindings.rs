//! The contract of `plugins/wit` as Rust: nothing here is written by hand.
//!
//! What the host lends is generated once; each hook is a world of its own, so that a plugin exports only what it has.

#![allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::all, reason = "generated code")]

pub mod host {
    wit_bindgen::generate!({
        inline: "
            package berth:sdk-host;
            world lent { include berth:plugin/host@0.1.0; import berth:plugin/image@0.1.0; }
        ",
        path: "../wit",
        world: "berth:sdk-host/lent",
        generate_all,
        generate_unused_types: true,
        pub_export_macro: true,
    });
}

/// A hook's world, with what it shares with others taken from [`host`].
macro_rules! hook {
    ($module:ident, $wit:literal, $world:literal, $macro:literal, $path:literal, { $($with:tt)* }) => {
        pub mod $module {
            wit_bindgen::generate!({
                inline: $wit,
                path: "../wit",
                world: $world,
                with: { $($with)* },
                pub_export_macro: true,
                export_macro_name: $macro,
                default_bindings_module: $path,
            });
        }
    };
}

hook!(
    lifecycle,
    "package berth:sdk; world lifecycle { export berth:plugin/lifecycle@0.1.0; }",
    "berth:sdk/lifecycle",
    "export_lifecycle",
    "berth_plugin::bindings::lifecycle",
    {}
);
hook!(
    admission,
    "package berth:sdk; world admission { export berth:plugin/admission-hook@0.1.0; }",
    "berth:sdk/admission",
    "export_admission",
    "berth_plugin::bindings::admission",
    {
        "berth:plugin/types@0.1.0": crate::bindings::host::berth::plugin::types,
        "berth:plugin/report@0.1.0": crate::bindings::host::berth::plugin::report,
        "berth:plugin/image@0.1.0": crate::bindings::host::berth::plugin::image,
        "wasi:io/streams@0.2.12": crate::bindings::host::wasi::io::streams,
        "wasi:io/poll@0.2.12": crate::bindings::host::wasi::io::poll,
        "wasi:io/error@0.2.12": crate::bindings::host::wasi::io::error,
    }
);
hook!(
    scanner,
    "package berth:sdk; world scanner { export berth:plugin/scanner-hook@0.1.0; }",
    "berth:sdk/scanner",
    "export_scanner",
    "berth_plugin::bindings::scanner",
    {
        "berth:plugin/types@0.1.0": crate::bindings::host::berth::plugin::types,
        "berth:plugin/report@0.1.0": crate::bindings::host::berth::plugin::report,
        "berth:plugin/image@0.1.0": crate::bindings::host::berth::plugin::image,
        "wasi:io/streams@0.2.12": crate::bindings::host::wasi::io::streams,
        "wasi:io/poll@0.2.12": crate::bindings::host::wasi::io::poll,
        "wasi:io/error@0.2.12": crate::bindings::host::wasi::io::error,
    }
);
hook!(
    authenticator,
    "package berth:sdk; world authenticator { export berth:plugin/authenticator-hook@0.1.0; }",
    "berth:sdk/authenticator",
    "export_authenticator",
    "berth_plugin::bindings::authenticator",
    {
        "berth:plugin/types@0.1.0": crate::bindings::host::berth::plugin::types,
    }
);
hook!(
    authorizer,
    "package berth:sdk; world authorizer { export berth:plugin/authorizer-hook@0.1.0; }",
    "berth:sdk/authorizer",
    "export_authorizer",
    "berth_plugin::bindings::authorizer",
    {
        "berth:plugin/types@0.1.0": crate::bindings::host::berth::plugin::types,
    }
);
hook!(
    replication,
    "package berth:sdk; world replication { export berth:plugin/replication-hook@0.1.0; }",
    "berth:sdk/replication",
    "export_replication",
    "berth_plugin::bindings::replication",
    {
        "berth:plugin/types@0.1.0": crate::bindings::host::berth::plugin::types,
        "wasi:io/streams@0.2.12": crate::bindings::host::wasi::io::streams,
        "wasi:io/poll@0.2.12": crate::bindings::host::wasi::io::poll,
        "wasi:io/error@0.2.12": crate::bindings::host::wasi::io::error,
    }
);
hook!(
    events,
    "package berth:sdk; world events { export berth:plugin/event-hook@0.1.0; }",
    "berth:sdk/events",
    "export_events",
    "berth_plugin::bindings::events",
    {
        "berth:plugin/types@0.1.0": crate::bindings::host::berth::plugin::types,
    }
);
