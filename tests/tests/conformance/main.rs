//! The conformance suite: the contract, over HTTP alone, on every host that runs the core. Owns the table of hosts and
//! cases, and which host is excused from which case; `docs/operate/hosts/README.md` gives the same reasons.
//!
//! A case knows no host. All cases of a host run side by side against one gateway, each with its own channels, upstream
//! keys and models. With words on the command line only cases whose names contain one of them run.

mod cases;
mod deviations;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use gateway_tests::{Host, Setup, Stage};

use cases::{CASES, Case};
use deviations::{DEVIATIONS, Deviation};

/// The hosts, with their names in the table.
const HOSTS: [(Host, &str); 4] = [
    (Host::Fakes, "fakes"),
    (Host::Local, "local host"),
    (Host::Workerd, "workerd"),
    (Host::Native, "native host"),
];

/// Longer than any case takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// How a case went on a host.
enum Verdict {
    Passed(Duration),
    Failed(String),
    /// It does not run there, for a documented reason.
    Excused,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let is_chosen =
        |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    let chosen: Vec<&Case> = CASES.iter().filter(is_chosen).collect();
    deviations::agree_with_the_documents()?;
    let mut columns = Vec::new();
    let hosts = chosen_hosts();
    for (host, name) in &hosts {
        let started = Instant::now();
        let verdicts = run(*host, &chosen)
            .await
            .with_context(|| (*name).to_owned())?;
        eprintln!("{name}: {:.1} s", started.elapsed().as_secs_f64());
        columns.push(verdicts);
    }
    print!("{}", table(&hosts, &chosen, &columns));
    let of = |wanted: fn(&Verdict) -> bool| columns.iter().flatten().filter(|v| wanted(v)).count();
    let passed = of(|verdict| matches!(verdict, Verdict::Passed(_)));
    let failed = of(|verdict| matches!(verdict, Verdict::Failed(_)));
    for ((_, host), verdicts) in hosts.iter().zip(&columns) {
        for (case, verdict) in chosen.iter().zip(verdicts) {
            if let Verdict::Failed(reason) = verdict {
                println!("\n{host}, {}:\n{reason}", case.name);
            }
        }
    }
    // As the other runners say it, so that what counts tests counts these.
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed");
    Ok(ExitCode::from(u8::from(failed > 0 || passed == 0)))
}

/// Every host, or the one that the environment names.
fn chosen_hosts() -> Vec<(Host, &'static str)> {
    let is_one = std::env::var_os("GATEWAY_TEST_HOST").is_some();
    let is_chosen = |(host, _): &(Host, &str)| !is_one || *host == Host::chosen();
    HOSTS.into_iter().filter(is_chosen).collect()
}

/// All cases on one host, side by side.
async fn run(host: Host, chosen: &[&'static Case]) -> Result<Vec<Verdict>> {
    // Every request meets a new instance on the local host, the strictest that there is; the native host has an instance
    // per thread.
    let setup = Setup::default()
        .on(host)
        .option("--max-instance-reuse-count", "1");
    let stage = Arc::new(Stage::start_with(&setup).await?);
    let mut running = Vec::new();
    for case in chosen {
        let is_excused = DEVIATIONS
            .iter()
            .any(|deviation: &Deviation| deviation.host == host && deviation.case == case.name);
        let stage = Arc::clone(&stage);
        running.push((!is_excused).then(|| {
            let started = Instant::now();
            let work = (case.run)(stage);
            tokio::spawn(async move {
                let outcome = tokio::time::timeout(LIMIT, work).await;
                (outcome, started.elapsed())
            })
        }));
    }
    let mut verdicts = Vec::new();
    for task in running {
        verdicts.push(match task {
            None => Verdict::Excused,
            Some(task) => match task.await {
                Ok((Ok(Ok(())), took)) => Verdict::Passed(took),
                Ok((Ok(Err(error)), _)) => Verdict::Failed(format!("{error:#}")),
                Ok((Err(_), _)) => Verdict::Failed("it did not end".to_owned()),
                Err(panic) => Verdict::Failed(panic.to_string()),
            },
        });
    }
    if verdicts
        .iter()
        .any(|verdict| matches!(verdict, Verdict::Failed(_)))
    {
        println!("{}", stage.gateway.log());
    }
    Ok(verdicts)
}

/// Hosts and cases as one Markdown table.
fn table(hosts: &[(Host, &str)], chosen: &[&Case], columns: &[Vec<Verdict>]) -> String {
    let mut text = format!("{:<44}", "| case");
    for (_, name) in hosts {
        let _ = write!(text, "| {name:<12}");
    }
    text.push_str("|\n|---|");
    text.push_str(&"---|".repeat(hosts.len()));
    text.push('\n');
    for (row, case) in chosen.iter().enumerate() {
        let _ = write!(text, "| {:<42}", case.name);
        for column in columns {
            let cell = match &column[row] {
                Verdict::Passed(took) => format!("{:.1} s", took.as_secs_f64()),
                Verdict::Failed(_) => "FAILED".to_owned(),
                Verdict::Excused => "see HOSTS.md".to_owned(),
            };
            let _ = write!(text, "| {cell:<12}");
        }
        text.push_str("|\n");
    }
    text
}
