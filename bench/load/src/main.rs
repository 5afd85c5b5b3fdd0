//! The benchmark: servers side by side, one load, one table. `cargo xtask bench` builds what it needs and starts it.
//!
//! Owns the order of the measurements. docs/extend/benchmarks.md describes the method and how to read the table.
#![forbid(unsafe_code)]

mod client;
mod cpu;
mod load;
mod memory;
mod mixed;
mod open_loop;
mod servers;
mod setup;
mod start;
mod steady;
mod streams;
mod table;
mod translated;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use table::Results;
use translated::Translated;

/// Numbers of connections that each server is measured at.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// How long and how often to measure.
struct Plan {
    rounds: usize,
    cell: Duration,
    warm_up: Duration,
    first_tokens: usize,
    translated: usize,
    steady: steady::Plan,
}

const FULL: Plan = Plan {
    rounds: 3,
    cell: Duration::from_millis(3600),
    warm_up: Duration::from_millis(250),
    first_tokens: 200,
    translated: 6,
    steady: steady::Plan {
        rounds: 3,
        open_loop: Duration::from_secs(4),
        streams: 3,
        starts: 9,
    },
};

const QUICK: Plan = Plan {
    rounds: 2,
    cell: Duration::from_millis(1100),
    warm_up: Duration::from_millis(100),
    first_tokens: 60,
    translated: 3,
    steady: steady::Plan {
        rounds: 1,
        open_loop: Duration::from_secs(2),
        streams: 1,
        starts: 3,
    },
};

#[derive(Debug, Clone)]
struct Arguments {
    programs: PathBuf,
    root: PathBuf,
    /// Where nginx is; without it the servers are workers in workerd.
    nginx: Option<PathBuf>,
    quick: bool,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(&arguments()?)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments> {
    let mut words = std::env::args().skip(1);
    let (mut programs, mut root, mut nginx, mut quick) = (None, None, None, false);
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--quick" => {
                quick = true;
                continue;
            }
            "--programs" => &mut programs,
            "--root" => &mut root,
            "--nginx" => &mut nginx,
            other => bail!("unknown option {other:?}; start this with `cargo xtask bench`"),
        };
        *place = words.next().map(PathBuf::from);
    }
    let missing = "an option is missing; start this with `cargo xtask bench`";
    Ok(Arguments {
        programs: programs.context(missing)?,
        root: root.context(missing)?,
        nginx,
        quick,
    })
}

/// Thousands of connections at once, here and in the servers, which inherit it.
fn open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).context("raising the limit of open files")
}

async fn run(arguments: &Arguments) -> Result<()> {
    let plan = if arguments.quick { QUICK } else { FULL };
    let started = Instant::now();
    open_files()?;
    let folder = tempfile::Builder::new()
        .prefix("gateway-bench-")
        .tempdir()?;
    let stage = servers::Stage::start(arguments, folder.path()).await?;
    let targets = stage.targets();
    let idle = steady::idle(&targets)?;
    let mut results = Results::new(
        targets.iter().map(|target| target.name).collect(),
        CONNECTIONS,
    );

    // 1. Interleaved, so that a temporary slowdown of the machine affects all of them.
    for round in 0..plan.rounds {
        for (row, connections) in CONNECTIONS.into_iter().enumerate() {
            for turn in 0..targets.len() {
                // A different one first each time: none always runs after the heaviest.
                let index = (turn + round) % targets.len();
                let target = targets[index];
                eprintln!(
                    "{:>4} s  round {} of {}: {} at {connections} connections",
                    started.elapsed().as_secs(),
                    round + 1,
                    plan.rounds,
                    target.name
                );
                load::measure(target, connections, plan.warm_up).await?;
                let cell = load::measure(target, connections, plan.cell).await?;
                results.add(index, row, cell);
            }
        }
    }

    // 2. Streams one at a time, again interleaved.
    eprintln!("{:>4} s  first tokens", started.elapsed().as_secs());
    let mut streams = Vec::new();
    for target in &targets {
        streams.push(client::Connection::open(target.address).await?);
    }
    for _ in 0..plan.first_tokens {
        for (index, stream) in streams.iter_mut().enumerate() {
            let first = load::first_token(stream, &targets[index].key).await;
            results.add_first_token(index, first.context(targets[index].name)?);
        }
    }

    // 3. Requests of all kinds, with and without the ledger.
    for round in 0..plan.rounds {
        for turn in 0..2 {
            let which = (turn + round) % 2;
            let target = targets[targets.len() - 2 + which];
            eprintln!(
                "{:>4} s  round {} of {}: {} under a mixed load",
                started.elapsed().as_secs(),
                round + 1,
                plan.rounds,
                target.name
            );
            mixed::measure(target, plan.warm_up).await?;
            results.add_mixed(which, mixed::measure(target, plan.cell).await?);
        }
    }

    // 4. Translated streams beside the same passed through, of the gateway without its ledger: one process, in turns.
    eprintln!("{:>4} s  translated streams", started.elapsed().as_secs());
    let mut translated = Translated::default();
    let gateway = targets[targets.len() - 1];
    let mut stream = client::Connection::open(gateway.address).await?;
    for _ in 0..plan.first_tokens {
        translated.first_events(&mut stream, &gateway.key).await?;
    }
    for round in 0..plan.translated {
        translated.events(gateway, round).await?;
    }

    // 5. What is seen of a server that is not saturated.
    let steady = steady::measure(&stage, &idle, plan.steady).await?;
    for target in targets {
        setup::check_records(target).await?;
    }
    print!("{}\n{}\n{steady}", results.render(), translated.render());
    Ok(())
}
