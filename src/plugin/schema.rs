//! The settings that a plugin understands, checked before it sees them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One setting of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Setting {
    /// What it is called.
    pub key: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What it is if nobody sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether it has to be set.
    #[serde(default)]
    pub required: bool,
    /// For people who set it.
    #[serde(default)]
    pub description: String,
}

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// Yes or no.
    Boolean,
    /// A list of anything.
    List,
    /// Keys with values of their own.
    Table,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Table => value.is_object(),
        }
    }

    const fn in_json_schema(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "array",
            Self::Table => "object",
        }
    }

    const fn described(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "`true` or `false`",
            Self::List => "a list",
            Self::Table => "a table",
        }
    }
}

/// What is wrong with a plugin's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The setting; empty for the whole.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
}

/// All settings that a plugin understands.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Schema(Vec<Setting>);

/// Settings take memory for as long as the plugin is loaded.
const MAX_BYTES: usize = 256 << 10;

impl Schema {
    pub(super) fn new(settings: Vec<Setting>) -> Result<Self, String> {
        for (index, setting) in settings.iter().enumerate() {
            let key = &setting.key;
            if key.is_empty() || key.len() > 64 || key.contains(['.', ' ']) {
                return Err(format!("`{key}` is no key of a setting: no dots, no spaces"));
            }
            if settings[..index].iter().any(|earlier| earlier.key == *key) {
                return Err(format!("the setting `{key}` is there twice"));
            }
            if let Some(default) = &setting.default
                && !setting.kind.fits(default)
            {
                return Err(format!(
                    "the default of the setting `{key}` is not {}",
                    setting.kind.described()
                ));
            }
        }
        Ok(Self(settings))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// As a JSON Schema, for forms.
    #[must_use]
    pub fn to_json_schema(&self) -> Value {
        let property = |setting: &Setting| {
            let mut property = serde_json::json!({
                "type": setting.kind.in_json_schema(), "description": setting.description,
            });
            if let Some(default) = &setting.default {
                property["default"] = default.clone();
            }
            (setting.key.clone(), property)
        };
        let required =
            self.0.iter().filter(|setting| setting.required && setting.default.is_none());
        serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": self.0.iter().map(property).collect::<Map<_, _>>(),
            "required": required.map(|setting| &setting.key).collect::<Vec<_>>(),
            "additionalProperties": false,
        })
    }

    /// The settings with their defaults filled in, or all that is wrong with them.
    pub fn complete(
        &self,
        given: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, message: String| {
            problems.push(ConfigProblem { key: key.to_owned(), message });
        };
        for (key, value) in given {
            match self.0.iter().find(|setting| setting.key == *key) {
                None => problem(key, "the plugin has no such setting".into()),
                Some(setting) if !setting.kind.fits(value) => {
                    problem(key, format!("it has to be {}", setting.kind.described()));
                }
                Some(_) => {}
            }
        }
        let mut complete = given.clone();
        for setting in &self.0 {
            if complete.contains_key(&setting.key) {
                continue;
            }
            match &setting.default {
                Some(default) => drop(complete.insert(setting.key.clone(), default.clone())),
                None if setting.required => problem(&setting.key, "it has to be set".into()),
                None => {}
            }
        }
        if Value::Object(complete.clone()).to_string().len() > MAX_BYTES {
            problem("", "the settings have more than 256 KiB".into());
        }
        if problems.is_empty() { Ok(complete) } else { Err(problems) }
    }
}

/// Settings as `config.get` gives them: tables and lists are reached with dots, everything is text.
pub(super) fn flatten(settings: &Map<String, Value>) -> BTreeMap<String, String> {
    fn add(flat: &mut BTreeMap<String, String>, key: String, value: &Value) {
        match value {
            Value::Object(table) => {
                table.iter().for_each(|(name, value)| add(flat, format!("{key}.{name}"), value));
            }
            Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(index, value)| add(flat, format!("{key}.{index}"), value));
            }
            Value::String(text) => drop(flat.insert(key, text.clone())),
            Value::Null => {}
            other => drop(flat.insert(key, other.to_string())),
        }
    }
    let mut flat = BTreeMap::new();
    settings.iter().for_each(|(key, value)| add(&mut flat, key.clone(), value));
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        let settings = json!([
            { "key": "label", "type": "string", "default": "source" },
            { "key": "rules", "type": "table" },
            { "key": "limit", "type": "integer", "required": true },
        ]);
        Schema::new(serde_json::from_value(settings).unwrap()).unwrap()
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn defaults_are_filled_in_and_flattened() {
        let given = object(json!({ "limit": 3, "rules": { "a": ["x", { "b": true }] } }));
        let complete = schema().complete(&given).unwrap();
        let flat: Vec<_> = flatten(&complete).into_iter().collect();
        let expected =
            [("label", "source"), ("limit", "3"), ("rules.a.0", "x"), ("rules.a.1.b", "true")];
        assert_eq!(flat, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn every_problem_is_told_by_its_key() {
        let given = object(json!({ "label": 1, "colour": "red" }));
        let problems = schema().complete(&given).unwrap_err();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["colour", "label", "limit"]);
    }
}
