//! The process: its start, its signals, the files that it watches, and its end. Serving is `threads`'.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use gateway_core::config::seal::{MasterKey, MasterKeyError, MasterKeyResult};
use gateway_core::config::startup;
use gateway_core::logging::LogPolicy;
use gateway_core::ports::{Log as _, Variable};
use host_io::dial::{self, Dialer};
use host_io::fault::Fault;
use host_io::state_dir::StateDir;
use host_io::{data, sqlite_file};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::database::Database;
use crate::environment::{self, Environment};
use crate::files::Watched;
use crate::handover::{Inheritance, MAX_SOCKETS, Successor};
use crate::logs;
use crate::notify::notify;
use crate::options::Options;
use crate::ports::{LABEL, NativePorts, Shared};
use crate::sockets;
use crate::threads::{GRACE, Site, Threads, current_thread};
use crate::tls::Certificate;
use crate::upstream::Pool;

/// Time for requests in flight when another process has taken over. It is long: no supervisor waits for the end of this one.
const GRACE_PASSED_ON: Duration = Duration::from_mins(10);
/// How often watched files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Serves until a signal; a second one ends the process at once.
pub fn run(options: &Options) -> Result<()> {
    let environment = Environment::new(options);
    logs::init(environment.logs_json());
    raise_file_limit();
    let (state, listeners, inheritance) = sockets_and_state(options)?;
    let data = data::open(&state)?;
    if let Some(set_aside) = &data.set_aside {
        logs::note(format_args!("error: {set_aside}"));
    }
    let records = data
        .store
        .failing(fault(options.fault_store.as_deref(), &state)?);
    let ledger = state.sqlite();
    let database_fault = fault(options.fault_sqlite.as_deref(), &state)?;
    let (stop, stopping) = watch::channel(None);
    let reloaded = Reloaded::new(options)?;
    let site = Site {
        shared: Shared {
            store: records.store(LABEL),
            database: Database::start(&ledger, database_fault)?,
            allowed: Arc::new(environment::allowed_hosts()?),
        },
        dialer: Dialer::new(dial::roots()?)?,
        tls: reloaded
            .certificate
            .as_ref()
            .map(Certificate::acceptor)
            .transpose()?,
        environment,
        stop,
    };
    let runtime = current_thread()?;
    // Before anybody is told that it serves: a signal must not end it then.
    let signals = runtime.block_on(async { Signals::new() })?;
    let successor = Arc::new(Successor::prepare(state.lock()?, &listeners)?);
    let address = listeners[0].local_addr()?;
    let shares = sockets::divide(listeners, threads(options))?;
    let threads = Threads::start(&site, shares)?;
    let scheme = if site.tls.is_some() { "https" } else { "http" };
    let ready = options.ready_message.replace("{scheme}", scheme);
    announce(&ready.replace("{addr}", &address.to_string()))?;
    notify("READY=1");
    if let Some(mut inheritance) = inheritance {
        inheritance.is_serving()?;
    }
    let supervisor = Supervisor {
        signals,
        reloaded,
        successor,
        stopping,
    };
    let end = runtime.block_on(supervisor.supervise(&site));
    // What is passed on is not waited for.
    runtime.shutdown_background();
    site.stop.send_replace(Some(match end {
        End::Stopped => GRACE,
        End::PassedOn => GRACE_PASSED_ON,
    }));
    threads.join()?;
    if end == End::PassedOn {
        // The successor writes to the same files.
        return Ok(());
    }
    records.checkpoint()?;
    sqlite_file::checkpoint(&ledger)
}

/// The state directory, held, and the sockets: those of the predecessor, of systemd, or new ones.
fn sockets_and_state(
    options: &Options,
) -> Result<(StateDir, Vec<TcpListener>, Option<Inheritance>)> {
    if let Some(mut inheritance) = Inheritance::take()? {
        let lock = inheritance.lock.try_clone()?;
        let state = StateDir::inherit(&options.state, lock)?;
        let listeners = std::mem::take(&mut inheritance.listeners);
        return Ok((state, listeners, Some(inheritance)));
    }
    let state = StateDir::open(&options.state)?;
    let listeners = match sockets::of_systemd()? {
        Some(listeners) => listeners,
        None => sockets::bind_all(options.listen, threads(options))?,
    };
    Ok((state, listeners, None))
}

fn threads(options: &Options) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    options.threads.unwrap_or_else(cores).min(MAX_SOCKETS)
}

fn fault(option: Option<&str>, state: &StateDir) -> Result<Option<Fault>> {
    option
        .map(|text| Fault::parse(text, state.folder()))
        .transpose()
}

/// Every request may need two sockets, and the usual limit of 1024 files is soon used up.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        logs::note(format_args!(
            "the limit of open files stays at {:?}: {error}",
            limit.current
        ));
    }
}

