//! The admin API: from HTTP request to HTTP response. Owns the order in which a request is judged, and who does the
//! work; all routes are in `routes`. Each noun has its own file; none of them reads a body.

mod access;
mod accounts;
mod alerts;
mod audit;
mod audit_log;
mod base_url_advice;
mod body;
mod bulk;
mod channel_test;
mod channel_view;
mod channels;
mod compression;
mod config;
mod credentials;
mod csv_export;
mod device;
mod document;
mod duplicate_keys;
mod exposition;
mod forwarded;
mod guard;
mod key_state;
mod key_tests;
mod keys;
mod last_call;
mod ledger_queries;
mod limit_usage;
mod list;
mod login;
mod login_client;
mod me;
mod members;
mod metrics;
mod move_in;
pub mod oidc;
#[cfg(feature = "schema")]
pub mod openapi;
mod outbound;
mod own_account;
mod playground_key;
mod precondition;
mod price_import;
pub mod principal;
mod query;
mod request_detail;
mod request_failure;
mod requests;
mod requests_csv;
mod revoked;
mod route_preview;
mod routes;
#[cfg(feature = "schema")]
mod sentences;
mod session;
mod session_check;
mod session_secret;
mod session_token;
mod status;
mod throttle;
mod transfer;
mod upstream_models;
mod usage;
mod usage_csv;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body::Body;
use serde_json::Value;

use crate::config::import::Protection;
use crate::config::seal::{MasterKey, MasterKeyError};
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::ports::{AdminPorts, Log};
use crate::reply::{self, Reply};
use crate::secret::Secret;
use crate::store::BoundedStore;
use access::Access;
use audit::{Occasion, Witness};
use credentials::Credentials;
use guard::Caller;
use oidc::OidcSignIn;
use routes::{BodyKind, Operation, Verb};
use transfer::TransferWishes;

/// How long a request waits for a store call.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// The description of the API: an `OpenAPI` 3.1 document, served unchanged. Clients are generated from it, and the
/// tests hold every response to it.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What the host's variables say to the admin API.
#[derive(Clone, Debug, Default)]
pub struct AdminSettings {
    /// The password of the panel; `None` or empty: login is not possible.
    pub password: Option<Secret<String>>,
    /// Clients that present it may read the metrics; `None` or empty: only a valid session may.
    pub metrics_token: Option<Secret<String>>,
    /// Sign-in with a provider of OIDC.
    pub oidc: OidcSignIn,
    /// Encrypts upstream keys at rest; `None`: they are stored in clear.
    pub master_key: Option<MasterKey>,
    /// Why the master key that is set cannot be used. Then no key is stored at all, since storing it in clear is
    /// not what was configured.
    pub master_key_error: Option<MasterKeyError>,
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
/// hold its [`Peer`](crate::peer::Peer). A body that is sent in pieces keeps a copy of the ports.
pub async fn handle<P: AdminPorts + Clone + 'static, B>(
    ports: &P,
    settings: &AdminSettings,
    request: Request<B>,
) -> Reply
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let host = ports;
    let ports = &BoundedStore::new(ports, STORE_TIMEOUT);
    let ports = &Witness::new(ports);
    let wishes = TransferWishes::of(&request);
    let reply = match answer((host, ports), settings, request).await {
        Ok(reply) => reply,
        Err(error) => error.into_reply(),
    };
    let mut reply = wishes.apply(reply);
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::try_from(ids::request_id(ports)) {
        headers.insert(reply::X_REQUEST_ID, id);
    }
    reply
}

/// The ports of one request: bounded in time, and with a memory for the audit log.
type RequestPorts<'a, P> = Witness<'a, BoundedStore<'a, P>>;

