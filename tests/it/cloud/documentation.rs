//! `docs/storage.md` shows settings that can be used.

use std::path::Path;

use berth::config::{Loaded, Overlay};

#[test]
fn the_settings_that_are_shown_are_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/storage.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut shown: Vec<_> =
        text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(shown.len(), 4);
    // The rules belong to a bucket.
    let with_rules = format!("{}\n{}", shown[0], shown[3]);
    shown[3] = &with_rules;
    for text in shown {
        let file = Some(("docs/storage.md".into(), text.to_owned()));
        let loaded = Loaded::load(&Overlay { file, environment: vec![], flags: vec![] });
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!loaded.config.storage.options.is_empty());
    }
    let rules = r#"[{ min_size = "1MiB" }]"#;
    assert!(text.contains(&format!("BERTH_STORAGE_REDIRECT_RULES='{rules}'")));
    let environment = [("BERTH_STORAGE_REDIRECT_RULES", rules), ("BERTH_STORAGE_BACKEND", "s3")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let loaded = Loaded::load(&Overlay { file: None, environment, flags: vec![] }).unwrap();
    assert_eq!(loaded.config.storage.redirect.rules.len(), 1);
}

#[test]
fn rules_that_cannot_be_meant_are_refused() {
    for (text, says) in [
        ("[[storage.redirect.rules]]\n", "only a bucket can be redirected to"),
        ("[[storage.redirect.rules]]\naddresses = [\"10.0.0.0/33\"]\n", "storage.redirect.rules"),
        ("[[storage.redirect.rules]]\nagent = \"x\"\n", "agent"),
        ("[storage]\nbuffers = \"1MiB\"\n", "less than 32MiB"),
        ("[storage.redirect]\nlifetime = \"8d\"\n", "7d"),
        ("[storage.redirect]\npublic_endpoint = \"s3.example.org\"\n", "https://host"),
    ] {
        let file = Some(("berth.toml".into(), text.to_owned()));
        let refused = Loaded::load(&Overlay { file, environment: vec![], flags: vec![] });
        let problems = refused.unwrap_err().to_string();
        assert!(problems.contains(says), "{problems}");
    }
}
