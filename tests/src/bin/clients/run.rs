//! One run: a gateway with two channels, a client program at work, and what must hold afterwards. Owns the time limit.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use gateway_conformance::dialect::Dialect;
use gateway_tests::{Setup, Stage};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::model::{FINAL, MIDDLE};
use crate::programs::Program;
use crate::repair;
use crate::upstream::{FIRST, Failure, Model, Report, SECOND};

/// A run takes seconds; this is for a machine with much else to do.
const LIMIT: Duration = Duration::from_mins(3);

/// What the upstream calls the model.
const UPSTREAM_MODEL: &str = "meta/llama-3.3-70b-instruct";

/// Lets a program repair the project through a gateway with two channels, each with an upstream of one dialect.
pub async fn once(program: Program, dialects: [Dialect; 2], failure: Failure) -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("gateway-clients-")
        .tempdir()?;
    let work = Work::new(folder.path())?;
    let model = Model::new(dialects, program.dialect, failure, work.project.clone());
    let mut stage = Stage::start_with(&Setup::default()).await?;
    let playing = model.clone();
    stage
        .upstream
        .respond(move |record| Some(playing.respond(record)));
    for (priority, (key, dialect)) in [FIRST, SECOND].into_iter().zip(dialects).enumerate() {
        stage
            .channel(key, &channel(program, dialect, key, priority))
            .await?;
    }
    let url = stage.gateway.url("");
    let command = program.command(&work.project, &work.home, &url, &stage.key)?;
    let outcome = tokio::task::spawn_blocking({
        let work = work.clone();
        move || work.run(command)
    });
    let status = outcome.await.context("the run's thread")?;
    let verdict = status.and_then(|status| {
        ensure!(status.success(), "the client ended with {status}");
        repair::verify(&work.project)?;
        let said = fs::read_to_string(work.output())?;
        ensure!(said.contains(FINAL), "the client did not show the answer");
        held(&model.report())
    });
    if verdict.is_ok() {
        stage.gateway.hide_log();
    } else {
        println!("{:#?}\n{}", model.report(), work.tail());
        println!("{}", last_body(&stage));
    }
    verdict
}

/// What must hold of the requests that reached the upstream.
fn held(report: &Report) -> Result<()> {
    ensure!(report.faults.is_empty(), "faults: {:#?}", report.faults);
    ensure!(report.finished, "the model did not come to its end");
    let failed = report
        .attempts
        .iter()
        .position(|(_, _, answered)| !answered);
    let failed = failed.context("no attempt failed")?;
    let (key, calls, answered) = report
        .attempts
        .get(failed + 1)
        .context("no second attempt")?;
    ensure!(
        key == SECOND && *calls == MIDDLE && *answered,
        "the second channel did not take over: {:?}",
        report.attempts
    );
    Ok(())
}

fn channel(program: Program, dialect: Dialect, key: &str, priority: usize) -> Value {
    let mut channel = json!({
        "keys": [key],
        "priority": priority,
        "model_map": {program.model: UPSTREAM_MODEL},
    });
    match dialect {
        // Learnt from its answers.
        Dialect::Chat | Dialect::Gemini => {}
        Dialect::Messages => channel["provider"] = json!("anthropic"),
        Dialect::Responses => channel["dialects"] = json!(["responses"]),
    }
    channel
}

fn last_body(stage: &Stage) -> String {
    let records = stage.upstream.records();
    let bodies = records
        .last()
        .map(|record| String::from_utf8_lossy(&record.body).into_owned());
    let body = bodies.unwrap_or_default();
    let start = body.floor_char_boundary(body.len().saturating_sub(3000));
    format!("--- the last request's end\n{}", &body[start..])
}

/// The folders of one run.
#[derive(Clone)]
struct Work {
    project: PathBuf,
    home: PathBuf,
}

impl Work {
    fn new(folder: &Path) -> Result<Self> {
        let work = Self {
            project: folder.canonicalize()?.join("project"),
            home: folder.canonicalize()?.join("home"),
        };
        fs::create_dir(&work.project)?;
        fs::create_dir(&work.home)?;
        repair::write(&work.project)?;
        Ok(work)
    }

    fn output(&self) -> PathBuf {
        self.home.join("stdout.txt")
    }

    fn errors(&self) -> PathBuf {
        self.home.join("stderr.txt")
    }

    /// Runs the client to its end, with all that it started.
    fn run(&self, mut command: Command) -> Result<ExitStatus> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(File::create(self.output())?)
            .stderr(File::create(self.errors())?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let outcome = wait(&mut child);
        // What it left behind goes too; nothing is left after most runs.
        if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        drop(child.wait());
        outcome
    }

    fn tail(&self) -> String {
        let read = |path: PathBuf| {
            let text = fs::read(path).unwrap_or_default();
            let start = text.len().saturating_sub(4000);
            String::from_utf8_lossy(&text[start..]).into_owned()
        };
        format!(
            "--- output\n{}\n--- errors\n{}",
            read(self.output()),
            read(self.errors())
        )
    }
}

fn wait(child: &mut Child) -> Result<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the client did not end within {LIMIT:?}")
}
