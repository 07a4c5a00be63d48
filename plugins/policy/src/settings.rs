//! What the administrator has set.

use serde::Deserialize;

/// All settings, read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    pub required_labels: Vec<String>,
    pub required_annotations: Vec<String>,
    pub allowed_base_images: Vec<String>,
    pub allowed_media_types: Vec<String>,
    max_size: String,
    max_age: String,
    pub no_root: bool,
    max_severity: String,
    pub only_fixable: bool,
    pub exceptions: Vec<Exception>,
    pub require_scan: bool,
    max_scan_age: String,
    /// In bytes.
    #[serde(skip)]
    pub size: Option<u64>,
    /// In seconds.
    #[serde(skip)]
    pub age: Option<u64>,
    #[serde(skip)]
    pub scan_age: Option<u64>,
    /// The place of the worst severity that is borne with.
    #[serde(skip)]
    pub severity: Option<usize>,
}

/// A finding that is borne with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Exception {
    /// `CVE-2026-1234`; it may be one of several names.
    pub id: String,
    pub package: Option<String>,
    pub repositories: Vec<String>,
    /// The last day on which it counts: `2026-12-31`.
    pub until: Option<String>,
    pub reason: String,
}

/// From the least to the worst.
pub const SEVERITIES: [&str; 6] = ["unknown", "negligible", "low", "medium", "high", "critical"];

impl Settings {
    /// Reads the settings; or tells which one cannot be used, and why.
    pub fn read(json: &str) -> Result<Self, (&'static str, String)> {
        let mut settings: Self =
            serde_json::from_str(json).map_err(|error| ("", error.to_string()))?;
        settings.size = optional(&settings.max_size, size)
            .map_err(|()| ("max-size", "write a size such as `500MiB`".to_owned()))?;
        settings.age = optional(&settings.max_age, duration)
            .map_err(|()| ("max-age", "write a time such as `90d`".to_owned()))?;
        settings.scan_age = optional(&settings.max_scan_age, duration)
            .map_err(|()| ("max-scan-age", "write a time such as `30d`".to_owned()))?;
        let place = |text: &str| SEVERITIES.iter().position(|severity| *severity == text);
        settings.severity = optional(&settings.max_severity, place)
            .map_err(|()| ("max-severity", format!("it is one of {}", SEVERITIES.join(", "))))?;
        for exception in &settings.exceptions {
            if exception.id.is_empty() {
                return Err((
                    "exceptions",
                    "each needs an `id`, such as `CVE-2026-1234`".to_owned(),
                ));
            }
            if exception.until.as_deref().is_some_and(|day| date(day).is_none()) {
                let message = format!("`until` of {} is a day such as `2026-12-31`", exception.id);
                return Err(("exceptions", message));
            }
        }
        Ok(settings)
    }

    /// Whether a rule asks scanners.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        self.severity.is_some() || self.require_scan || self.scan_age.is_some()
    }

    /// Whether an image may break a rule by growing older.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.age.is_some()
    }
}

impl Exception {
    /// Whether it still counts.
    #[must_use]
    pub fn is_in_force(&self, now: u64) -> bool {
        // To the end of the day.
        self.until.as_deref().and_then(date).is_none_or(|day| now < day + 86_400)
    }
}

fn optional<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => read(text).map(Some).ok_or(()),
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

/// `500MiB` as bytes.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// `90d` as seconds.
#[must_use]
pub fn duration(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The beginning of a day, or a moment in RFC 3339, as seconds since the epoch.
#[must_use]
pub fn date(text: &str) -> Option<u64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let separated = text.get(4..5)? == "-" && text.get(7..8)? == "-";
    if !separated || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days of the proleptic Gregorian calendar, from years that begin in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let mut seconds = days * 86_400;
    if text.len() > 10 {
        seconds += part(11, 13)? * 3600 + part(14, 16)? * 60 + part(17, 19)?;
        seconds -= offset(text.get(19..)?)?;
    }
    u64::try_from(seconds).ok()
}

/// `Z`, `+02:00`, with parts of a second before it.
fn offset(rest: &str) -> Option<i64> {
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_counted_from_1970() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2026-11-25"), Some(1_795_564_800));
        assert_eq!(date("2024-02-29T12:00:00.123Z"), Some(1_709_208_000));
        assert_eq!(date("2024-02-29T14:00:00+02:00"), Some(1_709_208_000));
        for wrong in ["", "yesterday", "2026-13-01", "2026-11-25T1", "26-11-25"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        assert_eq!(Settings::read(r#"{"max-size":"500MiB"}"#).unwrap().size, Some(500 << 20));
        assert_eq!(Settings::read(r#"{"max-age":"2w"}"#).unwrap().age, Some(1_209_600));
        for (json, key) in [
            (r#"{"max-size":"big"}"#, "max-size"),
            (r#"{"max-age":"90"}"#, "max-age"),
            (r#"{"max-severity":"awful"}"#, "max-severity"),
            (r#"{"exceptions":[{"id":"CVE-1","until":"soon"}]}"#, "exceptions"),
            (r#"{"exceptions":[{"package":"a"}]}"#, "exceptions"),
        ] {
            assert_eq!(Settings::read(json).unwrap_err().0, key);
        }
    }
}
