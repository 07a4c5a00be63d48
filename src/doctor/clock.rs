//! The time: tokens, certificates and schedules depend on it.

use std::time::Duration;

use super::Finding;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::meta::Snapshot;

const CHECK: &str = "clock";

/// What two machines may differ by; tokens allow for a minute.
const APART: Duration = Duration::from_secs(30);

/// A machine whose clock was never set begins in 1970, or when its image was made.
const EARLIEST: Timestamp = Timestamp::from_millis(1_750_000_000_000);

const MEND: &str = "let a time service keep the clock: `timedatectl set-ntp true`, or chrony";

/// What can be known without asking anybody.
pub(super) fn look_here(config: &Config, now: Timestamp) -> Vec<Finding> {
    if now < EARLIEST {
        return vec![Finding::problem(
            CHECK,
            format!("it is {now} by the clock of this machine"),
            MEND,
        )];
    }
    let mut findings = Vec::new();
    let database = config.storage.data.join("berth.db");
    let last = Snapshot::look(&database).and_then(|snapshot| snapshot.last_event_at());
    if let Ok(Some(last)) = last
        && last > now + APART
    {
        let what = format!(
            "something happened at {last} by the database, and it is {now}: the clock was set back"
        );
        findings.push(Finding::problem(CHECK, what, MEND));
    }
    findings.extend(of_the_file_system(config, now));
    if findings.is_empty() {
        let what = format!("it is {now}, behind everything that is written down");
        findings.push(Finding::good(CHECK, what));
    }
    findings
}

/// A share has the clock of its server: the times of files that Berth has just written to are by that one.
fn of_the_file_system(config: &Config, now: Timestamp) -> Option<Finding> {
    let newest = ["berth.db-wal", "berth.db", "lock"]
        .iter()
        .filter_map(|name| std::fs::metadata(config.storage.data.join(name)).ok()?.modified().ok())
        .max()?;
    let since = newest.duration_since(std::time::UNIX_EPOCH).ok()?;
    let newest = Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?);
    (newest > now + APART).then(|| {
        let what = format!(
            "a file of the database was written at {newest} by its file system, and it is {now}"
        );
        Finding::warning(
            CHECK,
            what,
            "if the data directory is a share, let its server and this machine have the same time",
        )
    })
}

/// Compares with the time that somebody else has told (RFC 9110, `Date`).
pub(super) fn compare(who: &str, date: &str, now: Timestamp) -> Option<Finding> {
    let theirs = read_date(date)?;
    let apart = if theirs > now { theirs.since(now) } else { now.since(theirs) };
    Some(if apart > APART {
        let what =
            format!("this machine has {now}, and {who} has {theirs}: {} s apart", apart.as_secs());
        Finding::warning(CHECK, what, MEND)
    } else {
        Finding::good(CHECK, format!("the same as that of {who}"))
    })
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_date_is_read_and_compared() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        assert_eq!(read_date(date), Some(now));
        for bad in
            ["", "yesterday", "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 CET"]
        {
            assert_eq!(read_date(bad), None, "{bad}");
        }
        let at = |later: Duration| compare("somebody", date, now + later).unwrap().severity;
        assert_eq!(at(Duration::from_secs(29)), Severity::Good);
        assert_eq!(at(Duration::from_secs(31)), Severity::Warning);
    }
}
