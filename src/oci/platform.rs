//! Platforms: what an image is for.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// `linux/arm64/v8`, as `--platform` takes it and as an index and an image's configuration write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Whether an image for `offered` is what is meant. Without a variant, the base one is (64-bit ARM calls it `v8`).
    #[must_use]
    pub fn fits(&self, offered: &Self) -> bool {
        let same = self.os == offered.os && self.architecture == offered.architecture;
        let wanted = self.variant.as_deref();
        let has = offered.variant.as_deref();
        let base = |variant: Option<&str>| self.architecture == "arm64" && variant == Some("v8");
        same && (wanted == has
            || (wanted.is_none() && base(has))
            || (base(wanted) && has.is_none()))
    }

    /// The same, but for an index where no other variant of the architecture is offered.
    #[must_use]
    pub fn nearly_fits(&self, offered: &Self) -> bool {
        self.variant.is_none() && self.os == offered.os && self.architecture == offered.architecture
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => {
                return Err(format!(
                    "`{text}` is no platform: write `os/arch` or `os/arch/variant`, such as `linux/arm64`"
                ));
            }
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(format!("`{text}` is no platform: a part of it is empty"));
        }
        // What machines call themselves, in the names that Go gave them.
        let architecture = match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(Self { os: os.into(), architecture: architecture.into(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_fit_with_the_usual_names() {
        for (wanted, offered, fits) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/x86_64", "linux/amd64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("linux/arm", "linux/arm/v7", false),
            ("windows/amd64", "linux/amd64", false),
        ] {
            assert_eq!(platform(wanted).fits(&platform(offered)), fits, "{wanted} {offered}");
        }
        assert!(platform("linux/arm").nearly_fits(&platform("linux/arm/v7")));
        for bad in ["", "linux", "linux/", "a/b/c/d"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
        assert_eq!(platform("linux/arm/v7").to_string(), "linux/arm/v7");
    }
}
