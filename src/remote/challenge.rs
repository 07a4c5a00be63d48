//! `WWW-Authenticate`: what a registry wants to see before it answers (RFC 9110, section 11; distribution, `token.md`).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// The ways of authentication that Berth knows as a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password with every request.
    Basic,
    /// A token from the token server at `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The best of what is offered: a token rather than the password itself.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut offers: Vec<Self> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .filter_map(|(scheme, parameters)| Self::of(&scheme, &parameters))
            .collect();
        let best = offers.iter().position(|offer| matches!(offer, Self::Bearer { .. }));
        if offers.is_empty() { None } else { Some(offers.swap_remove(best.unwrap_or(0))) }
    }

    fn of(scheme: &str, parameters: &[(String, String)]) -> Option<Self> {
        let find = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Some(Self::Bearer {
            realm: find("realm")?,
            service: find("service").filter(|service| !service.is_empty()),
            scope: find("scope").filter(|scope| !scope.is_empty()),
        })
    }
}

type Parameters = Vec<(String, String)>;

/// Splits a header into schemes with their parameters. One header may hold several challenges, separated by the same
/// comma that separates the parameters: a word that is followed by `=` is a parameter, another one a scheme.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', '=', ',', '\t']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            rest = &after[1..];
            continue;
        }
        let after = after.trim_start_matches([' ', '\t']);
        match after.strip_prefix('=') {
            Some(after) if !found.is_empty() => {
                let (value, after) = parameter_value(after.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_owned(), value));
                }
                rest = after;
            }
            Some(after) => rest = after,
            None => {
                found.push((word.to_owned(), Vec::new()));
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    found
}

/// A token, or a quoted string with its backslashes removed; and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[index + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::read(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let own = |text: &str| text.to_owned();
        Challenge::Bearer { realm: realm.into(), service: service.map(own), scope: scope.map(own) }
    }

    #[test]
    fn a_bearer_challenge_is_read_with_commas_inside_its_quotes() {
        assert_eq!(
            read(&[
                r#"Bearer realm="https://a/token",service="a",scope="repository:a/b:pull,push repository:c:pull""#
            ]),
            Some(bearer(
                "https://a/token",
                Some("a"),
                Some("repository:a/b:pull,push repository:c:pull")
            ))
        );
        assert_eq!(
            read(&[r#"bearer  realm = "https://a/\"t\"" , error="invalid_token""#]),
            Some(bearer("https://a/\"t\"", None, None))
        );
        assert_eq!(
            read(&["Bearer realm=https://a/token, service=x"]),
            Some(bearer("https://a/token", Some("x"), None))
        );
    }

    #[test]
    fn a_token_is_preferred_to_the_password() {
        let token = r#"Bearer realm="https://a/token""#;
        assert_eq!(
            read(&["Basic realm=\"a\"", token]),
            Some(bearer("https://a/token", None, None))
        );
        assert_eq!(
            read(&[&format!("Basic realm=\"a\", charset=\"UTF-8\", {token}")]),
            Some(bearer("https://a/token", None, None))
        );
        assert_eq!(read(&["Negotiate, Basic realm=\"a\""]), Some(Challenge::Basic));
        assert_eq!(read(&["Basic"]), Some(Challenge::Basic));
    }

    #[test]
    fn nonsense_is_no_challenge() {
        for bad in [
            "",
            ",",
            "=",
            "Bearer",
            "Bearer service=\"x\"",
            "Negotiate",
            "\"",
            "=,=",
            "Bearer realm",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }
}
