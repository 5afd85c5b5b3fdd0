//! Runs child processes, several at a time, and shows their progress.
//!
//! Owns their output: a job that succeeds shows only its progress, one that fails shows all its output. Decides nothing
//! about what to run.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often a terminal's line is redrawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a progress line is written to a log.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Shows the progress of jobs that run side by side on stderr.
pub struct Progress {
    quiet: bool,
    running: Mutex<Vec<Running>>,
    /// When a progress line was last written; nested jobs share it.
    shown: Mutex<Instant>,
    /// Tests that passed, as reported by the runners.
    passed: AtomicUsize,
}

struct Running {
    name: &'static str,
    since: Instant,
    says: String,
}

impl Progress {
    /// `quiet`: show nothing but failures.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            running: Mutex::default(),
            shown: Mutex::new(Instant::now()),
            passed: AtomicUsize::new(0),
        }
    }

    /// How many tests passed so far, over all runners.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }

    /// Runs the jobs side by side and waits for all of them; the first failure is the result.
    pub fn side_by_side(&self, jobs: Vec<(&'static str, Job<'_>)>) -> Result<()> {
        thread::scope(|scope| {
            let started = Instant::now();
            let mut threads = Vec::new();
            for (name, job) in jobs {
                // The thread's name shows `run` to which job a line of output belongs.
                let thread = thread::Builder::new().name(name.to_owned());
                threads.push(thread.spawn_scoped(scope, move || self.one(name, job))?);
            }
            while !self.quiet && threads.iter().any(|thread| !thread.is_finished()) {
                thread::park_timeout(if started.elapsed() < REDRAW {
                    Duration::from_millis(10)
                } else {
                    REDRAW
                });
                self.show();
            }
            let mut outcome = Ok(());
            for thread in threads {
                let result = thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("a job ended in a panic")));
                outcome = outcome.and(result);
            }
            outcome
        })
    }

    /// Runs a command to its end; its output is shown only if it fails.
    pub fn run(&self, command: Command) -> Result<()> {
        self.run_and_keep(command).map(drop)
    }

    /// Runs a command to its end, and prints the table that it ends with: its lines that begin with `|`.
    pub fn run_for_table(&self, command: Command) -> Result<()> {
        let said = self.run_and_keep(command)?;
        self.clear();
        for line in String::from_utf8_lossy(&said).lines() {
            if line.starts_with('|') {
                println!("{line}");
            }
        }
        Ok(())
    }

    fn run_and_keep(&self, mut command: Command) -> Result<Vec<u8>> {
        let said = Mutex::new(Vec::new());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", shown(&command)))?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let job = thread::current().name().map(str::to_owned);
        thread::scope(|scope| {
            scope.spawn(|| self.read(stdout, &said, job.as_deref()));
            self.read(stderr, &said, job.as_deref());
        });
        let status = child.wait()?;
        let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
        if status.success() {
            return Ok(said);
        }
        self.clear();
        let mut stderr = std::io::stderr().lock();
        stderr.write_all(&said).and_then(|()| stderr.flush())?;
        drop(stderr);
        bail!("{status}: {}", shown(&command))
    }

    fn one(&self, name: &'static str, job: Job<'_>) -> Result<()> {
        let since = Instant::now();
        self.list(|running| {
            running.push(Running {
                name,
                since,
                says: String::new(),
            });
        });
        let outcome = job();
        self.list(|running| running.retain(|other| other.name != name));
        let took = since.elapsed();
        if !self.quiet && took > Duration::from_secs(1) {
            self.clear();
            let ends = if outcome.is_ok() { "ready" } else { "failed" };
            eprintln!("{:>6.1} s  {name}: {ends}", took.as_secs_f64());
        }
        outcome
    }

    fn read(&self, pipe: Option<impl Read>, said: &Mutex<Vec<u8>>, job: Option<&str>) {
        let Some(pipe) = pipe else { return };
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            let text = String::from_utf8_lossy(&line).trim().to_owned();
            said.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut line);
            if text.is_empty() {
                continue;
            }
            self.passed.fetch_add(passed_in(&text), Ordering::Relaxed);
            self.list(|running| {
                for other in running {
                    if Some(other.name) == job {
                        other.says.clone_from(&text);
                    }
                }
            });
        }
    }

    fn list<T>(&self, change: impl FnOnce(&mut Vec<Running>) -> T) -> T {
        change(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn show(&self) {
        if std::io::stderr().is_terminal() {
            let line = self.list(|running| line_of(running));
            eprint!("\r\x1b[K{line}");
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.elapsed() > HEARTBEAT {
            *shown = Instant::now();
            eprintln!("{}", self.list(|running| line_of(running)));
        }
    }

    fn clear(&self) {
        if !self.quiet && std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}

/// A job to run in parallel.
pub type Job<'a> = Box<dyn FnOnce() -> Result<()> + Send + 'a>;

fn line_of(running: &[Running]) -> String {
    let room = 96 / running.len().max(1);
    let parts = running.iter().map(|job| {
        let says: String = job.says.chars().take(room.saturating_sub(20)).collect();
        format!(
            "{:>4} s {}: {says}",
            job.since.elapsed().as_secs(),
            job.name
        )
    });
    parts.collect::<Vec<_>>().join(" | ")
}

/// How many passed tests a line of a runner's summary counts: cargo's `test result: ok. 3 passed; …`,
/// pytest's `3 passed in …`, node's `ℹ pass 3`, vitest's `Tests  3 passed`.
fn passed_in(line: &str) -> usize {
    let plain: String = strip_colours(line);
    let words: Vec<&str> = plain.split_whitespace().collect();
    let number = |at: usize| {
        words
            .get(at)
            .and_then(|word| word.parse().ok())
            .unwrap_or(0)
    };
    match words.as_slice() {
        ["test", "result:", _, _, "passed;", ..] => number(3),
        ["Tests", _, "passed", ..] => number(1),
        ["ℹ" | "#", "pass", _] => number(2),
        _ => words
            .windows(2)
            .position(|pair| pair == ["passed", "in"])
            .and_then(|at| at.checked_sub(1))
            .map_or(0, number),
    }
}

/// The text without terminal colours (`ESC [ … m`).
fn strip_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

/// A command as it would be typed.
pub fn shown(command: &Command) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy();
        if word.is_empty() || word.contains([' ', '"', '\'', '$', '*']) {
            format!("'{}'", word.replace('\'', r"'\''"))
        } else {
            word.into_owned()
        }
    };
    let program = command.get_program().to_string_lossy();
    // The toolchain's own path does not help to repeat the command.
    let program = if program.ends_with("/cargo") {
        "cargo"
    } else {
        &program
    };
    std::iter::once(program.to_owned())
        .chain(command.get_args().map(quoted))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn passed_tests_are_counted_from_every_runner() {
        for (line, count) in [
            (
                "test result: ok. 68 passed; 0 failed; 0 ignored; 0 measured",
                68,
            ),
            ("============ 15 passed in 3.20s ============", 15),
            ("\x1b[32m15 passed\x1b[0m in 3.20s", 15),
            ("ℹ pass 12", 12),
            (
                "\x1b[2m      Tests \x1b[22m \x1b[1m\x1b[32m35 passed\x1b[39m\x1b[22m\x1b[90m (35)",
                35,
            ),
            ("passed in silence", 0),
            ("test a::b ... ok", 0),
        ] {
            assert_eq!(passed_in(line), count, "{line:?}");
        }
    }

    #[test]
    fn a_failing_command_is_named_as_it_would_be_typed() {
        let error = Progress::new(true).run(shell("exit 3")).unwrap_err();
        assert_eq!(error.to_string(), "exit status: 3: sh -c 'exit 3'");
    }

    #[test]
    fn one_failure_among_several_jobs_is_the_result_and_the_others_finish() {
        let progress = Progress::new(true);
        let finished = Mutex::new(false);
        let result = progress.side_by_side(vec![
            ("bad", Box::new(|| progress.run(shell("exit 1")))),
            (
                "good",
                Box::new(|| {
                    progress.run(shell("exit 0"))?;
                    *finished.lock().unwrap() = true;
                    Ok(())
                }),
            ),
        ]);
        assert!(
            result
                .unwrap_err()
                .to_string()
                .starts_with("exit status: 1")
        );
        assert!(*finished.lock().unwrap());
    }

    #[test]
    fn much_output_on_both_pipes_does_not_block() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo $i-out-out-out-out-out-out; echo $i-err-err-err-err >&2; i=$((i+1)); done";
        Progress::new(true).run(shell(script)).unwrap();
    }
}
