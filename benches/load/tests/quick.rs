//! That everything can be measured, in small: what a debug build needs says nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

/// Runs the load program against the Berth that was built beside it; returns its report.
fn measure(arguments: &[&str]) -> Result<String> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_berth-bench"));
    let berth = program.with_file_name("berth");
    ensure!(berth.exists(), "build the workspace: there is no {}", berth.display());
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(arguments.join(""));
    std::fs::create_dir_all(&scratch)?;
    let mut command = Command::new(program);
    command.arg("--quick").args(arguments).arg("--scratch").arg(&scratch);
    let output = command.env("BERTH_BENCH_BINARY", berth).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn every_scenario_is_measured() -> Result<()> {
    let report = measure(&["--rounds", "1", "--peers", "berth"])?;
    for name in ["push-1g", "pull-8", "push-images", "manifest-get", "tag-page", "start"] {
        assert!(report.contains(&format!("(`{name}`)")), "{name} is not in\n{report}");
    }
    Ok(())
}

#[test]
fn what_plugins_cost_is_measured() -> Result<()> {
    let report = measure(&["--plugins"])?;
    for what in ["decided by the policy | 50 |", "beside 16 calls", "with one (medians of 1)"] {
        assert!(report.contains(what), "{what} is not in\n{report}");
    }
    Ok(())
}

#[test]
fn what_collections_cost_is_measured_and_they_look_at_the_dead_alone() -> Result<()> {
    let report = measure(&["--collect", "2000"])?;
    assert!(report.contains("200 dead of 2000 blobs"), "{report}");
    assert!(report.contains("200 rows looked at, 0 kept, 200 blobs and 200 objects"), "{report}");
    Ok(())
}
