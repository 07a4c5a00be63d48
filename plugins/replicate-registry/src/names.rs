//! What repositories and tags are called at the other registry.

use berth_plugin::{Error, config};

/// What a repository and its tags are called there.
pub(crate) struct Names {
    /// The repository.
    pub(crate) repository: String,
    tag: String,
}

/// A rule: repositories that fit the pattern get the name.
struct Rule<'a> {
    pattern: &'a str,
    name: &'a str,
}

impl<'a> Rule<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let (pattern, name) =
            text.split_once('=').ok_or_else(|| format!("write `{text}` as `PATTERN=NAME`"))?;
        if pattern.matches('*').count() > 1 {
            return Err(format!("`{pattern}` has more than one star"));
        }
        if name.contains("{*}") && !pattern.contains('*') {
            return Err(format!("`{text}`: the pattern has no star that {{*}} could be"));
        }
        Ok(Self { pattern, name })
    }

    /// What the star stands for, if a repository fits.
    fn fits<'t>(&self, repository: &'t str) -> Option<&'t str> {
        match self.pattern.split_once('*') {
            None => (self.pattern == repository).then_some(""),
            Some((before, after)) => repository.strip_prefix(before)?.strip_suffix(after),
        }
    }
}

/// Whether it could be a repository's name (distribution-spec, Pulling manifests).
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(plain)
            && part.ends_with(plain)
            && part.chars().all(|c| plain(c) || "._-".contains(c))
    };
    name.len() <= 255 && name.split('/').all(is_part)
}

fn fill(template: &str, repository: &str, star: &str) -> String {
    template
        .replace("{flat}", &repository.replace('/', "-"))
        .replace("{name}", repository.rsplit('/').next().unwrap_or(repository))
        .replace("{*}", star)
        .replace("{repository}", repository)
}

/// What is wrong with rules.
pub(crate) fn problems(rules: &[String]) -> Vec<String> {
    rules.iter().filter_map(|rule| Rule::read(rule).err()).collect()
}

impl Names {
    /// By the settings.
    pub(crate) fn of(repository: &str) -> Result<Self, Error> {
        let tag = config::get("tag").unwrap_or_else(|| "{tag}".into());
        Self::by(&config::list("names"), &tag, repository).map_err(Error::Invalid)
    }

    fn by(rules: &[String], tag: &str, repository: &str) -> Result<Self, String> {
        for rule in rules {
            let rule = Rule::read(rule)?;
            let Some(star) = rule.fits(repository) else { continue };
            let name = fill(rule.name, repository, star);
            if !is_name(&name) {
                return Err(format!("`names` makes `{name}` of {repository}, which is no name"));
            }
            return Ok(Self { repository: name, tag: fill(tag, repository, star) });
        }
        Err(format!("no rule of `names` is for {repository}"))
    }

    /// A tag or digest there. Tags by which signatures are found stay as they are.
    pub(crate) fn reference(&self, reference: &str) -> String {
        if reference.contains(':') || reference.starts_with("sha256-") {
            return reference.to_owned();
        }
        self.tag.replace("{tag}", reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(rules: &[&str], repository: &str) -> Result<String, String> {
        let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        Names::by(&rules, "{tag}", repository).map(|names| names.repository)
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = ["team/*/app=acme/{*}", "team/*=acme/{flat}", "one=other", "x/*={name}"];
        for (repository, expected) in [
            ("team/a/app", "acme/a"),
            ("team/a/b/app", "acme/a/b"),
            ("team/a", "acme/team-a"),
            ("one", "other"),
            ("x/y/z", "z"),
        ] {
            assert_eq!(name(&rules, repository).unwrap(), expected);
        }
        assert!(name(&rules, "two").unwrap_err().contains("no rule"));
        assert!(name(&["*=Acme/{repository}"], "a").unwrap_err().contains("no name"));
        assert!(name(&["a*=x/{*}"], "a").unwrap_err().contains("no name"));
    }

    #[test]
    fn rules_that_are_none_are_told() {
        for rule in ["team/*", "a*b*=c", "a={*}"] {
            assert_eq!(problems(&[rule.to_owned()]).len(), 1, "{rule}");
        }
        assert_eq!(problems(&["*={repository}".to_owned()]), Vec::<String>::new());
    }

    #[test]
    fn tags_get_names_and_digests_do_not() {
        let rules = ["*=all".to_owned()];
        let names = Names::by(&rules, "{flat}-{tag}", "team/app").unwrap();
        assert_eq!(names.reference("v1"), "team-app-v1");
        assert_eq!(names.reference("sha256:12"), "sha256:12");
        assert_eq!(names.reference("sha256-12.sig"), "sha256-12.sig");
    }
}