/// The only line on standard output.
fn announce(message: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{message}")?;
    stdout.flush()?;
    Ok(())
}

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A signal, or a thread that failed.
    Stopped,
    /// Another process serves.
    PassedOn,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    pass_on: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            pass_on: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Waits for signals and changed files.
struct Supervisor {
    signals: Signals,
    reloaded: Reloaded,
    successor: Arc<Successor>,
    stopping: watch::Receiver<Option<Duration>>,
}

impl Supervisor {
    async fn supervise(mut self, site: &Site) -> End {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            tokio::select! {
                _ = self.signals.terminate.recv() => break End::Stopped,
                _ = self.signals.interrupt.recv() => break End::Stopped,
                _ = self.stopping.wait_for(Option::is_some) => break End::Stopped,
                _ = self.signals.hang_up.recv() => self.reloaded.reload(site, true).await,
                _ = looks.tick() => self.reloaded.reload(site, false).await,
                _ = self.signals.pass_on.recv() => {
                    tokio::select! {
                        is_passed_on = pass_on(&self.successor) => if is_passed_on {
                            break End::PassedOn;
                        },
                        _ = self.signals.terminate.recv() => break End::Stopped,
                        _ = self.signals.interrupt.recv() => break End::Stopped,
                    }
                }
            }
        };
        if end == End::Stopped {
            notify("STOPPING=1");
        }
        logs::note(format_args!("stopping"));
        let Signals {
            terminate,
            interrupt,
            ..
        } = self.signals;
        at_second_signal(terminate, interrupt);
        end
    }
}

/// Whether another process has taken over.
async fn pass_on(successor: &Arc<Successor>) -> bool {
    logs::note(format_args!("a new process takes over"));
    let successor = Arc::clone(successor);
    let started = tokio::task::spawn_blocking(move || successor.start()).await;
    match started.map_err(Into::into).and_then(std::convert::identity) {
        Ok(process) => {
            notify(&format!("MAINPID={process}"));
            logs::note(format_args!("process {process} has taken over"));
            true
        }
        Err(error) => {
            logs::note(format_args!(
                "error: the restart failed, this process goes on: {error:#}"
            ));
            false
        }
    }
}

/// Ends the process at once at a further signal.
fn at_second_signal(mut terminate: Signal, mut interrupt: Signal) {
    thread::spawn(move || {
        let Ok(runtime) = current_thread() else {
            return;
        };
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        logs::note(format_args!("stopping at once"));
        std::process::exit(1);
    });
}

/// What is read again while the process runs.
struct Reloaded {
    certificate: Option<Certificate>,
    config: Option<Watched>,
    /// The store did not answer.
    is_due: bool,
}

impl Reloaded {
    fn new(options: &Options) -> Result<Self> {
        let certificate = match (&options.tls_cert, &options.tls_key) {
            (Some(certificate), Some(key)) => Some(Certificate::read(certificate, key)?),
            _ => None,
        };
        if let Some(path) = &options.config {
            std::fs::metadata(path).with_context(|| format!("--config {}", path.display()))?;
        }
        Ok(Self {
            certificate,
            config: options.config.as_deref().map(|path| Watched::new(&[path])),
            is_due: false,
        })
    }

    async fn reload(&mut self, site: &Site, is_requested: bool) {
        if let Some(certificate) = &mut self.certificate
            && (certificate.has_changed() || is_requested)
        {
            match certificate.reload() {
                Ok(()) => logs::note(format_args!("the certificate was read again")),
                Err(error) => logs::note(format_args!(
                    "error: the certificate in use stays: {error:#}"
                )),
            }
        }
        if let Some(config) = &mut self.config
            && (config.have_changed() || is_requested || self.is_due)
        {
            self.is_due = !apply(site).await;
        }
    }
}

/// Applies the configuration's file; whether that is final. Problems are logged, and what is stored stays in force.
async fn apply(site: &Site) -> bool {
    let value = |variable| site.environment.value(variable);
    let ports = NativePorts::new(site.shared.clone(), Pool::new(site.dialer.clone()));
    ports.set_policy(log_policy(&site.environment));
    let master = value(Variable::MasterKey).map(|text| master_key(&text.unwrap_or_default()));
    match (value(Variable::Config), master) {
        (Ok(Some(text)), Ok(master)) if !text.trim().is_empty() => {
            startup::apply(&ports, &text, master.as_ref().map(Option::as_ref)).await
        }
        (Err(error), _) | (_, Err(error)) => {
            logs::note(format_args!(
                "error: the configuration in force stays: {error}"
            ));
            true
        }
        _ => true,
    }
}

fn master_key(text: &str) -> MasterKeyResult {
    MasterKey::parse(text).map_err(MasterKeyError::Invalid)
}

fn log_policy(environment: &Environment) -> LogPolicy {
    let text = environment.value(Variable::Log).ok().flatten();
    LogPolicy::parse(&text.unwrap_or_default()).unwrap_or_default()
}