async fn answer<P: AdminPorts + Clone + 'static, B>(
    (host, ports): (&P, &RequestPorts<'_, P>),
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

    // 1. Is there such a path, and does it have the method? The answer depends on no secret.
    let (operation, id) = routes::find(&head.method, head.uri.path())?;

    // 2. A page of another origin may do nothing, not even log in. What comes back from an OIDC provider comes from there by
    //    its nature; it is bound to the browser by a cookie instead.
    if operation != Operation::FinishSignIn {
        guard::same_origin(&head)?;
    }

    // 3. Every operation but logging in needs a session, whose role may do it. Browsers send cookies unasked, so writes with one must be of a
    //    content type that no form has.
    let caller = if Access::of(operation) == Access::Public {
        None
    } else {
        let caller = guard::authenticate(ports, settings, &head).await?;
        if operation.verb() != Verb::Get {
            guard::cookie_writes_json(&caller, &head.headers)?;
        }
        access::check(operation, &head.uri, &caller.principal)?;
        Some(caller)
    };

    // 4. The work.
    let mut file = Bytes::new();
    let body = match operation.body() {
        BodyKind::None => Value::Null,
        BodyKind::File => {
            file = body::file(&head.headers, body).await?;
            Value::Null
        }
        BodyKind::Object => body::object(&head.headers, body).await?,
        BodyKind::OptionalObject => body::optional_object(&head.headers, body).await?,
        BodyKind::Import => body::import(&head.headers, body).await?,
        BodyKind::Configuration => body::configuration(&head.headers, body).await?,
    };
    let work = Work {
        host,
        ports,
        settings,
        head: &head,
        caller: caller.as_ref(),
        id,
        file,
    };
    let occasion = occasion(operation, &head);
    let outcome = work.perform(operation, body).await;

    // 5. What was done is recorded, also if the work failed after it.
    audit::record(ports, occasion, (&head, caller.as_ref()), &outcome).await;
    outcome
}

/// What the audit log says of an operation beside the change that it makes.
fn occasion(operation: Operation, head: &Parts) -> Occasion {
    match operation {
        Operation::Login | Operation::FinishSignIn => Occasion::Login,
        Operation::Logout => Occasion::Logout,
        Operation::RotateKey => Occasion::Rotation,
        Operation::ImportConfig | Operation::ImportFile => Occasion::ConfigImport,
        Operation::ImportPrices => Occasion::PriceImport,
        Operation::ExportConfig if config::asks_for_secrets(&head.uri) => Occasion::SecretExport,
        _ => Occasion::Other,
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
        let caller = guard::authenticate(ports, settings, head).await?;
        access::check(Operation::Status, &head.uri, &caller.principal)?;
    }
    metrics::show(ports).await
}

/// A request that may be answered.
struct Work<'a, P: Log> {
    /// For what goes on after the reply's head.
    host: &'a P,
    ports: &'a RequestPorts<'a, P>,
    settings: &'a AdminSettings,
    head: &'a Parts,
    /// Who asks; `None` only where no session is needed.
    caller: Option<&'a Caller>,
    /// The id in the path; empty where the path has none.
    id: &'a str,
    /// The body of an operation that takes a file; empty for all others.
    file: Bytes,
}

impl<P: AdminPorts + Clone + 'static> Work<'_, P> {
    fn caller(&self) -> Result<&Caller, GatewayError> {
        self.caller.ok_or_else(session_check::not_authenticated)
    }

    /// The id of the client key with which a member has logged in.
    fn own_key(&self) -> Result<&str, GatewayError> {
        Ok(&self.caller()?.principal.id)
    }

