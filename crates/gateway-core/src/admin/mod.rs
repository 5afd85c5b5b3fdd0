//! The admin API: from HTTP request to HTTP response. Owns the order in which a request is judged, and who does the
//! work; all routes are in `routes`. Each noun has its own file; none of them reads a body.

mod base_url_advice;
mod body;
mod channel_test;
mod channel_view;
mod channels;
mod config;
mod device;
mod document;
mod duplicate_keys;
mod exposition;
mod forwarded;
mod guard;
mod keys;
mod ledger_queries;
mod limit_usage;
mod metrics;
mod outbound;
mod ports;
mod precondition;
mod query;
mod requests;
mod revoked;
mod route_preview;
mod routes;
mod session;
mod session_secret;
mod status;
mod throttle;
mod upstream_models;
mod usage;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body::Body;

use crate::config::import::Protection;
use crate::config::seal::MasterKey;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::store::BoundedStore;
use guard::Caller;
use routes::{FoundPath, Resource};

/// How long a request waits for a store call.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// The description of the API: an `OpenAPI` 3.1 document, served as it stands. Clients are generated from it, and the
/// tests hold every response to it.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What the host's variables say to the admin API.
#[derive(Clone, Debug, Default)]
pub struct AdminSettings {
    /// The password of the panel; `None` or empty: nobody can log in.
    pub password: Option<Secret<String>>,
    /// Lets whoever presents it read the metrics; `None` or empty: only who is logged in may.
    pub metrics_token: Option<Secret<String>>,
    /// Encrypts upstream keys at rest; `None`: they are stored in clear.
    pub master_key: Option<MasterKey>,
    /// Why the master key that is set cannot be used. Then no key is stored at all, since storing it in clear is
    /// not what was asked for.
    pub master_key_error: Option<String>,
}

impl AdminSettings {
    /// What upstream keys are protected with at rest.
    pub fn protection(&self) -> Protection<'_> {
        match &self.master_key_error {
            Some(reason) => Err(reason),
            None => Ok(self.master_key.as_ref()),
        }
    }
}

/// Answers one request to `/admin/api/…` or `/metrics`. Needs no particular method, path or body: whatever is wrong with them
/// becomes an error response. HEAD is answered as GET; [`reply::finish`] removes the body. The request's extensions may
/// hold its [`Peer`](crate::peer::Peer).
pub async fn handle<P: AdminPorts, B>(
    ports: &P,
    settings: &AdminSettings,
    request: Request<B>,
) -> Reply
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let ports = &BoundedStore::new(ports, STORE_TIMEOUT);
    let mut reply = match answer(ports, settings, request).await {
        Ok(reply) => reply,
        Err(error) => error.into_reply(),
    };
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::try_from(ids::request_id(ports)) {
        headers.insert(reply::X_REQUEST_ID, id);
    }
    reply
}

async fn answer<P: AdminPorts, B>(
    ports: &P,
    settings: &AdminSettings,
    request: Request<B>,
) -> Result<Reply, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let (head, body) = request.into_parts();

    if head.uri.path() == METRICS {
        return metrics_of(ports, settings, &head).await;
    }

    // 1. Is there such a place, and has it such a method? That needs no secret to be told.
    let FoundPath { place, id, methods } = routes::find(head.uri.path())
        .ok_or_else(|| ErrorCode::NotFound.error("There is no such path in the admin API."))?;
    let method = if head.method == Method::HEAD {
        Method::GET
    } else {
        head.method.clone()
    };
    if !methods.split(", ").any(|name| name == method.as_str()) {
        return Err(ErrorCode::MethodNotAllowed
            .error(format!("This path has these methods: {methods}."))
            .with_allow(methods));
    }

    // 2. A page of another origin may do nothing, not even log in.
    guard::same_origin(&head)?;

    // 3. Logging in is what the others need a session for.
    if place == Resource::Login {
        let password = session::read_password(body::object(&head.headers, body).await?)?;
        return session::login(ports, settings, &head, &password).await;
    }

    // 4. Who asks? A cookie is sent by the browser unasked, so writes with it must be of a type no form has.
    let caller = guard::authenticate(ports, settings, &head).await?;
    if method != Method::GET {
        guard::cookie_writes_json(&caller, &head.headers)?;
    }

    // 5. The work.
    let work = Work {
        ports,
        settings,
        head: &head,
        caller: &caller,
        id,
    };
    match method {
        Method::GET => work.read(place).await,
        Method::POST => work.post(place, body).await,
        _ => work.change(place, &method, body).await,
    }
}

