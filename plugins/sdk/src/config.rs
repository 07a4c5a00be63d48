//! What the administrator has set.

use crate::bindings::host::berth::plugin::config as host;
use crate::{Error, StringMap};

/// One setting as text; tables are reached with dots.
pub fn get(key: &str) -> Option<String> {
    host::get(key)
}

/// One setting, read as whatever it should be.
pub fn parse<T: std::str::FromStr>(key: &str) -> Result<Option<T>, Error> {
    let read = |text: String| {
        text.parse().map_err(|_| Error::Invalid(format!("the setting {key} cannot be `{text}`")))
    };
    get(key).map(read).transpose()
}

/// The entries of a list: `list("labels")` for `labels = ["a", "b"]`.
pub fn list(key: &str) -> Vec<String> {
    (0..).map_while(|index| get(&format!("{key}.{index}"))).collect()
}

/// All settings, without secrets.
pub fn all() -> StringMap {
    host::get_all()
}

/// All settings as JSON, without secrets.
pub fn json() -> String {
    host::get_json()
}

/// A secret, by its name in the manifest.
pub fn secret(name: &str) -> Result<String, Error> {
    let bytes = host::secret(name)?;
    String::from_utf8(bytes).map_err(|_| Error::Invalid(format!("the secret {name} is no text")))
}
