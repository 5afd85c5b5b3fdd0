//! The client side: one request path, from HTTP request to HTTP response.
//! Owns the table of client routes. Must not know the admin API.

mod answer;
mod anthropic_models;
mod attempt;
mod authenticate;
mod body;
mod broken_stream;
mod candidates;
mod catalog;
mod channel_dialect;
mod context;
mod convert;
mod cors;
mod estimate;
mod flight;
mod forward;
mod gemini_models;
mod headers;
mod history;
mod in_flight;
mod kept_conversation;
mod kept_responses;
mod kept_turn;
mod limit_check;
mod loops;
mod misdirected;
mod model;
mod models;
mod opening;
mod operation;
mod payload;
mod query;
mod refusals;
mod relay;
mod response_origin;
mod routes;
mod send;
mod session;
mod stored_path;
mod stored_responses;
mod token_count;
mod vendor_paths;

use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request};
use http_body::Body;

use crate::alerts::service::AlertService;
use crate::config::seal::MasterKeyResult;
use crate::config::service::ConfigService;
use crate::config::snapshot::Snapshot;
use crate::error::{ErrorCode, ErrorStyle, GatewayError, printable};
use crate::health::service::HealthService;
use crate::ids;
use crate::ledger::entry::{Entry, RequestStart};
use crate::ledger::kept_responses::KeptResponses;
use crate::ledger::response_records::ResponseRecords;
use crate::ledger::service::LedgerService;
use crate::limits::headers as rate_limit_headers;
use crate::limits::service::LimitsService;
use crate::limits::usage::Consumed;
use crate::memory::{self, Memory};
use crate::ports::ProxyPorts;
use crate::reply::{self, Reply};
use crate::route::load::Loads;
use catalog::CatalogService;
use context::ClientRequest;
use limit_check::LimitCheck;
use operation::{Operation, RoutedCall, Streaming};
use routes::{Route, RouteMatch};

/// The gateway of one instance: its services and their ports.
#[derive(Debug)]
pub struct Gateway<P> {
    ports: P,
    config: Rc<ConfigService<P>>,
    health: Rc<HealthService<P>>,
    ledger: Rc<LedgerService<P>>,
    responses: Rc<ResponseRecords<P>>,
    kept: Rc<KeptResponses<P>>,
    limits: Rc<LimitsService<P>>,
    catalog: Rc<CatalogService<P>>,
    alerts: Rc<AlertService<P>>,
    loads: Loads,
    memory: Arc<Memory>,
}

impl<P: ProxyPorts> Gateway<P> {
    /// A gateway without a configuration yet. A master key that cannot be read (`Err`, with the reason)
    /// makes every `/v1` call fail with that reason instead of calling upstreams without their keys.
    pub fn new(ports: P, master_key: MasterKeyResult) -> Self {
        // With one that cannot be read, no request gets as far as to kept responses.
        let master = master_key.as_ref().ok().cloned().flatten();
        let alerts = AlertService::new(ports.clone());
        let ledger = Rc::new(LedgerService::new(ports.clone()));
        let watcher = Rc::clone(&alerts);
        ledger.watch(move |snapshot| watcher.notice(snapshot));
        Self {
            alerts,
            kept: Rc::new(KeptResponses::new(ports.clone(), master)),
            config: ConfigService::new(ports.clone(), master_key),
            health: HealthService::new(ports.clone()),
            catalog: CatalogService::new(ports.clone()),
            ledger,
            responses: Rc::new(ResponseRecords::new(ports.clone())),
            limits: Rc::new(LimitsService::new(ports.clone())),
            ports,
            loads: Loads::default(),
            memory: Memory::new(memory::DEFAULT_BYTES),
        }
    }

