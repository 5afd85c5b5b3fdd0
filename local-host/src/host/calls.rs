//! Outbound calls of one instance, each tied to the request it is made for: when that request's client disconnects, its
//! calls end. Owns the hooks of wasi-http; the sockets are in `outbound`.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Result;
use http::Request;
use tokio_util::sync::CancellationToken;
use wasmtime::{
    StoreContextMut,
    component::{Accessor, GuestTaskId, Linker, Resource},
};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpHooks, WasiHttpView,
    p3::{
        self,
        bindings::http::{client::HostWithStore, types::ErrorCode},
    },
};

use super::{Instance, Shared};
use crate::outbound::{Outbound, Reply};

/// The state shared by the client's side and the instance's side of a request.
#[derive(Clone, Default)]
pub struct Ticket {
    gone: CancellationToken,
    broken: Arc<AtomicBool>,
}

/// The client's side of a ticket. Dropping it ends the request's outbound calls, unless the client has got everything.
pub struct Client {
    ticket: Ticket,
    satisfied: bool,
}

impl Client {
    /// A request's two sides.
    pub fn new() -> (Self, Ticket) {
        let ticket = Ticket::default();
        (
            Self {
                ticket: ticket.clone(),
                satisfied: false,
            },
            ticket,
        )
    }

    /// The client has its whole response: the component's further work is not tied to it.
    pub fn satisfy(&mut self) {
        self.satisfied = true;
    }

    /// Whether the instance failed, so that the end of its answer is not a regular one.
    pub fn is_broken(&self) -> bool {
        self.ticket.broken.load(Ordering::Acquire)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.satisfied {
            self.ticket.gone.cancel();
        }
    }
}

/// The requests that an instance works on, and the hooks through which it calls out.
pub struct Calls {
    shared: Arc<Shared>,
    /// Task ids are reused, so this never outgrows the number of tasks that ran at once.
    requests: HashMap<GuestTaskId, Ticket>,
    /// The request that the call being sent belongs to.
    current: Option<CancellationToken>,
}

impl Calls {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            requests: HashMap::new(),
            current: None,
        }
    }

    /// Ties the calls that `task` will make to a request.
    pub fn begin(&mut self, task: GuestTaskId, ticket: Ticket) {
        self.requests.insert(task, ticket);
    }

    /// Reports to the clients of this instance that it failed.
    pub fn break_down(&self) {
        for ticket in self.requests.values() {
            ticket.broken.store(true, Ordering::Release);
        }
    }
}

/// Finds the request on whose behalf the component is calling.
fn current_request(
    mut store: StoreContextMut<'_, Instance>,
) -> wasmtime::Result<Option<CancellationToken>> {
    let root = store.async_call_stack()?.last();
    let requests = &store.data().calls.requests;
    Ok(root.and_then(|task| Some(requests.get(&task)?.gone.clone())))
}

/// Defines `wasi:http/client` as upstream does, with the request noted before the hooks send it.
pub fn add_to_linker(linker: &mut Linker<Instance>) -> Result<()> {
    linker
        .instance("wasi:http/client@0.3.0")?
        .func_wrap_concurrent(
            "send",
            |accessor: &Accessor<Instance>, (request,): (Resource<p3::Request>,)| {
                Box::pin(async move {
                    accessor.with(|mut access| {
                        let current =
                            current_request(wasmtime::AsContextMut::as_context_mut(&mut access))?;
                        access.data_mut().calls.current = current;
                        wasmtime::error::Ok(())
                    })?;
                    // The hooks run on the first poll, before anything else can change the note.
                    let http = accessor.with_getter::<WasiHttp>(Instance::http);
                    let response: Result<_, ErrorCode> = match WasiHttp::send(&http, request).await
                    {
                        Ok(response) => Ok(response),
                        Err(error) => Err(error.downcast()?),
                    };
                    Ok((response,))
                })
            },
        )?;
    Ok(())
}

impl WasiHttpHooks for Calls {
    // The client sets the header where the protocol has one.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Reply, Error>> + Send> {
        let gone = self.current.take().unwrap_or_default();
        if !self.shared.component.hosts.allow(request.uri()) {
            crate::logs::info(&format!(
                "[{}] a request to {} was refused: allowed_outbound_hosts does not have it",
                self.shared.component.id,
                request.uri().authority().map_or("no host", |a| a.as_str()),
            ));
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        }
        Box::new(Outbound::send(
            Arc::clone(&self.shared.outbound),
            request,
            options.unwrap_or_default(),
            gone,
        ))
    }
}
