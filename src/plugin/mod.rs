//! Plugins: WebAssembly components that look into images, decide, authenticate, replicate and listen.
//!
//! The contract is `plugins/wit`; this room is its other side, and the only place that knows wasmtime. What it gives and
//! takes are Berth's own values. It is one machine ([`engine`]) and one way through it ([`call`]): a fresh instance for
//! each call, with limits on memory, processor time and everything that crosses the border. A plugin sees what its
//! manifest asks for *and* the administrator grants ([`Capabilities`]).
//!
//! What it does not know: where a plugin was installed from, who may install one, what a job is, and what an answer means
//! to a client.

mod admission;
mod artifact;
mod binding;
mod bindings;
mod breaker;
mod bundled;
mod call;
mod capability;
mod compile;
mod compiled;
mod engine;
mod error;
mod events;
mod exports;
mod figures;
mod gate;
mod glob;
mod guest;
mod host;
mod http_rule;
mod identity;
mod image;
mod installed;
mod lifecycle;
mod limits;
mod loaded;
mod manifest;
mod memo;
mod meter;
mod name;
mod package;
mod plugins;
mod replication;
mod report;
mod scanning;
mod schema;
mod state;
mod ticker;
mod trace;

pub use admission::{AdmissionRequest, Note, Operation, Outcome, Person, Verdict};
pub use artifact::{
    ARTIFACT_TYPE, Artifact, MANIFEST_LAYER, SCHEMA_LAYER, WASM_CONFIG, WASM_LAYER,
};
pub use binding::{Binding, Fail, Mode, Terms};
pub use bundled::Bundled;
pub use call::CallContext;
pub use capability::{Capabilities, Capability, ImagePart, InvalidCapability};
pub use compile::{Compiler, compile_here};
pub use engine::Memory;
pub use error::{CallError, Error, Refusal};
pub use events::SinkEvent;
pub use figures::{FigureValue, GuestFigure};
pub use glob::{Glob, InvalidGlob};
pub use http_rule::HttpRule;
pub use identity::{Credential, CredentialKind, Identified, Narrowed};
pub(crate) use image::unpack_file;
pub use image::{
    FileEntry, FileKind, ImageError, ImageSource, LayerBounds, Layers, ListedFile, ListingError,
    OpenFile, Rootfs, list_files, read_file,
};
pub use limits::{LimitChanges, Limits};
pub use manifest::{API, HookAsk, InvalidManifest, Manifest};
pub use name::{Hook, InvalidPluginName, PluginName};
pub use package::{MANIFEST_SECTION, MOST_COMPONENT_BYTES, Package};
pub use plugins::{Description, Options, Plugins, Prepared, Status};
pub use replication::ReplicationTarget;
pub use report::{Document, Finding, Package as FoundPackage, Report, ScanResult, Severity};
pub use scanning::ScannerInForce;
pub use schema::{ConfigProblem, Kind, Schema, Setting};
pub use trace::{CallRecord, Ending, Level, LogLine, Observer};