    /// Lets bodies take at most `bytes` of the instance's memory together, for hosts with less memory than usual.
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = Memory::new(bytes);
        self
    }

    /// The memory budget of bodies.
    pub const fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// The alerts of this instance.
    pub const fn alerts(&self) -> &Rc<AlertService<P>> {
        &self.alerts
    }

    /// The configuration in force, with the client keys that a request presents. Whenever a near store is read for it,
    /// the health record is read as well.
    async fn configuration(
        &self,
        parts: &http::request::Parts,
    ) -> Result<Rc<Snapshot>, GatewayError> {
        let health = Rc::clone(&self.health);
        let check = || async move { health.check_beside_configuration().await };
        let snapshot = self.config.current(check).await?;
        if !snapshot.reads_keys() {
            return Ok(snapshot);
        }
        let hashes = authenticate::hashes(parts);
        self.config.with_keys(snapshot, &hashes).await
    }
}

/// Answers one client request. Never fails: every error is a response. HEAD is answered as GET; [`reply::finish`]
/// removes the body.
pub async fn handle<P, B>(gateway: &Rc<Gateway<P>>, request: Request<B>) -> Reply
where
    P: ProxyPorts,
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let request_id = ids::request_id(&gateway.ports);
    let (parts, body) = request.into_parts();
    let cross_origin = cors::Request::of(&parts);
    let mut reply = answer(gateway, &parts, body, &request_id)
        .await
        .unwrap_or_else(|error| error.into_reply_as(misdirected::error_style(&parts)));
    misdirected::label(&mut reply);
    cross_origin.allow(reply.headers_mut());
    if let Ok(value) = HeaderValue::try_from(request_id) {
        reply.headers_mut().insert(reply::X_REQUEST_ID, value);
    }
    reply
}

/// The request path.
async fn answer<P, B>(
    gateway: &Rc<Gateway<P>>,
    parts: &http::request::Parts,
    body: B,
    request_id: &str,
) -> Result<Reply, GatewayError>
where
    P: ProxyPorts,
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let rejected = |model, error| refusals::noted(gateway, parts, request_id, model, error);
    // 1. Find the route: a wrong path or method needs neither key nor configuration.
    let route = match locate(parts) {
        Ok(Located::Route(route)) => route,
        Ok(Located::Preflight(methods)) => return Ok(cors::preflight(&parts.headers, methods)),
        Err(error) => return Err(rejected(None, error).await),
    };
    if route == Route::Health {
        return Ok(health());
    }
    // 2. Take the configuration, from memory in all but the first request and after a pause.
    let snapshot = gateway.configuration(parts).await?;
    // A request that has already passed here would loop forever.
    if let Err(error) = loops::check(&parts.headers, &snapshot) {
        return Err(rejected(None, error).await);
    }
    // 3. Authenticate, before a byte of the body is read.
    let client = authenticate::client(parts, &snapshot, gateway.ports.now())?;
    let asked = models::ListRequest {
        shape: models::ListShape::of(parts),
        uri: &parts.uri,
    };
    let begin = |operation: Operation, is_free| {
        let start = RequestStart {
            id: request_id,
            client,
            endpoint: operation.endpoint.into(),
            is_free,
        };
        Entry::begin(&gateway.ledger, &gateway.limits, &snapshot, start)
    };
    match route {
        Route::Health => Ok(health()),
        Route::Models => {
            let contributions = gateway
                .catalog
                .contributions(&snapshot, &gateway.memory)
                .await;
            models::list(&snapshot, client, &contributions, asked)
        }
        Route::Model(id) => match models::one(&snapshot, client, &id, asked) {
            Ok(reply) => Ok(reply),
            Err(error) => Err(rejected(Some(id), error).await),
        },
        Route::Forward(call) => {
            let operation = call.operation;
            gateway.ledger.keep_pace().await;
            // 4. From here on the outcome of the request is always recorded in the ledger.
            let is_free = operation::is_free(operation.endpoint);
            let entry = begin(operation, is_free);
            // Also if the body is never read.
            if let Some(model) = &call.model {
                let is_stream = operation.streaming == Streaming::Always;
                entry.asked(printable(model), is_stream, 0);
            }
            let request = ClientRequest {
                call: &call,
                head: parts,
                client,
                request_id,
                entry: &entry,
                limits: &LimitCheck::new(&gateway.limits, client, &entry),
            };
            // Pinned here: a future that is moved takes its place twice.
            let work = pin!(forward(gateway, &snapshot, &request, body));
            admitted(&request, work).await
        }
        Route::StoredResponse(call) => {
            let operation = Operation::new(call.endpoint(), ErrorStyle::OpenAi);
            let entry = begin(operation, true);
            let routed = RoutedCall {
                operation,
                model: None,
            };
            let request = ClientRequest {
                call: &routed,
                head: parts,
                client,
                request_id,
                entry: &entry,
                limits: &LimitCheck::new(&gateway.limits, client, &entry),
            };
            let work = stored_responses::run(gateway, &snapshot, &request, &call);
            let work = Box::pin(work);
            admitted(&request, work).await
        }
    }
}

