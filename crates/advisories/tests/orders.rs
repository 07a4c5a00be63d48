//! Versions are ordered as their package managers order them. `orders/generate.py` has asked those.
//!
//! `ORDERS=FOLDER` names a folder with more such files.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use berth_advisories::version::Order;
use proptest::prelude::*;

const ORDERS: [(&str, Order); 7] = [
    ("dpkg", Order::Dpkg),
    ("rpm", Order::Rpm),
    ("apk", Order::Apk),
    ("semver", Order::Semver),
    ("pep440", Order::Pep440),
    ("maven", Order::Maven),
    ("gem", Order::Gem),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/orders")
}

/// What this order says, in the words of the fixtures.
fn answer(order: Order, one: &str, other: &str) -> &'static str {
    match order.compare(one, other) {
        Some(Ordering::Less) => "<",
        Some(Ordering::Equal) => "=",
        Some(Ordering::Greater) => ">",
        None => "!",
    }
}

fn check(folder: &Path) {
    let mut wrong = Vec::new();
    for (name, order) in ORDERS {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{name}.tsv"))) else {
            assert_ne!(folder, fixtures(), "{name} has fixtures");
            continue;
        };
        let mut asked = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let [one, expected, other] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            asked += 1;
            let found = answer(order, one, other);
            // What a package manager refuses may be ordered here: there are such versions in the world.
            if found != expected && expected != "!" {
                wrong.push(format!("{name}: {one} {expected} {other}, not {found}"));
            }
            let back = match found {
                "<" => ">",
                ">" => "<",
                same => same,
            };
            assert_eq!(answer(order, other, one), back, "{name}: {other} and {one}");
        }
        assert!(asked > 50, "{name} has only {asked}");
    }
    let count = wrong.len();
    wrong.truncate(60);
    assert!(wrong.is_empty(), "{count} are wrong:\n{}", wrong.join("\n"));
}

#[test]
fn versions_are_ordered_as_their_package_managers_order_them() {
    check(&fixtures());
    #[expect(clippy::disallowed_methods, reason = "for whoever has asked more")]
    if let Ok(folder) = std::env::var("ORDERS") {
        check(Path::new(&folder));
    }
}

#[test]
fn what_is_no_version_is_told() {
    for (order, text) in [
        (Order::Dpkg, "a b"),
        (Order::Dpkg, "-1"),
        (Order::Apk, "1.x"),
        (Order::Apk, ""),
        (Order::Semver, "latest"),
        (Order::Semver, "1..2"),
        (Order::Pep440, "2004b-x"),
        (Order::Gem, "1.-"),
    ] {
        assert!(!order.accepts(text), "{order:?} {text}");
    }
}

fn tricky() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9a-z.~^+:_-]{0,24}", "[0-9]{1,3}([.+~_-]?[a-z0-9]{1,5}){0,6}", "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn orders_are_orders(one in tricky(), two in tricky(), three in tricky()) {
        for (name, order) in ORDERS {
            prop_assert_eq!(order.compare(&one, &two), order.compare(&two, &one).map(Ordering::reverse), "{}", name);
            if order.accepts(&one) {
                prop_assert_eq!(order.compare(&one, &one), Some(Ordering::Equal));
            }
            // Maven's own order is not transitive, and neither is rpm's for versions that begin with a divider.
            if matches!(order, Order::Maven | Order::Rpm) {
                continue;
            }
            let pairs = (order.compare(&one, &two), order.compare(&two, &three), order.compare(&one, &three));
            if let (Some(first), Some(second), Some(both)) = pairs {
                if first == second {
                    prop_assert_eq!(both, first, "{}: {:?} {:?} {:?}", name, one, two, three);
                }
            }
        }
    }
}
