//! The gateway as a process. Owns the process, its state directory and its log; the command lines of hosts are in `hosts`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::hosts::command;
use crate::workspace_root;

/// The admin password that a gateway gets unless its setup says otherwise.
pub const PASSWORD: &str = "correct horse battery staple";

/// A start compiles the components when no compiled form of them is there yet, on busy cores.
const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// What the gateway runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The components on the local host.
    Local,
    /// The Cloudflare Worker in workerd, through miniflare.
    Workerd,
    /// The core on fakes, with real connections.
    Fakes,
    /// The native host.
    Native,
}

impl Host {
    /// The host of tests that do not name one: the local host, unless the environment says `GATEWAY_TEST_HOST=native`.
    pub fn chosen() -> Self {
        match std::env::var("GATEWAY_TEST_HOST") {
            Ok(name) if name == "native" => Self::Native,
            _ => Self::Local,
        }
    }

    /// Within which a change of the configuration is in force there. The Worker's store is far: 5 s, and some for the request
    /// that finds out.
    pub const fn in_force(self) -> Duration {
        match self {
            Self::Workerd => Duration::from_millis(5_500),
            Self::Local | Self::Fakes | Self::Native => crate::IN_FORCE,
        }
    }
}

/// How a gateway is started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it runs on.
    pub host: Host,
    /// Spin variables, by their lower-case names.
    pub variables: Vec<(String, String)>,
    /// The state directory; `None`: a new one that goes with the gateway.
    pub state: Option<PathBuf>,
    /// Further options of the local host or the native host; other hosts have none.
    pub options: Vec<String>,
    /// The native host's program, if it is not the one that was built.
    pub program: Option<PathBuf>,
    /// A socket that the native host gets as systemd would pass it on.
    pub socket: Option<Arc<TcpListener>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::with_password(PASSWORD)
    }
}

impl Setup {
    /// A setup with this admin password; an empty one disables the admin.
    pub fn with_password(password: &str) -> Self {
        Self {
            host: Host::chosen(),
            variables: vec![
                ("admin_password".to_owned(), password.to_owned()),
                // Tests read it; a later variable of this name replaces it.
                ("log".to_owned(), "all".to_owned()),
            ],
            state: None,
            options: Vec::new(),
            program: None,
            socket: None,
        }
    }

