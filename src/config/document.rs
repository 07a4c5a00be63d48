//! Other documents than `berth.toml` that people write in TOML, such as a plugin's manifest.

use serde::de::DeserializeOwned;

/// Reads a document; the error tells the line.
pub fn read_document<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
        match line {
            Some(line) => format!("line {line}: {}", error.message()),
            None => error.message().to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_the_line() {
        let read = read_document::<std::collections::BTreeMap<String, u8>>("a = 1\nb = 'x'\n");
        assert!(read.unwrap_err().starts_with("line 2: "));
    }
}
