//! The proxy alone, for hosts that run the admin API elsewhere. Owns its start; must not know the admin API, so that a
//! component which uses nothing else does not contain it.

use std::rc::Rc;

use http::Request;

use super::start::Started;
use super::{RequestBody, answered};
use crate::ports::{ProxyPorts, Variables};
use crate::proxy::{self, Gateway};
use crate::reply::Reply;

/// One instance of the proxy: everything but `/admin` and `/metrics`.
#[derive(Debug)]
pub struct ProxyApp<P, V> {
    ports: P,
    variables: V,
    started: Started<Gateway<P>>,
}

impl<P: ProxyPorts, V: Variables> ProxyApp<P, V> {
    /// The proxy on these ports. Nothing is read before the first request.
    pub fn new(ports: P, variables: V) -> Self {
        Self {
            ports,
            variables,
            started: Started::default(),
        }
    }

    /// Answers one request. Never fails: every error is a reply.
    pub async fn handle<B: RequestBody>(&self, request: Request<B>) -> Reply {
        let gateway = self.gateway().await;
        let answer = async |request: Request<&mut B>| proxy::handle(&gateway, request).await;
        answered(Some(&self.ports), request, answer).await
    }

    async fn gateway(&self) -> Rc<Gateway<P>> {
        let make = async |master_key| Ok(Gateway::new(self.ports.clone(), master_key));
        let started = self.started.get(&self.ports, &self.variables, make).await;
        started.unwrap_or_else(|error| Rc::new(Gateway::new(self.ports.clone(), Err(error.into()))))
    }
}
