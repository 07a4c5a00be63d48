//! Rules about what scanners have found.

use berth_plugin::{Error, Finding, Image, Severity};

use crate::Broken;
use crate::glob::matches;
use crate::settings::{Exception, SEVERITIES, Settings};

/// Findings that a message names.
const NAMED: usize = 3;

pub(crate) fn check(
    settings: &Settings,
    repository: &str,
    image: &Image,
    now: u64,
    broken: &mut Vec<Broken>,
) -> Result<(), Error> {
    if !is_scannable(image) {
        return Ok(());
    }
    let scans = image.scans()?;
    if scans.is_empty() {
        if settings.require_scan || settings.scan_age.is_some() {
            let message =
                "no scanner has looked at the image yet: wait for it, or run `berth scan`";
            broken.push(Broken::new("require-scan", message));
        }
        return Ok(());
    }
    if let Some(most) = settings.scan_age {
        let oldest = scans.iter().map(|scan| scan.finished_ms / 1000).min().unwrap_or(0);
        if now.saturating_sub(oldest) > most {
            let days = now.saturating_sub(oldest) / 86_400;
            let message = format!("the image was scanned {days} days ago: run `berth scan`");
            broken.push(Broken::new("max-scan-age", message));
        }
    }
    let Some(least) = settings.severity.and_then(|borne| severity(borne + 1)) else {
        return Ok(());
    };
    let mut bad = Vec::new();
    for scan in &scans {
        bad.extend(image.findings(&scan.scanner, least)?);
    }
    bad.retain(|finding| {
        let is_bearable = settings.only_fixable && finding.fixed_version.is_none();
        let mut exceptions = settings.exceptions.iter();
        let is_excepted = exceptions.any(|exception| covers(exception, finding, repository, now));
        !is_bearable && !is_excepted
    });
    if !bad.is_empty() {
        broken.push(Broken::new("max-severity", told(settings, &bad)));
    }
    Ok(())
}

/// Artifacts have nothing to be scanned.
fn is_scannable(image: &Image) -> bool {
    let layers = image.layers();
    let is_layer = |kind: &str| kind.contains(".tar") || kind.contains("rootfs.diff");
    !image.children().is_empty()
        || (!layers.is_empty() && layers.iter().all(|layer| is_layer(&layer.media_type)))
}

fn severity(place: usize) -> Option<Severity> {
    let all = [
        Severity::Unknown,
        Severity::Negligible,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    all.get(place).copied()
}

fn covers(exception: &Exception, finding: &Finding, repository: &str, now: u64) -> bool {
    let aliases = finding.attributes.iter().find(|(key, _)| key == "aliases");
    let is_named = finding.id == exception.id
        || aliases.is_some_and(|(_, all)| all.split_whitespace().any(|name| name == exception.id));
    is_named
        && exception.is_in_force(now)
        && exception.package.as_ref().is_none_or(|name| finding.package.as_ref() == Some(name))
        && (exception.repositories.is_empty()
            || exception.repositories.iter().any(|glob| matches(glob, repository)))
}

fn told(settings: &Settings, bad: &[Finding]) -> String {
    let borne = settings.severity.and_then(|place| SEVERITIES.get(place)).unwrap_or(&"");
    let one = |finding: &Finding| {
        let mut text = finding.id.clone();
        if let Some(package) = &finding.package {
            text =
                format!("{text} in {package} {}", finding.version.as_deref().unwrap_or_default());
        }
        match &finding.fixed_version {
            Some(fixed) => format!("{text} (fixed in {fixed})"),
            None => text,
        }
    };
    let named: Vec<_> = bad.iter().take(NAMED).map(one).collect();
    let more = bad.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the image has findings worse than {borne}: {}{more}", named.join(", "))
}
