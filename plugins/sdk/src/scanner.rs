//! Looking into images.

pub use crate::bindings::scanner::exports::berth::plugin::scanner_hook::{
    Document, ScanReport as Report,
};
use crate::{CallContext, Error, Finding, Image, Package, Plugin, Severity};

/// Looks into images. Nobody waits for the answer.
pub trait Scanner: Plugin {
    /// Looks into one.
    fn scan(context: CallContext, image: &Image) -> Result<Report, Error>;
}

impl Report {
    /// A report that says nothing yet.
    pub fn empty() -> Self {
        Self {
            packages: Vec::new(),
            findings: Vec::new(),
            documents: Vec::new(),
            attributes: Vec::new(),
        }
    }
}

impl Finding {
    /// A finding of which only the most important is known.
    pub fn new(id: impl Into<String>, severity: Severity, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            severity,
            title: title.into(),
            description: None,
            package: None,
            version: None,
            fixed_version: None,
            purl: None,
            path: None,
            links: Vec::new(),
            attributes: Vec::new(),
        }
    }
}

impl Package {
    /// A package of which only the most important is known.
    pub fn new(
        kind: impl Into<String>,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            kind: kind.into(),
            purl: None,
            architecture: None,
            licenses: Vec::new(),
            source_name: None,
            source_version: None,
            locations: Vec::new(),
            layer: None,
            attributes: Vec::new(),
        }
    }
}
