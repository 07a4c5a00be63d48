//! What gives a secret away. Each rule wants more than a word: a form that is kept by whoever issues the secret, a file that
//! holds nothing else, and characters that look like chance.

use crate::known::TOKENS;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Low,
    Medium,
    High,
    Critical,
}

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub rule: &'static str,
    pub title: String,
    pub weight: Weight,
    /// The line in the file, from 1 on.
    pub line: usize,
    pub value: String,
}

impl Found {
    /// As much of the value as tells which one it is, and no more.
    #[must_use]
    pub fn masked(&self) -> String {
        let shown: String =
            self.value.chars().take(if self.value.len() > 24 { 6 } else { 2 }).collect();
        format!("{shown}… ({} characters)", self.value.chars().count())
    }
}

/// Directories whose keys are there to be tried with.
const TRIALS: [&str; 8] = [
    "/test/",
    "/tests/",
    "/testdata/",
    "/testing/",
    "/fixtures/",
    "/examples/",
    "share/doc/",
    "/spec/",
];

/// The secrets in a file.
#[must_use]
pub fn in_file(path: &str, bytes: &[u8]) -> Vec<Found> {
    // What is not text has no lines; tokens in it are strings of programs.
    if bytes.iter().take(8000).any(|byte| *byte == 0) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(bytes);
    let mut found = in_text(&text);
    found.extend(private_keys(&text));
    found.extend(by_name(path, &text));
    let whole = format!("/{path}");
    if TRIALS.iter().any(|part| whole.contains(part)) {
        found.iter_mut().for_each(|found| found.weight = Weight::Low);
    }
    found
}

/// The tokens in a text that are known by their form.
#[must_use]
pub fn in_text(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    for token in TOKENS {
        for (at, _) in text.match_indices(token.prefix) {
            let begins = at == 0 || !is_word(bytes[at - 1]);
            let tail = &bytes[at + token.prefix.len()..];
            let length = tail.iter().take_while(|byte| (token.allows)(**byte)).count();
            let (least, most) = token.length;
            if !begins || length < least || length > most || !is_random(&tail[..length]) {
                continue;
            }
            let value = text[at..at + token.prefix.len() + length].to_owned();
            found.push(Found {
                rule: token.rule,
                title: token.title.to_owned(),
                weight: token.weight,
                line: line(text, at),
                value,
            });
        }
    }
    found.extend(assigned(text));
    found
}

/// What is a secret by the name that it is given.
fn assigned(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let rules: [(&str, &str, &str, Weight, usize); 2] = [
        ("aws_secret_access_key", "aws-secret-key", "a secret key of AWS", Weight::Critical, 40),
        (
            "AccountKey=",
            "azure-storage-key",
            "a key of an Azure storage account",
            Weight::Critical,
            86,
        ),
    ];
    for (name, rule, title, weight, length) in rules {
        let lower = text.to_ascii_lowercase();
        for (at, _) in lower.match_indices(&name.to_ascii_lowercase()) {
            let rest = text[at + name.len()..].trim_start_matches([' ', '\t', '=', ':', '"', '\'']);
            let value: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '+'))
                .collect();
            if value.len() == length && is_random(value.as_bytes()) {
                let line = line(text, at);
                found.push(Found { rule, title: title.to_owned(), weight, line, value });
            }
        }
    }
    found
}

/// Keys in PEM, with something in them.
fn private_keys(text: &str) -> Vec<Found> {
    const BEGIN: &str = "-----BEGIN ";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let rest = &text[at + BEGIN.len()..];
        let Some((kind, body)) = rest.split_once("-----") else { continue };
        if kind.len() > 40 || !kind.contains("PRIVATE KEY") {
            continue;
        }
        let Some((body, _)) = body.split_once("-----END ") else { continue };
        let is_encrypted = kind.contains("ENCRYPTED") || body.contains("ENCRYPTED");
        // In JSON the ends of lines are written as `\n`.
        let body = body.replace("\\n", "");
        let base64 = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let value: String = body.chars().filter(base64).collect();
        if value.len() < 64 || !is_random(value.as_bytes()) {
            continue;
        }
        let (weight, how) =
            if is_encrypted { (Weight::Medium, ", encrypted") } else { (Weight::High, "") };
        let title = format!("a private key ({}{how})", kind.to_lowercase());
        found.push(Found { rule: "private-key", title, weight, line: line(text, at), value });
    }
    found
}

