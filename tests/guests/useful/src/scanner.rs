//! Reads dpkg's status file, and what there is to see of an image besides.

use std::io::Read as _;

use berth_plugin::{
    CallContext, Document, Error, Finding, Image, Package, Report, Scanner, Severity, config,
};

use crate::Useful;

impl Scanner for Useful {
    fn scan(_context: CallContext, image: &Image) -> Result<Report, Error> {
        let mut report = Report::empty();
        for child in image.children() {
            let child = image.child(&child.digest)?;
            report.packages.extend(look(&child)?.packages);
        }
        if !image.layers().is_empty() {
            let found = look(image)?;
            report.packages.extend(found.packages);
            report.findings.extend(found.findings);
        }
        for referrer in image.referrers(None)? {
            let manifest = image.referrer(&referrer.digest)?.manifest()?;
            report.attributes.push((referrer.digest, manifest.len().to_string()));
        }
        report.documents.push(Document {
            artifact_type: "application/vnd.example.note".into(),
            media_type: "text/plain".into(),
            annotations: Vec::new(),
            content: image.repository().into_bytes(),
        });
        Ok(report)
    }
}

fn look(image: &Image) -> Result<Report, Error> {
    let mut report = Report::empty();
    let rootfs = image.rootfs()?;
    let status = rootfs.read_text("var/lib/dpkg/status", 16 << 20)?.unwrap_or_default();
    for paragraph in status.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
        if let (Some(name), Some(version)) = (field("Package: "), field("Version: ")) {
            report.packages.push(Package::new("deb", name, version));
        }
    }
    rootfs.each(&["**/*.pem", "**/id_rsa"], |entry| {
        let mut head = [0; 10];
        let read = rootfs.reader(&entry.path)?.read(&mut head);
        let read = read.map_err(|error| Error::Unavailable(error.to_string()))?;
        if head[..read].starts_with(b"-----BEGIN") {
            let mut finding = Finding::new("private-key", Severity::High, "a key lies around");
            finding.path = Some(entry.path);
            report.findings.push(finding);
        }
        Ok(())
    })?;
    if config::get("say").as_deref() == Some("packages") {
        return Ok(report);
    }
    // All bytes of the layers, both as they are stored and as they were before.
    for layer in image.layers() {
        for (mut reader, name) in [
            (image.stored(&layer.digest)?, "stored"),
            (image.uncompressed(&layer.digest)?, "plain"),
        ] {
            let mut bytes = Vec::new();
            let read = reader.read_to_end(&mut bytes);
            let read = read.map_err(|error| Error::Unavailable(error.to_string()))?;
            let mut finding = Finding::new("layer", Severity::Negligible, format!("{read} {name}"));
            finding.version =
                Some(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>().to_string());
            report.findings.push(finding);
        }
    }
    Ok(report)
}
