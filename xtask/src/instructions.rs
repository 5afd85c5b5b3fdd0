//! Instruction counts of the micro-benchmarks, against a committed baseline. Owns the counting and the comparison; the cases
//! are `bench/micro`'s.
//!
//! Valgrind is driven from here and not through iai-callgrind, which needs a second program of exactly its own version on
//! every machine. Counts differ by less than half a percent from run to run; what differs between machines is named in
//! `docs/extend/benchmarks.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::job::Progress;
use crate::tools;
use crate::workspace::Workspace;

/// The committed counts.
const BASELINE: &str = "bench/micro/baseline.json";
/// What a count may differ by, in percent.
const TOLERANCE: f64 = 5.0;
/// The function that is counted, with all that it calls.
const COUNTED: &str = "*counted_run*";
/// The C library chooses among its copies of `memcpy` and its like by the processor; without these, all choose the same.
const TUNABLES: &str =
    "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,-EVEX,-ERMS,-FSRM,-RTM";
/// How the baseline is written anew.
const UPDATE: &str = "cargo xtask bench --micro --update-baseline";

/// Counts of one toolchain.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    /// The compiler and its target: other ones make other code.
    toolchain: String,
    /// Instructions by case.
    cases: BTreeMap<String, u64>,
}

/// The step of `cargo xtask test`: fails if a count is not what the baseline says.
pub fn check(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let counted = count(workspace, progress)?;
    let text = std::fs::read_to_string(workspace.path(BASELINE)).context(BASELINE)?;
    let baseline = Counts::of_json(&text)?;
    let wrong = baseline.compare(&counted);
    if baseline.toolchain != counted.toolchain {
        eprintln!(
            "{BASELINE} is of {}, this is {}: counts are shown, not checked ({UPDATE})",
            baseline.toolchain, counted.toolchain
        );
        eprint!("{}", baseline.table(&counted));
    }
    ensure!(
        wrong.is_empty(),
        "{}\n{}\nIf that is meant: {UPDATE}",
        wrong.join("\n"),
        baseline.table(&counted)
    );
    Ok(())
}

/// `cargo xtask bench --micro`: prints the counts beside the baseline, then the times; or writes the baseline anew.
pub fn run(workspace: &Workspace, is_update: bool) -> Result<()> {
    let progress = Progress::new(false);
    let counted = count(workspace, &progress)?;
    let path = workspace.path(BASELINE);
    let baseline = match std::fs::read_to_string(&path) {
        Ok(text) => Counts::of_json(&text)?,
        // The first baseline.
        Err(_) => Counts {
            toolchain: counted.toolchain.clone(),
            cases: BTreeMap::new(),
        },
    };
    print!("{}", baseline.table(&counted));
    if is_update {
        std::fs::write(&path, counted.to_json()?)?;
        return Ok(());
    }
    let mut times = workspace.cargo(&["bench", "--locked", "-p", "gateway-micro"]);
    let status = times.status()?;
    ensure!(status.success(), "the benchmark failed: {status}");
    Ok(())
}

/// Builds the cases and counts each of them.
fn count(workspace: &Workspace, progress: &Progress) -> Result<Counts> {
    let valgrind = tools::debian(workspace, progress, &["valgrind"], "valgrind")?;
    progress.run(workspace.cargo(&[
        "build",
        "--locked",
        "--release",
        "-p",
        "gateway-micro",
        "--bin",
        "instructions",
    ]))?;
    let program = workspace.program("instructions");
    let mut list = workspace.command(&program);
    let output = list.arg("--list").output().context("the list of cases")?;
    let names = String::from_utf8(output.stdout)?;
    let mut cases = BTreeMap::new();
    for name in names.lines() {
        let count = count_one(workspace, &valgrind, &program, name)?;
        cases.insert(name.to_owned(), count);
    }
    ensure!(!cases.is_empty(), "there are no cases");
    Ok(Counts {
        toolchain: toolchain(workspace)?,
        cases,
    })
}

fn count_one(workspace: &Workspace, valgrind: &Path, program: &Path, name: &str) -> Result<u64> {
    let mut command = workspace.command(valgrind);
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(program)
        .arg(name)
        .env("GLIBC_TUNABLES", TUNABLES);
    let output = command.output().context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed:\n{said}");
    collected(&said).with_context(|| format!("valgrind counts nothing for {name}:\n{said}"))
}

/// The count in what callgrind says at its end: `==1== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    let counts = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))?
        .1;
    let count = counts.split_whitespace().next()?.parse().ok()?;
    (count > 0).then_some(count)
}

