//! The threads that serve: one per core, each with a runtime, sockets, an instance of the gateway and connections to
//! upstreams of its own. Owns their start and their end; when they end is `process`'s.

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use gateway_core::app::App;
use host_io::dial::Dialer;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

use crate::environment::Environment;
use crate::panel::panel;
use crate::ports::{NativePorts, Shared};
use crate::serve;
use crate::upstream::Pool;

/// Time for requests in flight when the process stops.
pub const GRACE: Duration = Duration::from_secs(10);
/// Time for work after responses, such as writing batches.
const LAST_WORK: Duration = Duration::from_secs(2);

/// What every thread gets.
#[derive(Clone)]
pub struct Site {
    /// Store and database.
    pub shared: Shared,
    /// Makes connections to upstreams.
    pub dialer: Dialer,
    /// The variables.
    pub environment: Environment,
    /// TLS for clients.
    pub tls: Option<TlsAcceptor>,
    /// Set when the process stops, also by a thread that fails: how long requests in flight may take.
    pub stop: watch::Sender<Option<Duration>>,
}

/// The threads.
pub struct Threads(Vec<JoinHandle<Result<()>>>);

impl Threads {
    /// Starts one for each share of the sockets and waits until all of them serve.
    pub fn start(site: &Site, shares: Vec<Vec<TcpListener>>) -> Result<Self> {
        let (ready, serving) = mpsc::channel();
        let count = shares.len();
        let mut threads = Vec::new();
        for (number, listeners) in shares.into_iter().enumerate() {
            let (site, ready) = (site.clone(), ready.clone());
            let builder = thread::Builder::new().name(format!("serve-{number}"));
            threads.push(builder.spawn(move || {
                let stop = site.stop.clone();
                let served = serve(site, listeners, ready);
                // Without this thread the others would serve a part of the connections only.
                stop.send_if_modified(|grace| {
                    let is_new = grace.is_none();
                    grace.get_or_insert(GRACE);
                    is_new
                });
                served
            })?);
        }
        drop(ready);
        let threads = Self(threads);
        if serving.iter().count() < count {
            threads.join()?;
            return Err(anyhow!("a thread did not start"));
        }
        Ok(threads)
    }

    /// Waits for their end.
    pub fn join(self) -> Result<()> {
        let ends: Vec<_> = self.0.into_iter().map(JoinHandle::join).collect();
        for end in ends {
            end.map_err(|_| anyhow!("a thread ended in a panic"))??;
        }
        Ok(())
    }
}

/// A runtime for the thread that it is made on.
pub fn current_thread() -> Result<Runtime> {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")
}

fn serve(site: Site, listeners: Vec<TcpListener>, ready: mpsc::Sender<()>) -> Result<()> {
    let runtime = current_thread()?;
    let served = LocalSet::new().block_on(&runtime, async move {
        let ports = NativePorts::new(site.shared, Pool::new(site.dialer));
        let app = App::new(ports.clone(), ports.clone(), site.environment).with_panel(panel);
        // A failure is answered and retried with the first request.
        let _ = app.start().await;
        // The receiver waits for all threads.
        let _ = ready.send(());
        drop(ready);
        let served = serve::serve(listeners, site.tls, app, site.stop.subscribe()).await;
        let _ = tokio::time::timeout(LAST_WORK, ports.is_idle()).await;
        served
    });
    // What is still blocked on a lookup is not waited for.
    runtime.shutdown_background();
    served
}
