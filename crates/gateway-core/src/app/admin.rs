//! The admin API alone, for hosts that run the proxy elsewhere. Owns its start; must not know the proxy, so that a
//! component which uses nothing else does not contain it.

use std::rc::Rc;

use http::{HeaderValue, Request};

use super::start::{Started, read};
use super::{RequestBody, answered};
use crate::admin::oidc::{OidcSignIn, OidcVariables};
use crate::admin::{self, AdminSettings};
use crate::alerts::service::AlertService;
use crate::config::seal::MasterKeyResult;
use crate::error::ErrorCode;
use crate::ids;
use crate::peer::Peer;
use crate::ports::{AdminPorts, ProxyPorts, UnreadableVariable, Variable, Variables};
use crate::reply::{Reply, X_REQUEST_ID};
use crate::secret::Secret;

/// One instance of the admin API: `/admin/api/…` and `/metrics`.
#[derive(Debug)]
pub struct AdminApp<P, V> {
    ports: P,
    variables: V,
    started: Started<AdminSettings>,
    alerts: Rc<AlertService<P>>,
}

impl<P: ProxyPorts, V: Variables> AdminApp<P, V> {
    /// The admin API on these ports. Nothing is read before the first request.
    pub fn new(ports: P, variables: V) -> Self {
        Self {
            alerts: AlertService::new(ports.clone()),
            ports,
            variables,
            started: Started::default(),
        }
    }

    /// Answers one request. Never fails: every error is a reply.
    pub async fn handle<B: RequestBody>(&self, peer: Peer, request: Request<B>) -> Reply {
        let make = async |master_key| settings(&self.variables, master_key).await;
        let started = self.started.get(&self.ports, &self.variables, make).await;
        let answer = async |request: Request<&mut B>| match &started {
            Ok(settings) => {
                let is_look = is_look(&request);
                let reply = from_peer(&self.ports, settings, peer, request).await;
                if is_look && !reply.status().is_client_error() {
                    self.alerts.look(settings.master_key.clone());
                }
                reply
            }
            Err(error) => misconfigured(&self.ports, error),
        };
        answered(Some(&self.ports), request, answer).await
    }
}

/// The variables of the admin API.
pub async fn settings<V: Variables>(
    variables: &V,
    master_key: MasterKeyResult,
) -> Result<AdminSettings, UnreadableVariable> {
    let password = read(variables, Variable::AdminPassword).await?;
    let metrics_token = read(variables, Variable::MetricsToken).await?;
    let (master_key, master_key_error) = match master_key {
        Ok(key) => (key, None),
        Err(error) => (None, Some(error)),
    };
    Ok(AdminSettings {
        password: password.map(Secret::new),
        metrics_token: metrics_token.map(Secret::new),
        oidc: oidc(variables).await?,
        master_key,
        master_key_error,
    })
}

/// The variables of sign-in with OIDC.
async fn oidc<V: Variables>(variables: &V) -> Result<OidcSignIn, UnreadableVariable> {
    let secret = read(variables, Variable::OidcClientSecret).await?;
    Ok(OidcSignIn::read(OidcVariables {
        issuer: read(variables, Variable::OidcIssuer).await?,
        client_id: read(variables, Variable::OidcClientId).await?,
        client_secret: secret.map(Secret::new),
        scopes: read(variables, Variable::OidcScopes).await?,
        role_claim: read(variables, Variable::OidcRoleClaim).await?,
        owner_values: read(variables, Variable::OidcOwnerValues).await?,
        admin_values: read(variables, Variable::OidcAdminValues).await?,
        viewer_values: read(variables, Variable::OidcViewerValues).await?,
        label: read(variables, Variable::OidcLabel).await?,
        public_url: read(variables, Variable::PublicUrl).await?,
    }))
}

/// Whether an admin looks at the gateway's state, as the panel does again and again: then alerts are due, also in a
/// gateway without requests.
pub fn is_look<B>(request: &Request<B>) -> bool {
    const LOOKS: [&str; 2] = ["/admin/api/status", "/admin/api/alerts"];
    LOOKS.contains(&request.uri().path())
}

/// Answers a request whose peer the host has named.
pub async fn from_peer<P: AdminPorts + Clone + 'static, B: RequestBody>(
    ports: &P,
    settings: &AdminSettings,
    peer: Peer,
    mut request: Request<&mut B>,
) -> Reply {
    request.extensions_mut().insert(peer);
    admin::handle(ports, settings, request).await
}

/// The answer of an instance that cannot read its variables.
pub fn misconfigured<P: AdminPorts>(ports: &P, error: &UnreadableVariable) -> Reply {
    let mut reply = ErrorCode::Misconfigured
        .error(error.to_string())
        .into_reply();
    if let Ok(id) = HeaderValue::try_from(ids::request_id(ports)) {
        reply.headers_mut().insert(X_REQUEST_ID, id);
    }
    reply
}
