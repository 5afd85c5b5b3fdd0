//! Real client programs through the gateway: Claude Code, Codex and opencode repair a small project with a scripted model
//! behind upstreams of each dialect, one of which fails in the middle. Owns the options, the order of runs and the table.
#![forbid(unsafe_code)]

mod history;
mod model;
mod programs;
mod repair;
mod run;
mod upstream;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use gateway_conformance::dialect::Dialect;
use tokio::sync::Semaphore;

use programs::{ALL, Program};
use upstream::Failure;

const HELP: &str = "clients [--runs N] [--jobs N] [--client NAME]... [--upstream chat|messages|responses|changing]...";

struct Options {
    runs: usize,
    jobs: usize,
    clients: Vec<String>,
    upstreams: Vec<String>,
}

/// The upstreams by name. In `changing` the second channel speaks another dialect than the first, so that the conversation
/// crosses dialects in its middle, with the first one's sealed reasoning in it.
const UPSTREAMS: [&str; 4] = ["chat", "messages", "responses", "changing"];

/// What the two channels are called in.
const fn dialects(name: &str, client: Dialect) -> [Dialect; 2] {
    match (name.as_bytes(), client) {
        (b"chat", _) => [Dialect::Chat; 2],
        (b"messages", _) => [Dialect::Messages; 2],
        (b"responses", _) => [Dialect::Responses; 2],
        (_, Dialect::Chat | Dialect::Gemini) => [Dialect::Messages, Dialect::Responses],
        (_, native) => [native, Dialect::Chat],
    }
}

/// A line of the table.
struct Row {
    program: Program,
    upstream: &'static str,
    passed: usize,
    slowest: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    match all().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clients: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn all() -> Result<()> {
    let options = options(std::env::args().skip(1))?;
    programs::install_all()?;
    let started = Instant::now();
    let permits = Arc::new(Semaphore::new(options.jobs));
    let mut rows = Vec::new();
    for program in ALL {
        for upstream in UPSTREAMS {
            let is_chosen = |names: &[String], name: &str| {
                names.is_empty() || names.iter().any(|other| other == name)
            };
            if is_chosen(&options.clients, program.name) && is_chosen(&options.upstreams, upstream)
            {
                rows.push((
                    Row::new(program, upstream),
                    start(program, upstream, &options, rows.len(), &permits),
                ));
            }
        }
    }
    ensure!(!rows.is_empty(), "nothing is chosen\n{HELP}");
    let mut table = Vec::new();
    for (mut row, tasks) in rows {
        for task in tasks {
            row.count(task.await.context("a run's task")?);
        }
        table.push(row);
    }
    report(&table, options.runs, started.elapsed())
}

type Outcome = (Result<()>, Duration);

/// Starts the runs of one line; each second one fails in another way than the first.
fn start(
    program: Program,
    upstream: &'static str,
    options: &Options,
    line: usize,
    permits: &Arc<Semaphore>,
) -> Vec<tokio::task::JoinHandle<Outcome>> {
    let runs = (0..options.runs).map(|number| {
        let permits = Arc::clone(permits);
        let failure = [Failure::Status, Failure::Cut][(line + number) % 2];
        tokio::spawn(async move {
            let permit = permits.acquire().await;
            let started = Instant::now();
            let outcome = run::once(program, dialects(upstream, program.dialect), failure).await;
            drop(permit);
            let name = format!("{} on {upstream}, {failure:?}", program.name);
            let took = started.elapsed();
            let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
            eprintln!("{name}: {verdict} after {:.1} s", took.as_secs_f64());
            (outcome.context(name), took)
        })
    });
    runs.collect()
}

impl Row {
    const fn new(program: Program, upstream: &'static str) -> Self {
        Self {
            program,
            upstream,
            passed: 0,
            slowest: Duration::ZERO,
        }
    }

    fn count(&mut self, (outcome, took): Outcome) {
        self.slowest = self.slowest.max(took);
        match outcome {
            Ok(()) => self.passed += 1,
            Err(error) => println!("FAILED: {error:#}"),
        }
    }
}

fn report(table: &[Row], runs: usize, took: Duration) -> Result<()> {
    println!("| client | version | upstream | passed | slowest |\n|---|---|---|---|---|");
    for row in table {
        println!(
            "| {} | {} | {} | {} of {runs} | {:.1} s |",
            row.program.name,
            programs::version(&row.program)?,
            row.upstream,
            row.passed,
            row.slowest.as_secs_f64()
        );
    }
    let passed: usize = table.iter().map(|row| row.passed).sum();
    println!("{passed} passed in {:.1}s", took.as_secs_f64());
    let all = table.len() * runs;
    ensure!(passed == all, "{} of {all} runs failed", all - passed);
    Ok(())
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        runs: 1,
        jobs: 2,
        clients: Vec::new(),
        upstreams: Vec::new(),
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value\n{HELP}"))?;
        match word.as_str() {
            "--runs" => options.runs = value.parse().context(HELP)?,
            "--jobs" => options.jobs = value.parse().context(HELP)?,
            "--client" => options.clients.push(value),
            "--upstream" => options.upstreams.push(value),
            _ => bail!("there is no option {word}\n{HELP}"),
        }
    }
    ensure!(options.runs > 0 && options.jobs > 0, "{HELP}");
    Ok(options)
}
