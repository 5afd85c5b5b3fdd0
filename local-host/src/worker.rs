//! Instances of one component: created on demand, reused by many requests, dropped when idle, used up or broken.

use std::{
    pin::Pin,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wasmtime::{
    Engine, Store, StoreContextMut, UpdateDeadline,
    component::{self, Linker},
    format_err,
};
use wasmtime_wasi_http::{
    WasiHttpView,
    handler::{
        self, HandlerState, InstantiationError, ProxyHandler, ProxyPre, ShouldAccept,
        WorkerExpiration, WorkerState, WorkerStatus,
    },
    p2, p3,
};

use crate::{
    engine::TICK,
    host::{self, Instance, Shared, Ticket},
    logs,
    options::Limits,
};

/// Slices of pure computation after which an instance pauses instead of just yielding.
const PATIENT_TICKS: u64 = 3;
/// How long it pauses then.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a request without an instance waits for a new one before it checks for a free one again.
const FULL_WAIT: Duration = Duration::from_millis(20);

/// Hands requests to the instances of one component.
pub type Handler = ProxyHandler<Factory>;

/// Counts the busy instances: on a request, or on what they still do after its response. Clones count together.
#[derive(Clone)]
pub struct AtWork(Arc<watch::Sender<usize>>);

/// Makes instances.
pub struct Factory {
    engine: Engine,
    pre: ProxyPre<Instance>,
    shared: Arc<Shared>,
    limits: Limits,
    at_work: AtWork,
    /// One permit per instance that may exist.
    permits: Arc<Semaphore>,
}

/// Links a compiled component to everything it imports.
///
/// # Errors
/// It imports something that this host lacks, or does not export an HTTP handler.
pub fn handler(
    engine: &Engine,
    component: &component::Component,
    shared: Arc<Shared>,
    limits: Limits,
    at_work: AtWork,
) -> Result<Handler> {
    let mut linker = Linker::new(engine);
    host::add_to_linker(&mut linker)?;
    let id = &shared.component.id;
    let pre = linker
        .instantiate_pre(component)
        .map_err(anyhow::Error::from)
        .with_context(|| format!("component {id} imports what this host does not have"))?;
    let pre = match p3::bindings::ServicePre::new(pre.clone()) {
        Ok(service) => ProxyPre::P3(service),
        Err(_) => ProxyPre::P2(p2::bindings::ProxyPre::new(pre).map_err(anyhow::Error::from).with_context(|| {
            format!("component {id} exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")
        })?),
    };
    let permits = Arc::new(Semaphore::new(limits.instances as usize));
    Ok(ProxyHandler::new(Factory {
        engine: engine.clone(),
        pre,
        shared,
        limits,
        at_work,
        permits,
    }))
}

/// The maximum number of instances exists, and none was free.
#[derive(Debug)]
struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("all instances are busy (--max-instances)")
    }
}

impl std::error::Error for Full {}

/// Has a request answered by an existing instance or a new one; waits while the maximum exists and none is free.
///
/// # Errors
/// The component failed, or could not be started.
pub async fn answer(
    handler: &Handler,
    mut ticket: Ticket,
    mut request: handler::Request,
) -> wasmtime::Result<handler::Response> {
    let deadline = Instant::now() + handler.state().limits.request;
    loop {
        let error = match handler.handle(ticket, request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let failed = error.downcast::<InstantiationError<Ticket>>()?;
        if !failed.error.is::<Full>() || Instant::now() > deadline {
            return Err(failed.into());
        }
        ticket = failed.request_data;
        request = failed
            .request
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
    }
}

impl HandlerState for Factory {
    type StoreData = Instance;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(
        &self,
    ) -> wasmtime::Result<handler::Instance<Instance, Expiration, Worker>> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(FULL_WAIT, permit)
            .await
            .map_err(|_| Full)??;
        let mut store = Store::new(
            &self.engine,
            Instance::new(&self.shared, self.limits.memory_bytes),
        );
        store.limiter(|instance| &mut instance.limits);
        let busy = Arc::new(Busy::default());
        watch(&mut store, Arc::clone(&busy), self.limits.cpu);
        let proxy = self.pre.instantiate_async(&mut store).await?;
        let limits = self.limits;
        Ok(handler::Instance {
            store,
            proxy,
            view: Instance::http,
            expiration: Expiration {
                limits,
                busy,
                presence: Presence {
                    at_work: self.at_work.clone(),
                    is_counted: false,
                },
                sleep: Box::pin(tokio::time::sleep(limits.idle)),
            },
            state: Worker {
                limits,
                id: self.shared.component.id.clone(),
                _permit: permit,
            },
        })
    }
}

/// How long an instance has computed without waiting for anything.
#[derive(Default)]
struct Busy {
    ticks: AtomicU64,
    yielded: AtomicBool,
}

/// Makes the guest yield every tick, so that it cannot hold a thread, and trap after `limit` of pure computation.
fn watch(store: &mut Store<Instance>, busy: Arc<Busy>, limit: Duration) {
    let limit = u64::try_from(limit.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        let ticks = busy.ticks.fetch_add(1, Ordering::Relaxed);
        if ticks >= limit {
            return Err(format_err!(
                "the component computed for longer than --max-cpu-ms"
            ));
        }
        busy.yielded.store(true, Ordering::Relaxed);
        if ticks < PATIENT_TICKS {
            return Ok(UpdateDeadline::Yield(1));
        }
        // A task that is always ready keeps its thread from polling sockets: pause for a moment.
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::time::sleep(PAUSE)),
        ))
    });
}

impl Default for AtWork {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl AtWork {
    /// Waits until no instance is busy.
    pub async fn end(&self) {
        // Its sender is held here, so it cannot be closed.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// One instance's part of the count.
struct Presence {
    at_work: AtWork,
    is_counted: bool,
}

impl Presence {
    fn set(&mut self, is_at_work: bool) {
        if is_at_work == self.is_counted {
            return;
        }
        self.is_counted = is_at_work;
        self.at_work.0.send_modify(|count| {
            if is_at_work {
                *count += 1;
            } else {
                *count -= 1;
            }
        });
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// When an instance must end.
pub struct Expiration {
    limits: Limits,
    busy: Arc<Busy>,
    presence: Presence,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        // Polled whenever the instance pauses: either the timer made it yield, or it waits for something.
        if !self.busy.yielded.swap(false, Ordering::Relaxed) {
            self.busy.ticks.store(0, Ordering::Relaxed);
        }
        self.presence.set(status != WorkerStatus::Idle);
        let timeout = match status {
            WorkerStatus::Idle => self.limits.idle,
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.limits.request,
        };
        let deadline = tokio::time::Instant::from_std(start + timeout);
        if deadline != self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// How many requests an instance accepts, and when it is reused.
pub struct Worker {
    limits: Limits,
    id: String,
    _permit: OwnedSemaphorePermit,
}

impl WorkerState for Worker {
    type StoreData = Instance;
    type RequestData = Ticket;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.limits.reuse {
            ShouldAccept::Never
        } else if concurrent >= self.limits.concurrent {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        mut store: StoreContextMut<'_, Instance>,
        ticket: Ticket,
        task: component::GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        // A new time slice: the last one began when the instance last worked, perhaps long ago.
        store.set_epoch_deadline(1);
        store.data_mut().calls().begin(task, ticket);
        Box::pin(tokio::time::sleep(self.limits.request))
    }

    fn drop(&self, mut store: Store<Instance>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result {
            store.data_mut().calls().break_down();
            logs::error(&format!(
                "an instance of component {} was ended: {error:?}",
                self.id
            ));
        }
        drop(store);
    }
}