/// The only path outside of the API: Prometheus expects it there.
const METRICS: &str = "/metrics";
const METRICS_METHODS: &str = "GET, HEAD";

/// Metrics are for a program with its own token, and for people with a session.
async fn metrics_of<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    head: &Parts,
) -> Result<Reply, GatewayError> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(ErrorCode::MethodNotAllowed
            .error(format!("This path has these methods: {METRICS_METHODS}."))
            .with_allow(METRICS_METHODS));
    }
    guard::same_origin(head)?;
    let token = settings.metrics_token.as_ref();
    if !guard::presents(&head.headers, token) {
        guard::authenticate(ports, settings, head).await?;
    }
    metrics::show(ports).await
}

/// A request that may be answered.
struct Work<'a, P> {
    ports: &'a P,
    settings: &'a AdminSettings,
    head: &'a Parts,
    caller: &'a Caller,
    /// The id in the path; empty where the path has none.
    id: &'a str,
}

impl<P: AdminPorts> Work<'_, P> {
    async fn read(&self, place: Resource) -> Result<Reply, GatewayError> {
        match place {
            Resource::Session => Ok(session::describe(self.settings, self.caller)),
            Resource::Channels => channels::list(self.ports).await,
            Resource::Channel => channels::show(self.ports, self.id).await,
            Resource::ChannelModels => {
                upstream_models::list(self.ports, self.settings, self.id).await
            }
            Resource::Keys => keys::list(self.ports).await,
            Resource::Key => keys::show(self.ports, self.id).await,
            Resource::Allowance => limit_usage::show(self.ports, self.id).await,
            Resource::Config => config::export(self.ports, self.settings, &self.head.uri).await,
            Resource::Route => route_preview::run(self.ports, self.settings, &self.head.uri).await,
            Resource::Status => status::show(self.ports, self.settings).await,
            Resource::Usage => usage::show(self.ports, &self.head.uri).await,
            Resource::Requests => requests::list(self.ports, &self.head.uri).await,
            Resource::OpenApi => {
                let document = Bytes::from_static(OPENAPI.as_bytes());
                Ok(reply::json_bytes(StatusCode::OK, document))
            }
            // They have no GET, which was found out in step 1.
            Resource::Login | Resource::Logout | Resource::ChannelTest | Resource::Models => {
                Ok(reply::empty(StatusCode::NO_CONTENT))
            }
        }
    }

    /// Creates, or does. Bodies are read only where there is something to read.
    async fn post<B>(&self, place: Resource, body: B) -> Result<Reply, GatewayError>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let (ports, settings, headers) = (self.ports, self.settings, &self.head.headers);
        match place {
            Resource::Channels => {
                let body = body::object(headers, body).await?;
                channels::create(ports, settings, self.head, body).await
            }
            Resource::ChannelTest => {
                let wish = body::optional_object(headers, body).await?;
                channel_test::run(ports, settings, self.id, &wish).await
            }
            Resource::Models => {
                let channel = body::object(headers, body).await?;
                upstream_models::preview(ports, settings, channel).await
            }
            Resource::Keys => keys::create(ports, body::object(headers, body).await?).await,
            _ => session::logout(ports, self.caller, self.head).await,
        }
    }

    /// Changes or deletes what is there.
    async fn change<B>(
        &self,
        place: Resource,
        method: &Method,
        body: B,
    ) -> Result<Reply, GatewayError>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let (ports, settings, headers) = (self.ports, self.settings, &self.head.headers);
        let is_delete = method == Method::DELETE;
        match place {
            Resource::Config => {
                let document = body::configuration(headers, body).await?;
                config::import(ports, settings, headers, &document).await
            }
            Resource::Key if is_delete => keys::delete(ports, headers, self.id).await,
            Resource::Key => {
                let body = body::object(headers, body).await?;
                keys::change(ports, headers, self.id, body).await
            }
            _ if is_delete => channels::delete(ports, self.head, self.id).await,
            _ => {
                let body = body::object(headers, body).await?;
                channels::change(ports, settings, self.head, self.id, body).await
            }
        }
    }
}
