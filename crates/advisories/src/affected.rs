//! Whether a version is affected: the evaluation that OSV's schema describes.

use std::cmp::Ordering;

use crate::advisory::{Affected, Event, Range, RangeKind};
use crate::version::Order;

/// A version that is affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The first version behind it that is not.
    pub fixed: Option<String>,
}

/// Whether a version of the package is affected.
pub(crate) fn matches(affected: &Affected, version: &str, order: Order) -> Option<Match> {
    let listed = affected
        .versions
        .iter()
        .any(|listed| listed == version || order.compare(listed, version) == Some(Ordering::Equal));
    let mut found = listed.then_some(Match { fixed: None });
    for range in &affected.ranges {
        let order = order_of(range, order);
        if let Some(within) = in_range(range, version, order) {
            // Of several ranges that it is in, the first fix behind it counts.
            let fixed = match (found.and_then(|found| found.fixed), within.fixed) {
                (Some(one), Some(other))
                    if order.compare(&one, &other) == Some(Ordering::Greater) =>
                {
                    Some(other)
                }
                (one, other) => one.or(other),
            };
            found = Some(Match { fixed });
        }
    }
    // Listed, and outside of all ranges: a fix in one of them may still be the next one.
    if let Some(found) = found.as_mut().filter(|found| found.fixed.is_none()) {
        found.fixed = next_fix(affected, version, order);
    }
    found
}

/// Takes out the listed versions that a range has too.
pub(crate) fn drop_listed(affected: &mut Affected, order: Order) {
    let ranges = &affected.ranges;
    affected.versions.retain(|version| {
        ranges.iter().all(|range| in_range(range, version, order_of(range, order)).is_none())
    });
}

fn order_of(range: &Range, order: Order) -> Order {
    if range.kind == RangeKind::Semver { Order::Semver } else { order }
}

impl Event {
    fn version(&self) -> &str {
        match self {
            Self::Introduced(version)
            | Self::Fixed(version)
            | Self::LastAffected(version)
            | Self::Limit(version) => version,
        }
    }
}

/// Compares a version with that of an event: `0` is before all, and `*` behind all.
fn compare(version: &str, event: &Event, order: Order) -> Option<Ordering> {
    match event {
        Event::Introduced(start) if start == "0" => Some(Ordering::Greater),
        Event::Limit(end) if end == "*" => Some(Ordering::Less),
        event => order.compare(version, event.version()),
    }
}

/// The order of events. Those of one version stay as the record has them.
fn compare_events(one: &Event, other: &Event, order: Order) -> Ordering {
    let first = |event: &Event| matches!(event, Event::Introduced(version) if version == "0");
    match (first(one), first(other)) {
        (false, false) => order.compare(one.version(), other.version()).unwrap_or(Ordering::Equal),
        (one, other) => other.cmp(&one),
    }
}

fn in_range(range: &Range, version: &str, order: Order) -> Option<Match> {
    if !order.accepts(version) {
        return None;
    }
    // An event that is no version says nothing that can be relied upon.
    let readable = |event: &&Event| compare(version, event, order).is_some();
    let mut events: Vec<&Event> = range.events.iter().filter(readable).collect();
    if events.len() < range.events.len() {
        return None;
    }
    sort(&mut events, order);
    let limits: Vec<_> = events.iter().filter(|event| matches!(event, Event::Limit(_))).collect();
    let before = |event: &&&Event| compare(version, event, order) == Some(Ordering::Less);
    if !limits.is_empty() && !limits.iter().any(before) {
        return None;
    }
    let mut affected = false;
    let mut fixed = None;
    for event in events {
        let reached = compare(version, event, order) != Some(Ordering::Less);
        match event {
            Event::Introduced(_) if reached => affected = true,
            Event::Fixed(_) if reached => affected = false,
            Event::LastAffected(_) if compare(version, event, order) == Some(Ordering::Greater) => {
                affected = false;
            }
            Event::Fixed(first) if fixed.is_none() => fixed = Some(first.clone()),
            _ => {}
        }
    }
    affected.then_some(Match { fixed })
}

