//! What a decision about access costs, with as many rules as somebody may have: measured in this process, with the very code
//! that the server decides with, because over a socket it would drown in the rest.

use std::{fmt::Write as _, hint::black_box, time::Instant};

use anyhow::{Result, ensure};
use berth::{
    auth::{Rules, Verdict},
    clock::Timestamp,
    meta::{Binding, Effect, NewBinding, Subject, What},
    oci::{Action, Actions, RepositoryName},
};

const USERS: usize = 1000;
const GROUPS: usize = 100;
const GROUPS_OF_EACH: usize = 10;
const TEAMS: usize = 500;
const APPS: usize = 40;
const DECISIONS: usize = 200_000;

/// Numbers that look random and are the same in each run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap_or(0)
    }
}

/// Rules as a large team might have them: two fifths on one repository, two fifths on a namespace, one fifth globs; for
/// users, groups and everyone; one in twenty denies.
fn rule(number: usize, dice: &mut Dice) -> Result<Binding> {
    let (team, app) = (dice.below(TEAMS), dice.below(APPS));
    let pattern = match dice.below(10) {
        0..=3 => format!("team{team}/app{app}"),
        4..=7 => format!("team{team}/**"),
        8 => format!("team{team}/app{app}*"),
        _ => format!("*/app{app}"),
    };
    let subject = match dice.below(10) {
        0..=5 => Subject::group(&format!("group{}", dice.below(GROUPS))),
        6..=8 => Subject::user(&format!("user{}", dice.below(USERS))),
        _ => Subject::everyone(),
    };
    let effect = if dice.below(20) == 0 { Effect::Deny } else { Effect::Allow };
    let wanted: &[Action] =
        if dice.below(2) == 0 { &[Action::Pull] } else { &[Action::Pull, Action::Push] };
    let actions = Actions::of(wanted);
    let what = What::Actions(actions);
    let rule = NewBinding { subject, effect, what, pattern: pattern.parse()?, note: String::new() };
    let id = i64::try_from(number)?;
    let created_at = Timestamp::from_millis(0);
    Ok(Binding { id, rule, actions, created_at, created_by: "benchmark".into() })
}

/// A user in ten groups, as they ask.
fn subjects(dice: &mut Dice) -> Vec<Subject> {
    let user = Subject::user(&format!("user{}", dice.below(USERS)));
    let groups =
        (0..GROUPS_OF_EACH).map(|_| Subject::group(&format!("group{}", dice.below(GROUPS))));
    let mut subjects: Vec<_> = std::iter::once(user).chain(groups).collect();
    subjects.extend([Subject::authenticated(), Subject::everyone()]);
    subjects
}

/// Measures, and reports as Markdown.
pub(crate) fn measure(rules: usize) -> Result<String> {
    ensure!(rules > 0, "without a rule there is nothing to decide");
    let mut dice = Dice(20_261_125);
    let bindings = (1..=rules).map(|number| rule(number, &mut dice)).collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    let compiled = Rules::new(1, bindings);
    let putting_in_order = begun.elapsed();
    let askers: Vec<_> = (0..100).map(|_| subjects(&mut dice)).collect();
    let mut times = Vec::with_capacity(DECISIONS);
    let (mut allowed, mut denied) = (0, 0);
    for _ in 0..DECISIONS {
        let asker = &askers[dice.below(askers.len())];
        let name: RepositoryName =
            format!("team{}/app{}", dice.below(TEAMS), dice.below(APPS)).parse()?;
        let action = if dice.below(2) == 0 { Action::Pull } else { Action::Push };
        let begun = Instant::now();
        let verdict = black_box(compiled.decide(black_box(asker), action, black_box(&name)));
        times.push(begun.elapsed());
        match verdict {
            Verdict::Allowed(_) => allowed += 1,
            Verdict::Denied(_) => denied += 1,
            Verdict::NoRule => {}
        }
    }
    times.sort_unstable();
    let at = |hundredths: usize| times[(times.len() - 1) * hundredths / 100].as_secs_f64() * 1e6;
    let mut text = String::new();
    writeln!(
        text,
        "| Rules | Decisions | p50 µs | p90 µs | p99 µs | allowed | denied by a rule | rules put in order ms |"
    )?;
    writeln!(text, "|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    writeln!(
        text,
        "| {rules} | {DECISIONS} | {:.2} | {:.2} | {:.2} | {allowed} | {denied} | {:.1} |",
        at(50),
        at(90),
        at(99),
        putting_in_order.as_secs_f64() * 1e3
    )?;
    Ok(text)
}
