//! Runs child processes, several at a time, and shows how far they are.
//!
//! Owns their output: a job that succeeds shows only its progress, one that fails shows all it said.
//! Decides nothing about what to run.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often a terminal's line is drawn anew.
const REDRAW: Duration = Duration::from_millis(200);
/// How often somebody who reads a log is told that it goes on.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Shows the progress of jobs that run side by side on stderr.
pub struct Progress {
    quiet: bool,
    running: Mutex<Vec<Running>>,
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
        }
    }

    /// Runs the jobs side by side and waits for all of them; the first failure is the result.
    pub fn side_by_side(&self, jobs: Vec<(&'static str, Job<'_>)>) -> Result<()> {
        thread::scope(|scope| {
            let started = Instant::now();
            let mut threads = Vec::new();
            for (name, job) in jobs {
                // The thread's name tells `run` whose progress a line of output is.
                let thread = thread::Builder::new().name(name.to_owned());
                threads.push(thread.spawn_scoped(scope, move || self.one(name, job))?);
            }
            let mut shown = Instant::now();
            while !self.quiet && threads.iter().any(|thread| !thread.is_finished()) {
                thread::park_timeout(if started.elapsed() < REDRAW {
                    Duration::from_millis(10)
                } else {
                    REDRAW
                });
                self.show(&mut shown);
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
    pub fn run(&self, mut command: Command) -> Result<()> {
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
        if status.success() {
            return Ok(());
        }
        let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
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

    fn show(&self, shown: &mut Instant) {
        if std::io::stderr().is_terminal() {
            let line = self.list(|running| line_of(running));
            eprint!("\r\x1b[K{line}");
        } else if shown.elapsed() > HEARTBEAT {
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

/// Something to do beside others.
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
    // The toolchain's own path says nothing to who wants to type the command again.
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
