//! A scripted upstream: a real HTTP/1.1 server on the loopback that speaks the `OpenAI` API and breaks on command. Owns
//! listening, the script and the record of its requests; knows nothing of the gateway.
//!
//! Without a script it answers every request sensibly, echoing the model. Rules change that per path,
//! API key and model, from Rust ([`Upstream::rule`]) or over HTTP:
//!
//! | call | does |
//! |---|---|
//! | `POST /__script` | adds a [`Rule`], or an array of them |
//! | `GET /__log` | `{"data": [`[`Record`]`]}` |
//! | `POST /__reset` | forgets rules and records |

mod answers;
mod body;
mod broken;
mod connection;
mod log;
mod script;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use answers::Pace;
pub use broken::{Refusing, Unaccepting};
pub use log::Record;
pub use script::{Action, Chunk, End, Rule};

use log::Log;
use script::Script;

/// How a scripted upstream behaves as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether requests are recorded. Off for benchmarks: the record grows without bound.
    pub log: bool,
    /// The shape of streams that no rule describes.
    pub pace: Pace,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log: true,
            pace: Pace::default(),
        }
    }
}

/// Answers a request that no rule is for; `None`: as usual.
type Respond = dyn Fn(&Record) -> Option<Action> + Send + Sync;

/// What the server's tasks share.
struct Shared {
    script: Script,
    respond: OnceLock<Box<Respond>>,
    log: Log,
    options: Options,
}

impl Shared {
    fn new(options: Options) -> Self {
        Self {
            script: Script::default(),
            respond: OnceLock::new(),
            log: Log::default(),
            options,
        }
    }
}

/// A running scripted upstream; dropping it closes its socket and its connections.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts one with default options on a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Options::default())
    }

    /// Starts one on a free port of 127.0.0.1, on its own thread, so that a busy test never disturbs its timing.
    pub fn start_with(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::new(options));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("scripted-upstream".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = serve::listen(listener, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL as it is given to an `OpenAI` SDK, ending in `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The URL of the server's root, without a trailing slash.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a rule. Rules with a limited number of uses come first, oldest first; then permanent ones, newest first.
    pub fn rule(&self, rule: Rule) {
        self.shared.script.add(rule);
    }

    /// Lets a function answer what no rule is for, such as a model that reads the conversation. The first function stays.
    pub fn respond(&self, respond: impl Fn(&Record) -> Option<Action> + Send + Sync + 'static) {
        self.shared.respond.get_or_init(|| Box::new(respond));
    }

    /// Removes all rules and records.
    pub fn reset(&self) {
        self.shared.script.clear();
        self.shared.log.clear();
    }

    /// The requests so far, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.shared.log.records()
    }

    /// The requests that carried this API key, oldest first.
    pub fn records_of(&self, key: &str) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.key.as_deref() == Some(key));
        records
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread has been printed already.
            drop(thread.join());
        }
    }
}

/// Serves on `listener`, which must be non-blocking, until the task is dropped: for the binary.
pub async fn serve(listener: TcpListener, options: Options) -> io::Result<()> {
    serve::listen(listener, Arc::new(Shared::new(options))).await
}
