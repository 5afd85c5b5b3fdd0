//! Which connections of a thread are kept for further calls, and for how long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use gateway_core::ports::SendError;
use host_io::dial::Dialer;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Uri};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::failure;

/// An idle connection is closed after this: many servers (Node.js, uvicorn) close theirs after 5 s.
const IDLE: Duration = Duration::from_secs(4);
/// A connection is not used this much before the time that its server states, to allow for data in transit.
const MARGIN: Duration = Duration::from_secs(1);
/// How often connections that were idle for too long are closed.
const SWEEP: Duration = Duration::from_secs(1);
/// Idle connections that are kept per origin.
const MAX_IDLE: usize = 64;
/// Idle connections that are kept, of all origins.
const MAX_IDLE_ALL: usize = 1024;

/// Where a call goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Of a URL that is called.
    pub fn of(url: &Uri) -> Result<Self, SendError> {
        match (url.scheme(), url.authority()) {
            (Some(scheme), Some(authority)) => Ok(Self {
                scheme: scheme.clone(),
                authority: authority.clone(),
            }),
            _ => Err(failure::denied("the URL cannot be called")),
        }
    }

    fn url(&self) -> Result<Uri, SendError> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(PathAndQuery::from_static("/"))
            .build()
            .map_err(|_| failure::denied("the URL cannot be called"))
    }
}

/// The connections of a thread. Clones are the same pool.
#[derive(Clone)]
pub struct Pool(Rc<Shared>);

struct Shared {
    dialer: Dialer,
    idle: RefCell<Kept>,
}

#[derive(Default)]
struct Kept {
    by_origin: HashMap<Origin, Vec<Idle>>,
    /// Of all origins.
    count: usize,
    /// Whether a task closes what has been idle for too long; it ends when nothing is kept.
    is_swept: bool,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

impl Idle {
    fn is_usable(&self, now: Instant) -> bool {
        !self.connection.is_closed() && (self.until > now || self.connection.is_in_use())
    }
}

/// A connection in use. It goes back to the pool by [`Lease::give_back`] alone; dropped, it is closed, unless others use it.
pub struct Lease {
    connection: Connection,
    origin: Origin,
    kept_for: Duration,
    pool: Rc<Shared>,
}

impl Pool {
    /// An empty pool.
    pub fn new(dialer: Dialer) -> Self {
        Self(Rc::new(Shared {
            dialer,
            idle: RefCell::default(),
        }))
    }

    /// A connection that was kept: the one that was used last.
    pub fn take(&self, origin: &Origin) -> Option<Lease> {
        let connection = self.0.idle.borrow_mut().take(origin)?;
        Some(self.lease(connection, origin))
    }

    /// Closes the connections that are kept for an origin.
    pub fn forget(&self, origin: &Origin) {
        self.0.idle.borrow_mut().forget(origin);
    }

    /// A new connection.
    pub async fn connect(&self, origin: &Origin, within: Duration) -> Result<Lease, SendError> {
        let dial = async {
            let dialing = self.0.dialer.clone().dial(origin.url()?);
            let socket = dialing
                .await
                .map_err(|error| failure::of_connect(&*error))?;
            let begun = Connection::begin(socket).await;
            begun.map_err(|error| failure::of_exchange(&error))
        };
        let connection = timeout(within, dial)
            .await
            .map_err(|_| failure::not_connected())??;
        if let Some(shared) = connection.share() {
            self.0.keep(origin, shared, IDLE);
        }
        Ok(self.lease(connection, origin))
    }

    fn lease(&self, connection: Connection, origin: &Origin) -> Lease {
        Lease {
            connection,
            origin: origin.clone(),
            kept_for: IDLE,
            pool: Rc::clone(&self.0),
        }
    }
}

impl Kept {
    fn take(&mut self, origin: &Origin) -> Option<Connection> {
        let kept = self.by_origin.get_mut(origin)?;
        let now = Instant::now();
        for index in (0..kept.len()).rev() {
            let idle = &mut kept[index];
            if !idle.is_usable(now) {
                kept.remove(index);
                self.count -= 1;
            } else if idle.connection.is_http2() {
                if !idle.connection.is_busy() {
                    idle.until = now + IDLE;
                    return idle.connection.share();
                }
            } else if idle.connection.is_ready() {
                self.count -= 1;
                return Some(kept.remove(index).connection);
            }
        }
        None
    }

    fn forget(&mut self, origin: &Origin) {
        if let Some(kept) = self.by_origin.remove(origin) {
            self.count -= kept.len();
        }
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        self.by_origin.retain(|_, kept| {
            kept.retain(|idle| idle.is_usable(now));
            !kept.is_empty()
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
    }
}

impl Shared {
    fn keep(self: &Rc<Self>, origin: &Origin, connection: Connection, kept_for: Duration) {
        if connection.is_closed() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.count >= MAX_IDLE_ALL {
            return;
        }
        let until = Instant::now() + kept_for;
        let kept = match idle.by_origin.get_mut(origin) {
            Some(kept) => kept,
            None => idle.by_origin.entry(origin.clone()).or_default(),
        };
        if kept.len() >= MAX_IDLE {
            return;
        }
        kept.push(Idle { connection, until });
        idle.count += 1;
        if !std::mem::replace(&mut idle.is_swept, true) {
            spawn_local(sweep(Rc::downgrade(self)));
        }
    }
}

/// Closes what has been idle for too long, until nothing is kept or the pool has gone.
async fn sweep(pool: Weak<Shared>) {
    loop {
        sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        let mut idle = pool.idle.borrow_mut();
        idle.sweep();
        if idle.by_origin.is_empty() {
            idle.is_swept = false;
            return;
        }
    }
}

impl Lease {
    /// The connection.
    pub const fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Notes what the server states about how long it keeps the connection (`keep-alive: timeout=N`).
    pub fn answered(&mut self, headers: &HeaderMap) {
        if let Some(stated) = stated_timeout(headers) {
            self.kept_for = IDLE.min(stated.saturating_sub(MARGIN));
        }
    }

    /// Keeps the connection for other calls. Only after a response was read to its end.
    pub fn give_back(self) {
        if !self.kept_for.is_zero() && !self.connection.is_http2() {
            self.pool.keep(&self.origin, self.connection, self.kept_for);
        }
    }
}

fn stated_timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout.then(|| value.trim().parse().ok())?
    })?;
    Some(Duration::from_secs(seconds))
}