/// The compiler's version and target.
fn toolchain(workspace: &Workspace) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = workspace.command(rustc).arg("-vV").output();
    let text = String::from_utf8(output.context("cannot start rustc")?.stdout)?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    match (value("release: "), value("host: ")) {
        (Some(release), Some(host)) => Ok(format!("rustc {release} {host}")),
        _ => bail!("rustc does not say what it is:\n{text}"),
    }
}

impl Counts {
    fn of_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let cases = value["instructions"].as_object().context(BASELINE)?.iter();
        let cases = cases.map(|(name, count)| Some((name.clone(), count.as_u64()?)));
        Ok(Self {
            toolchain: value["toolchain"]
                .as_str()
                .context("a toolchain")?
                .to_owned(),
            cases: cases.collect::<Option<_>>().context(BASELINE)?,
        })
    }

    fn to_json(&self) -> Result<String> {
        let value = json!({"toolchain": self.toolchain, "instructions": self.cases});
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    /// What is not as this baseline says, a sentence each. Counts of another toolchain are not compared.
    fn compare(&self, counted: &Self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, now) in &counted.cases {
            match self.cases.get(name) {
                None => wrong.push(format!("{name} is not in {BASELINE}")),
                Some(before) => {
                    let change = change(*before, *now);
                    if self.toolchain == counted.toolchain && change.abs() > TOLERANCE {
                        wrong.push(format!(
                            "{name} takes {now} instructions instead of {before} ({change:+.1} %)"
                        ));
                    }
                }
            }
        }
        let missing = |name: &&String| !counted.cases.contains_key(*name);
        let missing = self.cases.keys().filter(missing);
        wrong.extend(missing.map(|name| format!("{name} of {BASELINE} is not counted any more")));
        wrong
    }

    fn table(&self, counted: &Self) -> String {
        let mut table = String::from("| case | baseline | now | change |\n|---|---|---|---|\n");
        for (name, now) in &counted.cases {
            let _ = match self.cases.get(name) {
                Some(before) => {
                    let change = change(*before, *now);
                    writeln!(table, "| {name} | {before} | {now} | {change:+.1} % |")
                }
                None => writeln!(table, "| {name} | – | {now} | new |"),
            };
        }
        table
    }
}

/// In percent.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52, and a percentage needs no more"
)]
fn change(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(toolchain: &str, cases: &[(&str, u64)]) -> Counts {
        let cases = cases
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        Counts {
            toolchain: toolchain.to_owned(),
            cases: cases.collect(),
        }
    }

    #[test]
    fn a_count_may_differ_by_the_tolerance() {
        let baseline = counts("r", &[("a", 1_000), ("b", 1_000), ("c", 1_000)]);
        let now = counts("r", &[("a", 1_049), ("b", 1_051), ("c", 949)]);
        let wrong = baseline.compare(&now);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("b takes 1051 instructions instead of 1000 (+5.1 %)"));
        assert!(
            wrong[1].contains("-5.1 %"),
            "less is a new baseline as well"
        );
        assert!(
            baseline
                .table(&now)
                .contains("| a | 1000 | 1049 | +4.9 % |")
        );
    }

    #[test]
    fn another_toolchain_is_not_compared_but_has_the_same_cases() {
        let baseline = counts("r", &[("a", 1), ("gone", 1)]);
        let wrong = baseline.compare(&counts("other", &[("a", 9), ("new", 1)]));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("new is not in"));
        assert!(wrong[1].starts_with("gone of"));
    }

    #[test]
    fn a_baseline_is_read_as_it_is_written() {
        let baseline = counts("rustc 1.95.0 x", &[("a", 1), ("b", 2)]);
        let text = baseline.to_json().unwrap();
        assert_eq!(Counts::of_json(&text).unwrap(), baseline);
        assert!(Counts::of_json("{}").is_err());
    }

    #[test]
    fn what_callgrind_says_is_understood() {
        let said = "==7== Events    : Ir\n==7== Collected : 4711\n==7== \n";
        assert_eq!(collected(said), Some(4_711));
        // The function was not found.
        assert_eq!(collected("==7== Collected : 0\n"), None);
        assert_eq!(collected(""), None);
    }

    #[test]
    fn the_committed_baseline_is_one() {
        let path = Workspace::locate().unwrap().path(BASELINE);
        let baseline = Counts::of_json(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(baseline.cases.len() >= 20);
    }
}
