//! Lets in who is in an htpasswd file. The file's content is a setting; only bcrypt counts (`htpasswd -B`).

mod bcrypt;

use berth_plugin::{
    Authenticator, CallContext, Credential, Error, Plugin, Problem, Verdict, config,
};

struct Htpasswd;

/// The names and hashes of the file, with the lines that are none.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<(&str, &str)>)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, line.split_once(':').filter(|(name, _)| !name.is_empty())))
}

/// Why a hash cannot be used.
fn objection(hash: &str) -> Option<&'static str> {
    let kind = match hash {
        _ if bcrypt::Hash::parse(hash).is_some() => return None,
        _ if hash.starts_with("{SHA}") => "is SHA-1 without salt, which is guessed in no time",
        _ if hash.starts_with("$apr1$") || hash.starts_with("$1$") => {
            "is MD5 (apr1), which is guessed too fast"
        }
        _ if hash.starts_with("$2") => "is a bcrypt hash that is damaged, or of a cost above 12",
        _ => "is crypt, plain text or something else",
    };
    Some(kind)
}

impl Plugin for Htpasswd {
    const NAME: &'static str = "auth-htpasswd";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        let users = config::get("users").unwrap_or_default();
        let mut problems = Vec::new();
        for (number, entry) in lines(&users) {
            let message = match entry {
                None => format!("line {number} is not `NAME:HASH`"),
                Some((name, hash)) => match objection(hash) {
                    Some(what) => {
                        format!("the hash of {name} {what}: make it anew with `htpasswd -B`")
                    }
                    None => continue,
                },
            };
            problems.push(Problem::with("users", message));
        }
        problems
    }
}

impl Authenticator for Htpasswd {
    fn authenticate(_context: CallContext, credential: Credential) -> Result<Verdict, Error> {
        let (Some(name), "basic") = (&credential.name, credential.kind.as_str()) else {
            return Ok(Verdict::Pass);
        };
        let users = config::get("users").unwrap_or_default();
        // The first one counts, as in web servers.
        let known = lines(&users).filter_map(|(_, entry)| entry).find(|(known, _)| known == name);
        let Some((_, hash)) = known else { return Ok(Verdict::Pass) };
        match bcrypt::Hash::parse(hash) {
            None => Ok(Verdict::reject("the hash is not bcrypt")),
            Some(hash) if hash.is_of(&credential.value) => {
                let seconds = config::parse("cache-seconds")?.unwrap_or(60);
                Ok(Verdict::accept(name, config::list("groups"), seconds))
            }
            Some(_) => Ok(Verdict::reject("wrong password")),
        }
    }
}

berth_plugin::export!(Htpasswd: authenticator);
