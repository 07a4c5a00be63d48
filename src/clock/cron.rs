//! Times that come again and again, as crontabs write them.

use std::fmt;
use std::str::FromStr;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A crontab's five fields and a time zone, such as `0 3 * * 1-5 Europe/Berlin`; without a zone, in UTC.
///
/// Zones are those of the machine, or those that Berth has brought along where the machine has none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    times: Box<Crontab>,
}

impl Cron {
    /// The first time after a moment. There is one: [`Cron::from_str`] refuses what never comes.
    #[must_use]
    pub fn next_after(&self, moment: Timestamp) -> Timestamp {
        let never = Timestamp::from_millis(i64::MAX);
        self.find_next(moment).unwrap_or(never)
    }

    fn find_next(&self, moment: Timestamp) -> Option<Timestamp> {
        let moment = MakeTimestamp::from_millisecond(moment.as_millis()).ok()?;
        let next = self.times.find_next(moment).ok()?;
        Some(Timestamp::from_millis(next.timestamp().as_millisecond()))
    }

    /// As it was written, with single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let times = cronexpr::parse_crontab_with(&text, options).map_err(|error| {
            // Its first lines show the text again.
            let said = error.to_string();
            let reason = said.lines().last().unwrap_or_default().trim_start_matches([' ', '^']);
            let reason = reason.split(';').next().unwrap_or_default();
            format!(
                "`{text}` is no schedule ({reason}): write minute, hour, day of the month, month, day of the week and a time zone, such as `0 3 * * * Europe/Berlin`"
            )
        })?;
        let cron = Self { text, times: Box::new(times) };
        // 2024 had a 29 February.
        let leap_year = Timestamp::from_millis(1_704_067_200_000);
        if cron.find_next(leap_year).is_none() {
            return Err(format!("`{}` is a time that never comes", cron.text));
        }
        Ok(cron)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Cron {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let cron: Cron = cron.parse().unwrap();
        cron.next_after(after.parse().unwrap()).to_string()
    }

    #[test]
    fn a_schedule_keeps_to_its_time_zone() {
        for (cron, after, expected) in [
            ("0 3 * * *", "2026-11-25T03:00:00Z", "2026-11-26T03:00:00.000Z"),
            ("0 3 * * *", "2026-11-25T02:59:59.999Z", "2026-11-25T03:00:00.000Z"),
            ("0  3 * *  * Europe/Berlin", "2026-11-25T00:00:00Z", "2026-11-25T02:00:00.000Z"),
            // Summer time begins on 29 March 2026 and ends on 25 October.
            ("0 3 * * * Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00.000Z"),
            ("0 3 * * * Europe/Berlin", "2026-10-24T01:00:00Z", "2026-10-25T02:00:00.000Z"),
            // What the clock leaves out does not come; what it shows twice comes twice.
            ("30 2 * * * Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00.000Z"),
            ("30 2 * * * Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00.000Z"),
            ("*/15 * * * sat", "2026-11-25T00:00:00Z", "2026-11-28T00:00:00.000Z"),
            ("0 0 29 2 * UTC", "2026-11-25T00:00:00Z", "2028-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(next(cron, after), expected, "{cron} after {after}");
        }
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (text, said) in [
            ("", "is no schedule"),
            ("0 3 * *", "is no schedule"),
            ("61 3 * * *", "0..=59"),
            ("0 3 * * * Europe/Atlantis", "failed to find timezone Europe/Atlantis"),
            ("0 3 31 2 *", "never comes"),
        ] {
            let error = text.parse::<Cron>().unwrap_err();
            assert!(error.contains(said) && !error.contains('\n'), "{text}: {error}");
        }
    }
}
