//! Filters with places for what is known of a user. What is put in is escaped (RFC 4515 §3): a name is a value and never a
//! part of the question.

use std::fmt::Write as _;

/// The matching rule of Active Directory that follows groups within groups.
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

/// What stands in a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Filling<'a> {
    /// This value and no other.
    Value(&'a str),
    /// Whatever there is.
    Anything,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidTemplate {
    /// It does not begin and end as filters do.
    #[error("`{0}` is no filter: write it in parentheses, such as `(uid={{user}})` (RFC 4515)")]
    Filter(String),
    /// A place that nothing is known of.
    #[error("`{{{0}}}` stands for nothing here")]
    Place(String),
    /// A place that is missing.
    #[error("the filter says nothing of the user: it needs `{0}`")]
    Missing(&'static str),
    /// A matching rule takes no wildcard, and every user is looked for with one later on.
    #[error("a matching rule cannot be used with `{{user}}`")]
    Rule,
}

/// Puts values into the places of a template.
pub(super) fn fill(
    template: &str,
    places: &[(&str, Filling<'_>)],
) -> Result<String, InvalidTemplate> {
    let mut filter = String::with_capacity(template.len() + 32);
    let mut rest = template;
    // From left to right, once: what was put in is not looked at again.
    while let Some((before, after)) = rest.split_once('{') {
        filter.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let place = places.iter().find(|(known, _)| *known == name);
        match place.ok_or_else(|| InvalidTemplate::Place(name.chars().take(40).collect()))?.1 {
            Filling::Value(value) => escape(&mut filter, value.as_bytes()),
            Filling::Anything => filter.push('*'),
        }
        rest = after;
    }
    filter.push_str(rest);
    Ok(filter)
}

/// A value as it stands in a filter. More is escaped than has to be, so that it does not matter how a server reads it.
pub(super) fn escape(filter: &mut String, value: &[u8]) {
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"._-@=, ".contains(&byte) {
            filter.push(char::from(byte));
        } else {
            let _ = write!(filter, "\\{byte:02x}");
        }
    }
}

/// The filter that finds an entry by its attribute.
pub(super) fn equals(attribute: &str, value: &[u8]) -> String {
    let mut filter = format!("({attribute}=");
    escape(&mut filter, value);
    filter.push(')');
    filter
}

/// The filter that finds the groups that an entry is in, through groups within groups.
pub(super) fn in_chain(dn: &str) -> String {
    equals(&format!("member:{IN_CHAIN}:"), dn.as_bytes())
}

/// Checks the filter that finds users.
pub(super) fn check_user_filter(template: &str) -> Result<(), InvalidTemplate> {
    if !template.contains("{user}") {
        return Err(InvalidTemplate::Missing("{user}"));
    }
    if template.contains(":={user}") {
        return Err(InvalidTemplate::Rule);
    }
    check(template, &[("user", Filling::Value("ann"))])?;
    check(template, &[("user", Filling::Anything)])
}

/// Checks the filter that finds groups.
pub(super) fn check_group_filter(template: &str) -> Result<(), InvalidTemplate> {
    if !template.contains("{dn}") && !template.contains("{user}") {
        return Err(InvalidTemplate::Missing("{dn}` or `{user}"));
    }
    check(template, &[("user", Filling::Value("ann")), ("dn", Filling::Value("uid=ann,dc=x"))])
}

fn check(template: &str, places: &[(&str, Filling<'_>)]) -> Result<(), InvalidTemplate> {
    let filter = fill(template, places)?;
    let is_filter = filter.starts_with('(') && ldap3::parse_filter(&filter).is_ok();
    is_filter
        .then_some(())
        .ok_or_else(|| InvalidTemplate::Filter(template.chars().take(200).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(template: &str, name: &str) -> String {
        fill(template, &[("user", Filling::Value(name))]).unwrap()
    }

    #[test]
    fn a_name_is_a_value_and_never_a_part_of_the_filter() {
        assert_eq!(user("(uid={user})", "ann.b-c@x_y"), "(uid=ann.b-c@x_y)");
        for (name, escaped) in [
            ("*", r"\2a"),
            ("a)(uid=*", r"a\29\28uid=\2a"),
            ("a\\2a", r"a\5c2a"),
            ("a\0b", r"a\00b"),
            ("{dn}", r"\7bdn\7d"),
            ("ü", r"\c3\bc"),
            ("&|!<>~", r"\26\7c\21\3c\3e\7e"),
        ] {
            assert_eq!(user("(uid={user})", name), format!("(uid={escaped})"));
        }
        assert_eq!(user("(|(uid={user})(mail={user}))", "a"), "(|(uid=a)(mail=a))");
    }

    #[test]
    fn each_place_is_filled_once() {
        let places = [("user", Filling::Value("{dn}")), ("dn", Filling::Value("uid=a,dc=x"))];
        let filled = fill("(|(member={dn})(memberUid={user}))", &places).unwrap();
        assert_eq!(filled, r"(|(member=uid=a,dc=x)(memberUid=\7bdn\7d))");
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        for good in [
            "(uid={user})",
            "(&(objectClass=person)(|(uid={user})(mail={user}))(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
            "(mail={user}@example.org)",
        ] {
            assert_eq!(check_user_filter(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "uid={user}",
            "(uid=ann)",
            "(uid={user}",
            "(uid={user}))",
            "(uid={name})",
            "(uid={user)",
            "(&uid={user})",
            "(uid:caseExactMatch:={user})",
            "({user}=x)",
        ] {
            assert!(check_user_filter(bad).is_err(), "{bad}");
        }
        assert_eq!(check_group_filter("(|(member={dn})(memberUid={user}))"), Ok(()));
        assert_eq!(check_group_filter(&in_chain("{dn}").replace(r"\7bdn\7d", "{dn}")), Ok(()));
        for bad in ["(cn=devs)", "(member={dn}", "(member={group})"] {
            assert!(check_group_filter(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        /// Whatever somebody calls themselves, the filter has one condition, and it is about that very name.
        #[test]
        fn no_name_changes_the_question(name in proptest::prelude::any::<String>()) {
            let filter = user("(uid={user})", &name);
            let inner = filter.strip_prefix("(uid=").unwrap().strip_suffix(')').unwrap();
            proptest::prop_assert!(!inner.contains(['(', ')', '*', '\0']));
            proptest::prop_assert!(ldap3::parse_filter(&filter).is_ok());
            proptest::prop_assert_eq!(&*ldap3::ldap_unescape(inner).unwrap(), &*name);
        }
    }
}
