//! `berth serve`: how it starts, what it says, how it ends.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Image, PASSWORD, Process, berth, berth_command, run};

/// Started as a person would: nobody has chosen a password.
fn start_plainly(data: &Path) -> Process {
    Process::start_with(data, |command| {
        command.env_remove("BERTH_ADMIN_PASSWORD");
    })
}

fn printed_password(process: &Process) -> Option<String> {
    let line = process.greeting().iter().find_map(|line| line.trim().strip_prefix("password "));
    line.map(|password| password.trim().to_owned())
}

/// All files below a directory that hold these bytes.
fn files_with(directory: &Path, needle: &str) -> Vec<String> {
    let mut open = vec![directory.to_owned()];
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            seen += 1;
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    assert!(seen > 0, "there is something to look at");
    found
}

#[tokio::test]
async fn the_first_start_prints_a_password_and_no_later_one_does() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("made/on/the/way");
    let first = start_plainly(&data);
    let password = printed_password(&first).expect("a password is printed");
    assert_eq!(password.len(), 20);
    let host = first.url().strip_prefix("http://").unwrap().to_owned();
    assert!(host.starts_with("127.0.0.1:"));
    let text = first.greeting().join("\n");
    assert!(text.contains(&format!("Log in with: docker login {host} -u admin")), "{text}");
    assert!(text.contains(&data.display().to_string()), "{text}");
    assert_eq!(text.matches(&password).count(), 1);
    let admin = first.admin().with_password("admin", &password);
    admin.push("team/app", "v1", &Image::of(["hello"])).await;
    admin.delete("/v2/team/app/manifests/v1").await.status(202);
    assert_eq!(files_with(&data, &password), [""; 0], "the password lies there in the clear");
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(files_with(&data, &password), [""; 0], "the password lies there in the clear");

    let second = start_plainly(&data);
    assert_eq!(printed_password(&second), None);
    assert!(!second.greeting().join("\n").contains(&password));
    second.admin().with_password("admin", &password).get("/v2/").await.ok();
    // Another registry has another password.
    let other = start_plainly(&directory.path().join("other"));
    assert_ne!(printed_password(&other), Some(password));
}

#[tokio::test]
async fn a_chosen_password_is_taken_on_the_first_start_only() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let too_short = run(berth_command(directory.path())
        .args(["serve", "--listen", "127.0.0.1:0", "--data", "data"])
        .env("BERTH_ADMIN_PASSWORD", "short"));
    let too_short = too_short.exit(1).says(["BERTH_ADMIN_PASSWORD is shorter than 8 characters"]);
    assert!(!too_short.stderr.contains("`short`"));

    let first = Process::start(&data);
    assert_eq!(printed_password(&first), None);
    assert!(!first.greeting().join("\n").contains(PASSWORD));
    first.admin().get("/v2/").await.ok();
    assert_eq!(files_with(&data, PASSWORD), [""; 0]);
    first.kill();

    let second = Process::start_with(&data, |command| {
        command.env("BERTH_ADMIN_PASSWORD", "something else entirely");
    });
    second.admin().get("/v2/").await.ok();
    let wrong = second.admin().with_password("admin", "something else entirely");
    wrong.get("/v2/").await.fails(401, "UNAUTHORIZED");
}

#[test]
fn a_port_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = berth(directory.path(), ["serve", "--listen", &address, "--data", "data"])
        .exit(1)
        .says(["error: cannot listen on ", &address, "in use"]);
    assert!(said.stdout.is_empty(), "no password was told, as none was made: {said:?}");
    // Nor was the chance lost to be told one.
    let process = start_plainly(&directory.path().join("data"));
    assert!(printed_password(&process).is_some());
}

#[test]
fn a_data_directory_of_a_later_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    berth(data, ["user", "add", "ann", "--generate", "--data", "data"]).ok();
    let database = data.join("data/berth.db");
    let change =
        |sql: &str| rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    change("INSERT INTO migration (version, digest, applied_at) VALUES (9999, 'sha256:x', 0)");
    for command in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"], &["key", "rotate"]]
    {
        let said = berth(data, command.iter().copied().chain(["--data", "data"])).exit(1);
        said.says(["later version of Berth", "schema 9999", "berth.db"]);
    }
    change("DELETE FROM migration WHERE version = 9999");
    berth(data, ["user", "list", "--data", "data"]).ok();
}

#[test]
fn the_data_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let process = start_plainly(&data);
    let mode = fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    assert_eq!(process.terminate(), Some(0));
}

#[tokio::test]
async fn settings_come_from_the_file_the_environment_and_flags() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("registry.toml");
    fs::write(&file, "[metrics]\npublic = true\n[server]\npublic_url = \"https://file.example\"\n")
        .unwrap();
    let process = Process::start_with(&directory.path().join("data"), |command| {
        command
            .arg("--config")
            .arg(&file)
            .args(["--set", "auth.token_lifetime=10m"])
            .env("BERTH_SERVER_PUBLIC_URL", "https://environment.example:8443");
    });
    let last = process.greeting().last().unwrap();
    assert_eq!(last, "Log in with: docker login environment.example:8443 -u admin");
    let admin = process.admin();
    assert_eq!(admin.get("/token").await.ok().json()["expires_in"], 600);
    let nobody = crate::support::Client::new(process.url().to_owned(), None);
    nobody.get("/metrics").await.ok();
    let challenge = nobody.get("/v2/").await.status(401);
    assert!(
        challenge.header("www-authenticate").contains("\"https://environment.example:8443/token\"")
    );
}