/// A stable sort that bears with orders that are none: it compares neighbours only.
fn sort(events: &mut [&Event], order: Order) {
    // Nearly all have two events, in their order.
    for end in 1..events.len() {
        let mut at = end;
        while at > 0 && compare_events(events[at - 1], events[at], order) == Ordering::Greater {
            events.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// The first fix behind a version, in any range.
fn next_fix(affected: &Affected, version: &str, order: Order) -> Option<String> {
    let events = affected.ranges.iter().flat_map(|range| &range.events);
    let fixes = events.filter_map(|event| match event {
        Event::Fixed(fixed) if order.compare(fixed, version) == Some(Ordering::Greater) => {
            Some(fixed)
        }
        _ => None,
    });
    fixes.min_by(|one, other| order.compare(one, other).unwrap_or(Ordering::Equal)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(events: &[(&str, &str)]) -> Range {
        let events = events.iter().map(|(kind, version)| {
            let version = (*version).to_owned();
            match *kind {
                "introduced" => Event::Introduced(version),
                "fixed" => Event::Fixed(version),
                "last" => Event::LastAffected(version),
                _ => Event::Limit(version),
            }
        });
        Range { kind: RangeKind::Ecosystem, events: events.collect() }
    }

    #[expect(clippy::option_option, reason = "not affected, affected, affected and fixed in")]
    fn within(events: &[(&str, &str)], version: &str) -> Option<Option<String>> {
        in_range(&range(events), version, Order::Semver).map(|found| found.fixed)
    }

    #[test]
    fn ranges_begin_and_end_where_they_say() {
        let two = [
            ("introduced", "1.0.0"),
            ("fixed", "1.0.2"),
            ("introduced", "1.2.0"),
            ("fixed", "1.2.3"),
        ];
        for (version, fixed) in
            [("1.0.0", "1.0.2"), ("1.0.1", "1.0.2"), ("1.2.0", "1.2.3"), ("1.2.3-rc.1", "1.2.3")]
        {
            assert_eq!(within(&two, version), Some(Some(fixed.to_owned())), "{version}");
        }
        for version in ["0.9.0", "1.0.0-rc.1", "1.0.2", "1.1.0", "1.2.3", "2.0.0"] {
            assert_eq!(within(&two, version), None, "{version}");
        }
        // In any order, from the beginning, without an end.
        assert_eq!(
            within(&[("fixed", "2.0.0"), ("introduced", "0")], "0.0.0-a"),
            Some(Some("2.0.0".to_owned()))
        );
        assert_eq!(within(&[("introduced", "0")], "99.0.0"), Some(None));
        assert_eq!(
            within(&[("introduced", "0"), ("fixed", "0")], "1.0.0"),
            None,
            "it was never affected"
        );
        assert_eq!(within(&[("introduced", "0"), ("last", "1.5.0")], "1.5.0"), Some(None));
        assert_eq!(within(&[("introduced", "0"), ("last", "1.5.0")], "1.5.1"), None);
        let limited = [("introduced", "1.0.0"), ("limit", "2.0.0")];
        assert_eq!(within(&limited, "1.9.9"), Some(None));
        assert_eq!(within(&limited, "2.0.0"), None);
        assert_eq!(within(&[("introduced", "1.0.0"), ("limit", "*")], "2.0.0"), Some(None));
        let joined = [
            ("introduced", "1.0.0"),
            ("fixed", "1.1.0"),
            ("introduced", "1.1.0"),
            ("fixed", "1.2.0"),
        ];
        assert_eq!(within(&joined, "1.1.0"), Some(Some("1.2.0".to_owned())));
        // What cannot be read is not guessed.
        assert_eq!(within(&[("introduced", "0"), ("fixed", "later")], "1.0.0"), None);
        assert_eq!(within(&[("introduced", "0")], "unknown"), None);
        assert_eq!(within(&[], "1.0.0"), None);
    }

    #[test]
    fn listed_versions_are_affected_beside_the_ranges() {
        let affected = Affected {
            versions: vec!["1.0".to_owned(), "weird build".to_owned()],
            ranges: vec![range(&[("introduced", "3.0.0"), ("fixed", "3.1.0")])],
            ..Affected::default()
        };
        let fixed = |version| matches(&affected, version, Order::Semver).map(|found| found.fixed);
        assert_eq!(
            fixed("1.0.0"),
            Some(Some("3.1.0".to_owned())),
            "equal, if written in another way"
        );
        assert_eq!(fixed("weird build"), Some(None));
        assert_eq!(fixed("3.0.5"), Some(Some("3.1.0".to_owned())));
        assert_eq!(fixed("2.0.0"), None);
    }
}
