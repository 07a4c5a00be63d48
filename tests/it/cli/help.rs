//! What the program says of itself.

use crate::support::{berth, berth_command, run};

/// Every command that does something, by its words.
fn commands() -> Vec<Vec<String>> {
    fn visit(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        // What is hidden is for Berth itself.
        let for_people =
            |below: &&clap::Command| below.get_name() != "help" && !below.is_hide_set();
        let mut below = command.get_subcommands().filter(for_people).peekable();
        if below.peek().is_none() {
            found.push(words.to_vec());
        }
        for command in below {
            visit(command, &[words, &[command.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    visit(&berth::cli::command(), &[], &mut found);
    found
}

#[test]
fn the_help_of_every_command_has_an_example() {
    let directory = tempfile::tempdir().unwrap();
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    for words in commands {
        let command = format!("berth {}", words.join(" "));
        let said = berth(directory.path(), words.iter().map(String::as_str).chain(["--help"])).ok();
        let (before, examples) = said
            .stdout
            .split_once("Example")
            .unwrap_or_else(|| panic!("no example in `{command} --help`:\n{}", said.stdout));
        assert!(before.contains("Usage: berth"), "{}", said.stdout);
        assert!(examples.contains(&command), "`{command} --help` has no example of itself");
        assert!(said.stderr.is_empty() && !said.stdout.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let directory = tempfile::tempdir().unwrap();
    for (shell, sign) in
        [("bash", "complete -F _berth"), ("zsh", "#compdef berth"), ("fish", "complete -c berth")]
    {
        let script = berth(directory.path(), ["completions", shell]).ok().stdout;
        assert!(script.contains(sign), "{shell}: {script}");
        for word in ["serve", "passwd", "rotate", "uploads"].into_iter().take(3) {
            assert!(script.contains(word), "{shell} knows no {word}");
        }
    }
    // Bash takes it, if there is one.
    let script = berth(directory.path(), ["completions", "bash"]).ok().stdout;
    let path = directory.path().join("berth.bash");
    std::fs::write(&path, script).unwrap();
    if let Ok(checked) = std::process::Command::new("bash").arg("-n").arg(&path).output() {
        assert!(checked.status.success(), "{checked:?}");
    }
    berth(directory.path(), ["completions", "tcsh"]).exit(2);
}

#[test]
fn the_exit_code_tells_wrong_usage_from_failure() {
    let directory = tempfile::tempdir().unwrap();
    let say = |arguments: &[&str]| berth(directory.path(), arguments);
    let version = say(&["--version"]).ok();
    assert_eq!(version.stdout, format!("berth {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(say(&["user", "add", "--version"]).ok().stdout.lines().count(), 1);
    say(&[]).exit(2).says(["Usage: berth"]);
    say(&["--help"]).ok();
    say(&["sreve"]).exit(2).says(["sreve", "serve"]);
    say(&["serve", "--nope"]).exit(2).says(["--nope"]);
    say(&["serve", "--listen", "here"]).exit(2).says(["--listen", "here"]);
    say(&["user", "add"]).exit(2);
    let king = ["user", "add", "ann", "--role", "king", "--generate", "--data", "other"];
    say(&king).exit(1).says(["there is no role `king`"]);
    say(&["user", "add", "ann", "--generate", "--password-stdin"]).exit(2);
    say(&["user", "list", "--set", "nothing"]).exit(2).says(["--set", "KEY=VALUE"]);
    say(&["user", "list", "--config", "none.toml"]).exit(2).says(["none.toml", "No such file"]);
    say(&["user", "remove", "nobody"]).exit(1).says(["error: there is no registry in berth-data"]);
    // A data directory that cannot be made.
    std::fs::write(directory.path().join("file"), "").unwrap();
    say(&["user", "add", "ann", "--generate", "--data", "file/data"]).exit(1).says(["file/data"]);
}

#[test]
fn errors_have_no_colour_when_nobody_looks() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in
        [&["sreve"][..], &["user", "remove", "nobody"], &["config", "check", "--set", "a=b"]]
    {
        let said =
            run(berth_command(directory.path()).args(arguments).env("TERM", "xterm-256color"));
        assert!(said.code != 0 && !said.stderr.is_empty() && said.stdout.is_empty(), "{said:?}");
        assert!(!said.stderr.contains('\u{1b}'), "{said:?}");
    }
}
