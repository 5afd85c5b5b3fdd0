//! Which connections of a thread are kept for further calls, and for how long.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gateway_core::ports::SendError;
use host_io::dial::Dialer;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Uri};
use tokio::time::timeout;

use super::connection::Connection;
use super::{connect_error, failure};

/// An idle connection is closed after this: many servers (Node.js, uvicorn) close theirs after 5 s.
const IDLE: Duration = Duration::from_secs(4);
/// A connection is not used this much before the time that its server states, to allow for data in transit.
const MARGIN: Duration = Duration::from_secs(1);
/// Idle connections that are kept per origin.
const MAX_IDLE: usize = 64;
/// Origins of which connections are kept. Beyond, those that have been idle for too long are closed first.
const MAX_ORIGINS: usize = 256;

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
    idle: RefCell<HashMap<Origin, Vec<Idle>>>,
}

struct Idle {
    connection: Connection,
    until: Instant,
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

    /// A connection that was kept.
    pub fn take(&self, origin: &Origin) -> Option<Lease> {
        let mut idle = self.0.idle.borrow_mut();
        let kept = idle.get_mut(origin)?;
        let now = Instant::now();
        // The youngest is at the end; all before an old one are older.
        while let Some(last) = kept.pop() {
            if last.until <= now {
                kept.clear();
                break;
            }
            if last.connection.is_closed() || !last.connection.is_ready() {
                continue;
            }
            if let Some(connection) = last.connection.share() {
                kept.push(Idle { connection, ..last });
                let Idle { connection, .. } = kept.last().map(shared)??;
                return Some(self.lease(connection, origin));
            }
            return Some(self.lease(last.connection, origin));
        }
        None
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
            .map_err(|_| connect_error("no connection in time".to_owned()))??;
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

fn shared(idle: &Idle) -> Option<Idle> {
    let connection = idle.connection.share()?;
    Some(Idle {
        connection,
        until: idle.until,
    })
}

impl Shared {
    fn keep(&self, origin: &Origin, connection: Connection, kept_for: Duration) {
        let mut idle = self.idle.borrow_mut();
        let now = Instant::now();
        if idle.len() >= MAX_ORIGINS && !idle.contains_key(origin) {
            idle.retain(|_, kept| kept.last().is_some_and(|last| last.until > now));
            if idle.len() >= MAX_ORIGINS {
                return;
            }
        }
        let kept = idle.entry(origin.clone()).or_default();
        kept.retain(|idle| idle.until > now && !idle.connection.is_closed());
        if kept.len() < MAX_IDLE {
            let until = now + kept_for;
            kept.push(Idle { connection, until });
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
            self.pool
                .keep(&self.origin, self.connection, self.kept_for);
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