    /// Calls the operation's handler. There is no arm for "all others", so that a new operation cannot fall into the
    /// handler of another one.
    async fn perform(&self, operation: Operation, body: Value) -> Result<Reply, GatewayError> {
        let (ports, settings, id) = (self.ports, self.settings, self.id);
        let (head, headers, uri) = (self.head, &self.head.headers, &self.head.uri);
        match operation {
            Operation::Login => {
                let credentials = Credentials::read(body)?;
                login::login(ports, settings, head, &credentials).await
            }
            Operation::LoginOptions => login::options(ports, settings).await,
            Operation::StartSignIn => oidc::start(ports, settings, head).await,
            Operation::FinishSignIn => oidc::callback(ports, settings, head).await,
            Operation::Logout => session::logout(ports, self.caller()?, head).await,
            Operation::Session => Ok(session::describe(settings, self.caller()?)),
            Operation::ListChannels => channels::list(ports, uri).await,
            Operation::CreateChannel => channels::create(ports, settings, head, body).await,
            Operation::GetChannel => channels::show(ports, id).await,
            Operation::ChangeChannel => channels::change(ports, settings, head, id, body).await,
            Operation::DeleteChannel => channels::delete(ports, head, id).await,
            Operation::ChangeChannels => bulk::channels(ports, &body).await,
            Operation::TestChannel => key_tests::run(ports, settings, id, &body).await,
            Operation::ListUpstreamModels => upstream_models::list(ports, settings, id).await,
            Operation::PreviewUpstreamModels => {
                upstream_models::preview(ports, settings, body).await
            }
            Operation::ListKeys => keys::list(ports, uri).await,
            Operation::CreateKey => keys::create(ports, body).await,
            Operation::ListAllowances => limit_usage::list(ports, uri).await,
            Operation::GetKey => keys::show(ports, id).await,
            Operation::ChangeKey => keys::change(ports, headers, id, body).await,
            Operation::ChangeKeys => bulk::keys(ports, &body).await,
            Operation::RotateKey => keys::rotate(ports, headers, id, &body).await,
            Operation::DeleteKey => keys::delete(ports, headers, id).await,
            Operation::PlaygroundKey => playground_key::show(ports, settings, &body).await,
            Operation::GetKeyAllowance => limit_usage::show(ports, id).await,
            Operation::ExportConfig => config::export(ports, settings, uri, self.caller()?).await,
            Operation::ImportConfig => {
                config::import(ports, settings, headers, self.caller()?, &body).await
            }
            Operation::ImportPrices => price_import::run(ports, headers, uri, &self.file).await,
            Operation::PreviewImport => move_in::run(ports, settings, headers, body, true).await,
            Operation::ImportFile => move_in::run(ports, settings, headers, body, false).await,
            Operation::Route => route_preview::run(ports, settings, uri).await,
            Operation::Status => status::show(ports, settings).await,
            Operation::GetAlerts => alerts::show(ports).await,
            Operation::ChangeAlerts => alerts::change(ports, settings, headers, &body).await,
            Operation::TestAlerts => alerts::test(ports, settings, id).await,
            Operation::TestUnsavedAlerts => alerts::test_unsaved(ports, settings, &body).await,
            Operation::Usage => usage::show(ports, uri).await,
            Operation::ExportUsage => usage_csv::export(ports, self.host.clone(), uri).await,
            Operation::Requests => requests::list(ports, uri).await,
            Operation::ExportRequests => requests_csv::export(ports, self.host.clone(), uri).await,
            Operation::GetRequest => request_detail::show(ports, id).await,
            Operation::Audit => audit_log::list(ports, uri).await,
            Operation::AuditFile => audit_log::file(ports, uri).await,
            Operation::ListAccounts => accounts::list(ports).await,
            Operation::CreateAccount => accounts::create(ports, &body).await,
            Operation::ChangeAccount => accounts::change(ports, settings, headers, id, &body).await,
            Operation::DeleteAccount => accounts::delete(ports, settings, headers, id).await,
            Operation::ChangeOwnPassword => {
                own_account::change_password(ports, settings, head, self.caller()?, &body).await
            }
            Operation::NewTotpSecret => own_account::new_totp_secret(ports, self.caller()?),
            Operation::SetTotp => {
                own_account::set_totp(ports, settings, self.caller()?, &body).await
            }
            Operation::OwnKey => keys::show(ports, self.own_key()?).await,
            Operation::OwnAllowance => limit_usage::show(ports, self.own_key()?).await,
            Operation::OwnUsage => usage::show_own(ports, uri, self.own_key()?).await,
            Operation::OwnRequests => me::requests(ports, uri, self.own_key()?).await,
            Operation::Openapi => {
                let document = Bytes::from_static(OPENAPI.as_bytes());
                Ok(reply::json_bytes(StatusCode::OK, document))
            }
        }
    }
}
