//! `cargo xtask test`: runs the steps in order, ends at the first failure, sums up.
//!
//! Owns the order, the clock and the summary. What each step checks is in `steps`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::job::Progress;
use crate::options::Test;
use crate::steps::{self, Step};
use crate::workspace::Workspace;

/// What a whole run from cold writes, measured with `du` after it.
const DISK_NEEDED_MB: u64 = 14_000;

/// Runs the chosen steps, or all.
pub fn run(workspace: &Workspace, options: &Test) -> Result<()> {
    if options.list {
        for step in steps::ALL {
            println!("{:<12} {}", step.name, step.about);
        }
        return Ok(());
    }
    let chosen = choose(&options.only)?;
    let progress = Progress::new(false);
    let mut took = Vec::new();
    let mut outcome = Ok(());
    for step in &chosen {
        eprintln!("--- {}: {}", step.name, step.about);
        let started = Instant::now();
        outcome = progress
            .side_by_side(vec![(
                step.name,
                Box::new(|| (step.run)(workspace, &progress)),
            )])
            .with_context(|| {
                format!(
                    "step `{0}` failed (again with: cargo xtask test --only {0})",
                    step.name
                )
            });
        took.push(started.elapsed());
        if outcome.is_err() {
            // A full disk shows itself as an error of whatever program wrote last.
            eprintln!("{}", free_disk(workspace));
            break;
        }
    }
    print!("{}", summary(&chosen, &took, outcome.is_ok()));
    if outcome.is_ok() {
        println!("{} passed, 0 failed", progress.passed());
    }
    outcome
}

/// How much room the disk of the builds has left, as `df` says it.
fn free_disk(workspace: &Workspace) -> String {
    let root = workspace.root().display().to_string();
    let said = workspace
        .command("df")
        .args(["-Pk", &root])
        .output()
        .ok()
        .and_then(|output| free_of(&String::from_utf8_lossy(&output.stdout)));
    said.map_or_else(String::new, |free| {
        format!("disk: {free} MB free (a whole run from cold needs {DISK_NEEDED_MB} MB)")
    })
}

/// The free megabytes of a `df -Pk` of one path: the fourth column of the second line.
fn free_of(df: &str) -> Option<u64> {
    let free = df.lines().nth(1)?.split_whitespace().nth(3)?;
    Some(free.parse::<u64>().ok()? / 1024)
}

fn choose(only: &[String]) -> Result<Vec<&'static Step>> {
    for name in only {
        if steps::ALL.iter().all(|step| step.name != name) {
            let names: Vec<_> = steps::ALL.iter().map(|step| step.name).collect();
            bail!("there is no step {name:?}; there are {}", names.join(", "));
        }
    }
    let chosen = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    Ok(steps::ALL.iter().filter(chosen).collect())
}

/// A table of the steps: those that ran with their time, the failed one, and those that were not reached.
fn summary(steps: &[&Step], took: &[Duration], passed: bool) -> String {
    let row = |name: &str, verdict: &str, time: Option<&Duration>| {
        let time = time.map_or_else(String::new, |time| format!("{:.1} s", time.as_secs_f64()));
        format!("{name:<12} {verdict:<8} {time:>9}\n")
    };
    let rows = steps.iter().enumerate().map(|(index, step)| {
        let verdict = match took.get(index) {
            None => "not run",
            Some(_) if !passed && index + 1 == took.len() => "FAILED",
            Some(_) => "ok",
        };
        row(step.name, verdict, took.get(index))
    });
    let verdict = if passed { "ok" } else { "FAILED" };
    let total = took.iter().sum();
    rows.chain([row("total", verdict, Some(&total))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_the_failed_step_from_those_before_and_after() {
        let steps: Vec<_> = steps::ALL.iter().take(3).collect();
        let table = summary(
            &steps,
            &[Duration::from_millis(1500), Duration::from_secs(2)],
            false,
        );
        let lines: Vec<Vec<_>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[0][1..], ["ok", "1.5", "s"]);
        assert_eq!(lines[1][1..], ["FAILED", "2.0", "s"]);
        assert_eq!(lines[2][1..], ["not", "run"]);
        assert_eq!(lines[3], ["total", "FAILED", "3.5", "s"]);
    }

    #[test]
    fn steps_are_chosen_by_name_in_their_own_order() {
        let names = [steps::ALL[1].name.to_owned(), steps::ALL[0].name.to_owned()];
        let chosen: Vec<_> = choose(&names)
            .unwrap()
            .iter()
            .map(|step| step.name)
            .collect();
        assert_eq!(chosen, [steps::ALL[0].name, steps::ALL[1].name]);
        assert!(choose(&["nonsense".to_owned()]).is_err());
        assert_eq!(choose(&[]).unwrap().len(), steps::ALL.len());
    }

    #[test]
    fn free_space_is_read_from_df() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 100 40 20480 67% /\n";
        assert_eq!(free_of(df), Some(20));
        assert_eq!(free_of("df: no such file\n"), None);
    }

    #[test]
    fn no_two_steps_have_one_name() {
        for (index, step) in steps::ALL.iter().enumerate() {
            assert!(
                steps::ALL[index + 1..]
                    .iter()
                    .all(|other| other.name != step.name)
            );
        }
    }
}
