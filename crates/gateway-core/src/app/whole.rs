//! The whole gateway in one process. Owns which part of it a path belongs to.

use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};

use super::start::Started;
use super::{RequestBody, admin, answered};
use crate::admin::AdminSettings;
use crate::config::seal::MasterKeyResult;
use crate::memory;
use crate::peer::Peer;
use crate::ports::{AdminPorts, ProxyPorts, UnreadableVariable, Variables};
use crate::proxy::{self, Gateway};
use crate::reply::{Reply, ReplyBody};

/// Answers requests for the panel, which is below `/admin` and not below `/admin/api`.
pub type PanelHandler = fn(&Parts) -> Response<Bytes>;

/// One instance of the whole gateway: proxy, admin API, metrics and panel.
pub struct App<P, A, V> {
    proxy_ports: P,
    admin_ports: A,
    variables: V,
    memory_bytes: usize,
    panel: Option<PanelHandler>,
    is_draining: bool,
    started: Started<Instance<P>>,
}

/// What an instance answers with.
struct Instance<P> {
    gateway: Rc<Gateway<P>>,
    settings: AdminSettings,
}

impl<P: ProxyPorts, A: AdminPorts + Clone + 'static, V: Variables> App<P, A, V> {
    /// The gateway on these ports. They may differ in how stale a read of the store is (the admin API needs the newest
    /// value, the proxy a fast one) and must be the same otherwise. Nothing is read before the first request or
    /// [`App::start`].
    pub fn new(proxy_ports: P, admin_ports: A, variables: V) -> Self {
        Self {
            proxy_ports,
            admin_ports,
            variables,
            memory_bytes: memory::DEFAULT_BYTES,
            panel: None,
            is_draining: true,
            started: Started::default(),
        }
    }

    /// Lets bodies take at most `bytes` of the instance's memory together, for hosts with less memory than usual.
    #[must_use]
    pub const fn with_memory(mut self, bytes: usize) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Answers requests for the panel with `panel`; without one they are answered with 404.
    #[must_use]
    pub const fn with_panel(mut self, panel: PanelHandler) -> Self {
        self.panel = Some(panel);
        self
    }

    /// Leaves the draining of unread bodies to the host, where it has to be done before the reply is sent; see
    /// [`DRAIN_BYTES`](super::DRAIN_BYTES).
    #[must_use]
    pub const fn drained_by_host(mut self) -> Self {
        self.is_draining = false;
        self
    }

    /// Starts the instance now instead of with its first request, for hosts with a start hook. A failure is retried
    /// with the first request.
    pub async fn start(&self) -> Result<(), UnreadableVariable> {
        self.instance().await.map(drop)
    }

    /// Answers one request. Never fails: every error is a reply.
    pub async fn handle<B: RequestBody>(&self, peer: Peer, request: Request<B>) -> Reply {
        let draining = self.is_draining.then_some(&self.proxy_ports);
        let answer = async |request: Request<&mut B>| match (self.panel, part(request.uri().path()))
        {
            (_, GatewayPart::Admin) => self.administer(peer, request).await,
            (Some(panel), GatewayPart::Panel) => {
                panel(&request.into_parts().0).map(ReplyBody::Whole)
            }
            _ => self.relay(request).await,
        };
        answered(draining, request, answer).await
    }

    async fn administer<B: RequestBody>(&self, peer: Peer, request: Request<&mut B>) -> Reply {
        match self.instance().await {
            Ok(instance) => {
                let is_look = admin::is_look(&request);
                let settings = &instance.settings;
                let reply = admin::from_peer(&self.admin_ports, settings, peer, request).await;
                if is_look && !reply.status().is_client_error() {
                    let master = settings.master_key.clone();
                    instance.gateway.alerts().look(master);
                }
                reply
            }
            Err(error) => admin::misconfigured(&self.admin_ports, &error),
        }
    }

    async fn relay<B: RequestBody>(&self, request: Request<&mut B>) -> Reply {
        let gateway = match self.instance().await {
            Ok(instance) => Rc::clone(&instance.gateway),
            Err(error) => Rc::new(self.gateway(Err(error.into()))),
        };
        proxy::handle(&gateway, request).await
    }

    async fn instance(&self) -> Result<Rc<Instance<P>>, UnreadableVariable> {
        let make = async |master_key: MasterKeyResult| {
            Ok(Instance {
                gateway: Rc::new(self.gateway(master_key.clone())),
                settings: admin::settings(&self.variables, master_key).await?,
            })
        };
        // Applying the configuration is a change, which needs the newest value.
        let started = self.started.get(&self.admin_ports, &self.variables, make);
        started.await
    }

    fn gateway(&self, master_key: MasterKeyResult) -> Gateway<P> {
        Gateway::new(self.proxy_ports.clone(), master_key).with_memory(self.memory_bytes)
    }
}

impl<P, A, V> fmt::Debug for App<P, A, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").finish_non_exhaustive()
    }
}

/// A part of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GatewayPart {
    Proxy,
    Admin,
    Panel,
}

/// The part that a path belongs to.
fn part(path: &str) -> GatewayPart {
    let is_below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if path == "/metrics" || is_below("/admin/api") {
        GatewayPart::Admin
    } else if is_below("/admin") {
        GatewayPart::Panel
    } else {
        GatewayPart::Proxy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_one_part() {
        for (path, expected) in [
            ("/", GatewayPart::Proxy),
            ("/v1/chat/completions", GatewayPart::Proxy),
            ("/metrics", GatewayPart::Admin),
            ("/metrics/", GatewayPart::Proxy),
            ("/admin", GatewayPart::Panel),
            ("/admin/", GatewayPart::Panel),
            ("/admin/channels/ch_1", GatewayPart::Panel),
            ("/admin/apis", GatewayPart::Panel),
            ("/administrator", GatewayPart::Proxy),
            ("/admin/api", GatewayPart::Admin),
            ("/admin/api/channels", GatewayPart::Admin),
            ("//admin/api/channels", GatewayPart::Proxy),
            ("/ADMIN/api/channels", GatewayPart::Proxy),
        ] {
            assert_eq!(part(path), expected, "{path}");
        }
    }
}