/// What is known of a request before its client is authenticated.
enum Located {
    Route(Route),
    /// A CORS preflight; the methods of the path.
    Preflight(&'static str),
}

fn locate(parts: &http::request::Parts) -> Result<Located, GatewayError> {
    misdirected::refuse_upgrade(parts)?;
    let path = parts.uri.path();
    match routes::find(&parts.method, path) {
        RouteMatch::Route(route) => Ok(Located::Route(route)),
        RouteMatch::Preflight(methods) => Ok(Located::Preflight(methods)),
        RouteMatch::WrongMethod(methods) => Err(ErrorCode::MethodNotAllowed
            .error(format!(
                "{} is not allowed here; use {methods}.",
                parts.method
            ))
            .with_allow(methods)),
        RouteMatch::Nothing => Err(misdirected::nothing_at(path)),
    }
}

/// The part of the path that the client's limits apply to.
async fn admitted<P: ProxyPorts>(
    request: &ClientRequest<'_, P>,
    work: impl Future<Output = Result<Reply, GatewayError>>,
) -> Result<Reply, GatewayError> {
    let ClientRequest { entry, limits, .. } = request;
    // 5. Check the key's limits, before a byte of the body is read, so that a rejection costs little; those that ask for
    // the body are checked as soon as it is known.
    let outcome = match limits.before_body().await {
        Err(error) => Err(error),
        Ok(()) => match work.await {
            // Also a request that was not understood counts, unless it is over a limit.
            Err(error) if limits.is_due() => {
                let check = limits.pass(Consumed::default()).boxed_local();
                check.await.and(Err(error))
            }
            outcome => outcome,
        },
    };
    let outcome = outcome.inspect_err(|error| entry.rejected(error));
    let Some(own_headers) = limits.take_headers() else {
        return outcome;
    };
    let style = request.call.operation.errors;
    let mut reply = outcome.unwrap_or_else(|error| error.into_reply_as(style));
    rate_limit_headers::replace(reply.headers_mut(), own_headers);
    Ok(reply)
}

/// The rest of the path of a call that an upstream answers.
async fn forward<P, B>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Rc<Snapshot>,
    request: &ClientRequest<'_, P>,
    body: B,
) -> Result<Reply, GatewayError>
where
    P: ProxyPorts,
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    // 6. Read the body, bounded, and within the memory that the instance has for all of them.
    let limit = snapshot.settings.max_request_bytes;
    let headers = &request.head.headers;
    let body = body::read(&gateway.ports, &gateway.memory, headers, body, limit).await?;
    // 7. Read the health that other instances have recorded, beside the request where the store is far and all is well.
    gateway.health.refresh().await;
    // 8. Put the conversation before the input that continues a response which the gateway keeps. Boxed: few need it.
    let expanded = kept_conversation::expand(gateway, snapshot, request, body);
    let (body, continued) = expanded.boxed_local().await?;
    // 9. Find the model in the body, and try candidates until one answers.
    forward::run(gateway, snapshot, request, body, continued).await
}

fn health() -> Reply {
    const BODY: &str = concat!(
        r#"{"status":"ok","name":"ai-gateway","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    );
    reply::json_bytes(http::StatusCode::OK, Bytes::from_static(BODY.as_bytes()))
}
