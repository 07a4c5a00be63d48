//! What a rule asks of claims. Claims are whatever somebody trusted says of whoever comes: of a token, of a certificate.

use serde_json::{Map, Value};

use crate::meta::{Condition, Test};

/// What is said of somebody.
pub type Claims = Map<String, Value>;

/// A claim by its path. What a name with dots in it says comes first: `kubernetes.io.namespace` is the part `namespace` of
/// the claim `kubernetes.io`, unless there is one that is called so as a whole.
pub(in crate::auth) fn find<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let part = claims.get(&path[..dot])?.as_object()?;
        find(part, &path[dot + 1..])
    })
}

/// A single value as text; lists and objects have none.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The entries of a claim that is a list; one value is a list of one.
pub(in crate::auth) fn entries(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    }
}

/// Says why a condition does not hold, in words for whoever wrote the rule.
pub(super) fn check(condition: &Condition, claims: &Claims) -> Result<(), String> {
    let claim = &condition.claim;
    let value = find(claims, claim).ok_or_else(|| format!("there is no claim `{claim}`"))?;
    if let Test::Has(wanted) = &condition.test {
        let Value::Array(values) = value else {
            return Err(format!("`{claim}` is {}, and no list", shown(value)));
        };
        let has = values.iter().any(|value| text(value).as_ref() == Some(wanted));
        return if has { Ok(()) } else { Err(format!("`{claim}` does not have `{wanted}`")) };
    }
    let Some(found) = text(value) else {
        return Err(format!("`{claim}` is no single value: ask with `has`, or for a part of it"));
    };
    let (holds, wanted) = match &condition.test {
        Test::Is(wanted) => (found == *wanted, format!("not `{wanted}`")),
        Test::In(wanted) => (wanted.contains(&found), format!("none of `{}`", wanted.join("`, `"))),
        Test::Like(pattern) => (matches(pattern, &found), format!("not like `{pattern}`")),
        Test::Has(_) => unreachable!("lists were looked at above"),
    };
    if holds { Ok(()) } else { Err(format!("`{claim}` is {}, and {wanted}", shown(value))) }
}

fn shown(value: &Value) -> String {
    let text = text(value).unwrap_or_else(|| "something with parts".to_owned());
    format!("`{}`", text.chars().filter(|c| !c.is_control()).take(200).collect::<String>())
}

/// Whether a pattern matches the whole of a text. `*` stands for any characters but `/` and `:`, which separate what issuers
/// put together, `**` for any at all.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // `reached[n]`: what was read of the pattern matches the first n characters.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let stars = pattern[at..].iter().take_while(|next| **next == '*').count();
        if stars > 0 {
            for n in 0..text.len() {
                let crosses = stars > 1 || !matches!(text[n], '/' | ':');
                reached[n + 1] |= reached[n] && crosses;
            }
            at += stars;
        } else {
            for n in (0..text.len()).rev() {
                reached[n + 1] = reached[n] && text[n] == pattern[at];
            }
            reached[0] = false;
            at += 1;
        }
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_path_leads_into_claims_with_dots_in_their_names() {
        let claims = claims(json!({
            "sub": "x", "kubernetes.io": { "namespace": "build", "pod": { "name": "p" } },
            "a": { "b": 1 }, "a.b": 2, "https://example.com/groups": ["x"],
        }));
        let text = |path: &str| find(&claims, path).and_then(super::text);
        assert_eq!(text("kubernetes.io.namespace").as_deref(), Some("build"));
        assert_eq!(text("kubernetes.io.pod.name").as_deref(), Some("p"));
        assert_eq!(text("a.b").as_deref(), Some("2"));
        assert!(find(&claims, "https://example.com/groups").is_some());
        for none in ["kubernetes", "sub.x", "kubernetes.io.", ".sub", "", "a.c"] {
            assert!(find(&claims, none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_star_stops_at_what_separates() {
        for (pattern, good, bad) in [
            (
                "refs/tags/*",
                &["refs/tags/v1", "refs/tags/"][..],
                &["refs/tags/a/b", "refs/tags"][..],
            ),
            (
                "refs/heads/**",
                &["refs/heads/a/b", "refs/heads/"],
                &["refs/tags/x", "xrefs/heads/y"],
            ),
            (
                "repo:acme/*:ref:refs/heads/main",
                &["repo:acme/app:ref:refs/heads/main"],
                &[
                    "repo:acme/app:environment:x:ref:refs/heads/main",
                    "repo:acme/app/b:ref:refs/heads/main",
                    "repo:acme/app:ref:refs/heads/main2",
                ],
            ),
            ("v*.*", &["v1.2", "v.", "v1.2.3"], &["v1", "1.2"]),
            ("**", &["", "a:b/c"], &[]),
            ("*", &["", "a.b"], &["a/b", "a:b"]),
            ("a***b", &["ab", "a/:b"], &["a"]),
            ("", &[""], &["a"]),
        ] {
            for text in good {
                assert!(matches(pattern, text), "{pattern} {text}");
            }
            for text in bad {
                assert!(!matches(pattern, text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn a_condition_holds_for_what_it_names_and_nothing_else() {
        let claims =
            claims(json!({ "sub": "a", "n": 7, "yes": true, "groups": ["dev", "ops"], "o": {} }));
        let holds = |claim: &str, test: Test| {
            check(&Condition { claim: claim.into(), test }, &claims).is_ok()
        };
        assert!(holds("sub", Test::Is("a".into())));
        assert!(holds("n", Test::Is("7".into())));
        assert!(holds("yes", Test::Is("true".into())));
        assert!(holds("sub", Test::In(vec!["b".into(), "a".into()])));
        assert!(holds("groups", Test::Has("ops".into())));
        assert!(!holds("sub", Test::Is("A".into())));
        assert!(!holds("sub", Test::In(vec![])));
        assert!(!holds("sub", Test::Has("a".into())));
        assert!(!holds("groups", Test::Is("dev".into())));
        assert!(!holds("groups", Test::Like("**".into())));
        assert!(!holds("groups", Test::Has("dev,ops".into())));
        assert!(!holds("o", Test::Like("**".into())));
        assert!(!holds("none", Test::Like("**".into())));
    }
}