/// What certain files hold.
fn by_name(path: &str, text: &str) -> Vec<Found> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |end: &str| path == end || path.ends_with(&format!("/{end}"));
    let one = |rule, title: &str, weight, at, value: &str| Found {
        rule,
        title: title.to_owned(),
        weight,
        line: line(text, at),
        value: value.to_owned(),
    };
    let after = |key: &str, weight: Weight, rule: &'static str, title: &str| {
        let mut found = Vec::new();
        for (at, _) in text.match_indices(key) {
            let rest = text[at + key.len()..].trim_start_matches([' ', '\t', '=', ':', '"']);
            let value = rest.split([' ', '\t', '\r', '\n', '"', ',']).next().unwrap_or_default();
            if value.len() >= 8 && !is_placeholder(value) {
                found.push(one(rule, title, weight, at, value));
            }
        }
        found
    };
    if name == ".npmrc" {
        let mut found =
            after("_authToken", Weight::Critical, "npm-credentials", "a token for an npm registry");
        found.extend(after(
            "_password",
            Weight::Critical,
            "npm-credentials",
            "a password for an npm registry",
        ));
        found.extend(
            after(":_auth", Weight::Critical, "npm-credentials", "credentials for an npm registry")
                .into_iter()
                .filter(|found| !found.value.starts_with("Token")),
        );
        return found;
    }
    if ends(".docker/config.json") || name == ".dockercfg" || name == ".dockerconfigjson" {
        return after(
            "\"auth\"",
            Weight::Critical,
            "docker-credentials",
            "credentials for a container registry",
        );
    }
    if name == ".netrc" || name == "_netrc" {
        return after("password ", Weight::Critical, "netrc-credentials", "a password for a host");
    }
    if name == ".pypirc" {
        return after(
            "password",
            Weight::Critical,
            "pypi-credentials",
            "a password for a package index",
        );
    }
    if name == ".git-credentials" || name == "pip.conf" {
        return credentials_in_urls(text);
    }
    if ends(".kube/config") || name == "kubeconfig" {
        return after(
            "client-key-data",
            Weight::Critical,
            "kubernetes-credentials",
            "a client's key for a Kubernetes cluster",
        );
    }
    if ends("etc/shadow") {
        let hashes = text.lines().enumerate().filter_map(|(number, line)| {
            let hash =
                line.split(':').nth(1).filter(|hash| hash.starts_with('$') && hash.len() > 20)?;
            Some(Found {
                rule: "password-hash",
                title: "the hash of a password of an account".to_owned(),
                weight: Weight::Medium,
                line: number + 1,
                value: hash.to_owned(),
            })
        });
        return hashes.collect();
    }
    Vec::new()
}

/// `https://user:password@host`
fn credentials_in_urls(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let authority =
            text[at + 3..].split(['/', ' ', '\r', '\n', '"', '\'']).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        let Some((_, password)) = user.split_once(':') else { continue };
        if password.len() >= 6 && !is_placeholder(password) {
            found.push(Found {
                rule: "url-credentials",
                title: "a password in a URL".to_owned(),
                weight: Weight::Critical,
                line: line(text, at),
                value: password.to_owned(),
            });
        }
    }
    found
}

/// Variables, and words that stand for something.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.starts_with(['$', '<', '{', '%'])
        || ["example", "changeme", "placeholder", "your", "xxxx", "****", "password", "secret"]
            .iter()
            .any(|word| lower.contains(word))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Whether characters look like chance: many different ones, and no word that examples have.
fn is_random(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
    if has(b"example") || has(b"xxxx") || has(b"0123456789") || has(b"abcdefgh") {
        return false;
    }
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let length = bytes.len() as f64;
    let share = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    let entropy: f64 = counts.iter().filter(|count| **count > 0).map(share).sum();
    entropy >= if bytes.len() < 24 { 2.8 } else { 3.3 }
}