    /// The same on another host.
    #[must_use]
    pub const fn on(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// The same with one more option of the local host or the native host, and its value.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// The same with a local host that counts calls between components and host; see [`Gateway::calls`].
    #[must_use]
    pub fn counting_calls(mut self) -> Self {
        self.options.push("--count-calls".to_owned());
        self
    }

    /// The same on a state directory that outlives the gateway.
    #[must_use]
    pub fn state(mut self, path: &Path) -> Self {
        self.state = Some(path.to_owned());
        self
    }

    /// The same with one more variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running gateway. Dropping it kills it and prints its log, which the test harness shows when the
/// test fails.
pub struct Gateway {
    host: Host,
    child: Child,
    address: SocketAddr,
    twin: SocketAddr,
    log: Arc<Mutex<String>>,
    state: PathBuf,
    readers: Vec<JoinHandle<()>>,
    shows_log: bool,
    _owned_state: Option<TempDir>,
}

impl Gateway {
    /// Starts one and waits until it serves.
    pub fn start(setup: &Setup) -> Result<Self> {
        let owned_state = match &setup.state {
            Some(_) => None,
            None => Some(
                tempfile::Builder::new()
                    .prefix("gateway-tests-")
                    .tempdir()?,
            ),
        };
        let state = match (&setup.state, &owned_state) {
            (Some(path), _) => path.clone(),
            (None, Some(directory)) => directory.path().to_owned(),
            (None, None) => bail!("a gateway needs a state directory"),
        };
        share_cache(&state)?;
        let mut child = command(setup, &state)?
            .spawn()
            .context("starting the host")?;
        let log = Arc::new(Mutex::new(String::new()));
        let mut readers = Vec::new();
        if let Some(errors) = child.stderr.take() {
            readers.push(follow(errors, Arc::clone(&log), None));
        }
        let (ready, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            readers.push(follow(output, Arc::clone(&log), Some(ready)));
        }
        match wait_until_ready(&lines) {
            Ok((address, twin)) => Ok(Self {
                host: setup.host,
                child,
                address,
                twin,
                log,
                state,
                readers,
                shows_log: true,
                _owned_state: owned_state,
            }),
            Err(error) => {
                drop(child.kill());
                drop(child.wait());
                let log = log.lock().unwrap_or_else(PoisonError::into_inner);
                Err(error.context(format!(
                    "the host did not start (`cargo xtask test` builds what it needs):\n{log}"
                )))
            }
        }
    }

    /// Runs one to its end, for starts that have to fail: whether it succeeded, and all it printed.
    pub fn run_to_end(setup: &Setup, state: &Path) -> Result<(bool, String)> {
        let mut child = command(setup, state)?.spawn()?;
        let log = Arc::new(Mutex::new(String::new()));
        let readers = [
            child
                .stderr
                .take()
                .map(|stream| follow(stream, Arc::clone(&log), None)),
            child
                .stdout
                .take()
                .map(|stream| follow(stream, Arc::clone(&log), None)),
        ];
        let status = wait(&mut child, START_LIMIT)?;
        for reader in readers.into_iter().flatten() {
            drop(reader.join());
        }
        let text = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok((status, text))
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it runs on.
    pub const fn host(&self) -> Host {
        self.host
    }

    /// The same at another instance, which shares the store and no memory; on hosts with one address every request may
    /// meet another instance.
    pub fn twin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.twin)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The calls between components and host since the last time, by name. Only for one that counts them.
    pub fn calls(&self) -> Result<BTreeMap<String, u64>> {
        let begin = self.log().len();
        self.signal(Signal::USR1)?;
        let deadline = Instant::now() + STOP_LIMIT;
        loop {
            let log = self.log();
            let new = log.get(begin..).unwrap_or_default();
            if new.lines().any(|line| line.ends_with(" in all")) {
                return Ok(new.lines().filter_map(counted_call).collect());
            }
            ensure!(Instant::now() < deadline, "the calls are not printed");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The process that serves: on the native host it may be a successor of the one that was started.
    pub fn process(&self) -> Result<Pid> {
        let child = i32::try_from(self.child.id()).ok();
        let lock = std::fs::read_to_string(self.state.join("lock")).unwrap_or_default();
        let holder = lock.trim().parse().ok();
        let process = holder.or(child).and_then(Pid::from_raw);
        process.context("the process has an id")
    }

    /// Sends a signal to the process that serves.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.process()?, signal)?)
    }

    /// Keeps its log from being printed when it is dropped.
    pub const fn hide_log(&mut self) {
        self.shows_log = false;
    }

    /// Asks it to stop (SIGTERM), waits for its end and returns all that it logged. Fails when it ends
    /// otherwise than with success.
    pub fn stop(mut self) -> Result<String> {
        self.signal(Signal::TERM)?;
        ensure!(
            wait(&mut self.child, STOP_LIMIT)?,
            "the host failed when it was stopped"
        );
        for reader in self.readers.drain(..) {
            // A panic of the reader has been printed already.
            drop(reader.join());
        }
        Ok(self.log())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A host with a child process ends it when its input is closed.
        if self.child.stdin.take().is_some() {
            drop(wait(&mut self.child, STOP_LIMIT));
        }
        // They may have ended already; then these do nothing.
        if let Ok(process) = self.process()
            && i32::try_from(self.child.id()) != Ok(process.as_raw_nonzero().get())
        {
            kill_process(process, Signal::KILL).ok();
        }
        drop(self.child.kill());
        drop(self.child.wait());
        if self.shows_log {
            println!(
                "--- log of the gateway at {}\n{}---",
                self.address,
                self.log()
            );
        }
    }
}

/// One line of the counted calls: how often what was called.
fn counted_call(line: &str) -> Option<(String, u64)> {
    let (count, name) = line.strip_prefix("calls: ")?.split_once(' ')?;
    let is_sum = name == "in all";
    Some((name.to_owned(), count.parse().ok()?)).filter(|_| !is_sum)
}

/// Compiled components are shared by all state directories, since compiling takes longer than most tests;
/// they are keyed by content, so sharing changes nothing else.
fn share_cache(state: &Path) -> Result<()> {
    let cache = workspace_root().join("target/gateway-tests-cache");
    std::fs::create_dir_all(&cache)?;
    let link = state.join("cache");
    if !link.exists() {
        std::os::unix::fs::symlink(cache, link)?;
    }
    Ok(())
}

/// Copies a stream into the log, line by line, and to `lines` as long as there is a receiver.
fn follow(
    stream: impl Read + Send + 'static,
    log: Arc<Mutex<String>>,
    lines: Option<mpsc::Sender<String>>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream)
            .lines()
            .map_while(std::io::Result::ok)
        {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
            drop(log);
            if let Some(lines) = &lines {
                // The receiver is gone once the address is known.
                drop(lines.send(line));
            }
        }
    })
}

/// The address, and that of another instance where the host gives one.
fn wait_until_ready(lines: &mpsc::Receiver<String>) -> Result<(SocketAddr, SocketAddr)> {
    let start = Instant::now();
    loop {
        let left = START_LIMIT.saturating_sub(start.elapsed());
        let line = lines.recv_timeout(left).context("no ready message")?;
        if let Some(addresses) = line.strip_prefix("ready ") {
            let parse = |address: &str| address.parse().ok();
            let mut addresses = addresses.split_whitespace().map(parse);
            let first = addresses.next().flatten();
            let first = first.with_context(|| format!("address in {line:?}"))?;
            return Ok((first, addresses.next().flatten().unwrap_or(first)));
        }
    }
}

fn wait(child: &mut Child, limit: Duration) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(child.kill());
    drop(child.wait());
    bail!("the host did not end within {limit:?}")
}
