//! The contract of `plugins/wit` as Rust: nothing here is written by hand.
//!
//! All hooks are in one world, so that what they share is generated once. A component exports some of them; the host asks
//! for each interface's `GuestIndices` and takes what is there.

#![allow(clippy::pedantic, reason = "generated code")]

wasmtime::component::bindgen!({
    inline: "
        package berth:host;

        world everything {
            include berth:plugin/host@0.1.0;
            import berth:plugin/image@0.1.0;
            export berth:plugin/lifecycle@0.1.0;
            export berth:plugin/admission-hook@0.1.0;
            export berth:plugin/authenticator-hook@0.1.0;
            export berth:plugin/authorizer-hook@0.1.0;
            export berth:plugin/scanner-hook@0.1.0;
            export berth:plugin/replication-hook@0.1.0;
            export berth:plugin/event-hook@0.1.0;
        }
    ",
    path: "plugins/wit",
    world: "berth:host/everything",
    imports: {
        "berth:plugin/key-value": async | trappable,
        "berth:plugin/image": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:random": wasmtime_wasi::p2::bindings::random,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "berth:plugin/image.image": super::host::image::LentImage,
        "berth:plugin/image.rootfs": super::host::image::LentRootfs,
    },
    require_store_data_send: true,
});
