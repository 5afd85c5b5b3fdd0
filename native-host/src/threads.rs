//! The threads that serve: one per core, each with a runtime, a listener, an instance of the gateway and connections to
//! upstreams of its own. Owns the start, the signals and the stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use gateway_core::app::App;
use host_io::dial::{self, Dialer};
use host_io::state_dir::StateDir;
use host_io::store;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::database::{self, Database};
use crate::options::Options;
use crate::panel::panel;
use crate::ports::{Environment, NativePorts, Shared};
use crate::serve;
use crate::upstream::Pool;

/// Connections that wait to be accepted, per thread.
const BACKLOG: u32 = 1024;
/// Time for streams in flight when the process stops.
const GRACE: Duration = Duration::from_secs(10);
/// Time for work after responses, such as writing batches.
const LAST_WORK: Duration = Duration::from_secs(2);
/// Bodies of requests in memory, per thread.
const BODIES_BYTES: usize = 256 << 20;

/// Serves until a signal; a second one ends the process at once.
pub fn run(options: &Options) -> Result<()> {
    let state = StateDir::open(&options.state)?;
    let records = store::Database::open(&state.database())?;
    let ledger = state.folder().join("sqlite_db.db");
    let shared = Shared {
        store: records.store(crate::ports::LABEL),
        database: Database::start(&ledger)?,
    };
    let dialer = Dialer::new(dial::roots()?)?;
    let count = match options.threads {
        Some(count) => count,
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let runtime = current_thread()?;
    let first = runtime.block_on(async { listen(options.listen) })?;
    let local = first.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        let mut listeners = vec![first.into_std()?];
        for _ in 1..count {
            let listener = runtime.block_on(async { listen(local) })?;
            listeners.push(listener.into_std()?);
        }
        for (number, listener) in listeners.into_iter().enumerate() {
            let (shared, dialer) = (shared.clone(), dialer.clone());
            let stopping = stopping.clone();
            let builder = thread::Builder::new().name(format!("serve-{number}"));
            let run = move || serve_on_thread(listener, shared, dialer, local, stopping);
            threads.push(builder.spawn_scoped(scope, run)?);
        }
        announce(&options.ready_message.replace("{addr}", &local.to_string()))?;
        runtime.block_on(signals(&stop))?;
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow!("a thread ended in a panic"))??;
        }
        Ok(())
    })?;
    records.checkpoint()?;
    database::checkpoint(&ledger)
}

fn current_thread() -> Result<Runtime> {
    Ok(runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A socket that several threads have each of their own, so that the kernel spreads connections over them.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket
        .bind(address)
        .and_then(|()| socket.listen(BACKLOG))
        .with_context(|| {
            format!("cannot listen on {address}: name another address with --listen")
        })
}

fn serve_on_thread(
    listener: std::net::TcpListener,
    shared: Shared,
    dialer: Dialer,
    local: SocketAddr,
    mut stopping: watch::Receiver<bool>,
) -> Result<()> {
    let runtime = current_thread()?;
    let served = LocalSet::new().block_on(&runtime, async move {
        let ports = NativePorts::new(shared, Pool::new(dialer));
        let app = App::new(ports.clone(), ports.clone(), Environment)
            .with_memory(BODIES_BYTES)
            .with_panel(panel);
        // A failure is logged and retried with the first request.
        let _ = app.start().await;
        let listener = TcpListener::from_std(listener)?;
        let stop = async {
            // The sender outlives every thread.
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
        };
        serve::serve(listener, app, local, GRACE, stop).await;
        let _ = tokio::time::timeout(LAST_WORK, ports.is_idle()).await;
        Ok(())
    });
    // What is still blocked on a lookup is not waited for.
    runtime.shutdown_background();
    served
}

/// The only line on standard output.
fn announce(message: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{message}")?;
    stdout.flush()?;
    Ok(())
}

/// Asks the threads to stop at the first signal. At the second the process ends at once.
async fn signals(stop: &watch::Sender<bool>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    eprintln!("ai-gateway: stopping");
    stop.send_replace(true);
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
        eprintln!("ai-gateway: stopping at once");
        std::process::exit(1);
    });
    Ok(())
}
