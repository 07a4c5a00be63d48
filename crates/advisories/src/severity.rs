//! How bad it is.

use std::fmt;

use cvss::Cvss;
use serde::{Deserialize, Serialize};

/// In words, from the least to the worst.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody has said.
    #[default]
    Unknown,
    /// Known and not worth mending, as the distribution says.
    Negligible,
    Low,
    Medium,
    High,
    Critical,
}

/// What OSV calls a severity: a kind, `CVSS_V3` for example, and a vector or a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector {
    pub kind: String,
    pub score: String,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Severity {
    /// All of them, from the least to the worst.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Negligible, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }

    /// From a word, as databases use it.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" | "urgent" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "minor" => Self::Low,
            "negligible" | "unimportant" | "none" => Self::Negligible,
            _ => Self::Unknown,
        }
    }

    /// From a score between 0 and 10, as CVSS 3 and 4 divide it.
    #[must_use]
    pub fn of_score(score: f64) -> Self {
        match score {
            score if score >= 9.0 => Self::Critical,
            score if score >= 7.0 => Self::High,
            score if score >= 4.0 => Self::Medium,
            score if score > 0.0 => Self::Low,
            score if score <= 0.0 => Self::Negligible,
            _ => Self::Unknown,
        }
    }
}

impl Vector {
    /// The score of a CVSS vector; `None` if it is none. Some databases write the number itself.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let text = self.score.trim();
        if let Ok(score) = text.parse::<f64>() {
            return (0.0..=10.0).contains(&score).then_some(score);
        }
        // Vectors that end with a slash, and the second version's with its brackets.
        let text = text.trim_end_matches('/').trim_start_matches('(').trim_end_matches(')');
        let text = text.strip_prefix("CVSS2#").unwrap_or(text);
        let score = text.parse::<Cvss>().ok()?.score();
        Some((score * 10.0).round() / 10.0)
    }

    /// The later version of CVSS is the better one.
    fn rank(&self) -> u8 {
        match self.kind.as_str() {
            "CVSS_V4" => 4,
            "CVSS_V3" => 3,
            "CVSS_V2" => 2,
            _ => 0,
        }
    }
}

/// What counts of a severity and of words: the word for this package, the best vector, the word for all.
pub(crate) fn judge<'a>(
    vectors: &'a [Vector],
    package: Option<&str>,
    all: Option<&str>,
) -> (Severity, Option<f64>, Option<&'a str>) {
    let scored = vectors.iter().filter(|vector| vector.rank() > 0);
    let best = scored
        .filter_map(|vector| Some((vector, vector.score()?)))
        .max_by_key(|(vector, _)| vector.rank());
    let score = best.as_ref().map(|(_, score)| *score);
    let vector = best.map(|(vector, _)| vector.score.as_str());
    // Ubuntu's priority is a severity of its own kind.
    let word = vectors
        .iter()
        .filter(|vector| vector.rank() == 0)
        .map(|vector| Severity::of_word(&vector.score));
    let words = package.map(Severity::of_word).into_iter().chain(word);
    let known = words.filter(|severity| *severity != Severity::Unknown).max();
    let severity = known
        .or_else(|| score.map(Severity::of_score))
        .or_else(|| all.map(Severity::of_word))
        .unwrap_or_default();
    (severity, score, vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(kind: &str, score: &str) -> Vector {
        Vector { kind: kind.to_owned(), score: score.to_owned() }
    }

    #[test]
    fn vectors_have_the_scores_that_their_specifications_give() {
        for (kind, text, score) in [
            ("CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
            ("CVSS_V2", "AV:N/AC:M/Au:N/C:P/I:N/A:N", 4.3),
            ("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS_V3", "CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", 5.9),
            ("CVSS_V3", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:N", 0.0),
            ("CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 9.3),
            ("CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10.0),
        ] {
            assert_eq!(vector(kind, text).score(), Some(score), "{text}");
        }
        assert_eq!(vector("CVSS_V3", "7.5").score(), Some(7.5));
        assert_eq!(vector("CVSS_V3", "high").score(), None);
    }

    #[test]
    fn what_is_nearest_to_the_package_counts() {
        let v3 = vector("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
        let v2 = vector("CVSS_V2", "AV:N/AC:M/Au:N/C:P/I:N/A:N");
        let both = [v2.clone(), v3.clone()];
        assert_eq!(
            judge(&both, None, Some("LOW")),
            (Severity::Critical, Some(9.8), Some(v3.score.as_str()))
        );
        assert_eq!(judge(&both, Some("unimportant"), None).0, Severity::Negligible);
        assert_eq!(judge(&both, Some("not yet assigned"), None).0, Severity::Critical);
        assert_eq!(judge(&[], None, Some("MODERATE")), (Severity::Medium, None, None));
        assert_eq!(judge(&[vector("Ubuntu", "low"), v2], None, None).0, Severity::Low);
        assert_eq!(judge(&[], None, None).0, Severity::Unknown);
    }
}
