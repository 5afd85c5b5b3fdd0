//! The state of one instance, and everything that its imports reach. Each interface has a file; WASI itself is upstream's.

use std::sync::Arc;

use anyhow::Result;
use host_io::store::{Database, Store};
use rusqlite::Error as SqliteError;
use tokio::sync::Semaphore;
use wasmtime::{
    StoreLimits, StoreLimitsBuilder,
    component::{HasData, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    bindings,
    logs::{self, ComponentLog},
    manifest::Component,
    outbound::Outbound,
    sqlite::{Databases, MAX_OPEN},
};

mod atomics;
mod calls;
mod key_value;
mod sqlite;
mod variables;

pub use atomics::Cas;
pub use calls::{Calls, Client, Ticket};
pub use sqlite::OpenConnection;

/// Handles of stores, swaps and the like that one instance may hold at a time, so that a leak is bounded.
const TABLE_CAPACITY: usize = 100_000;

/// What every instance of one component shares.
pub struct Shared {
    /// The component as the manifest describes it.
    pub component: Component,
    /// All key-value stores.
    pub database: Database,
    /// All SQLite databases.
    pub databases: Databases,
    /// Outbound HTTP.
    pub outbound: Arc<Outbound>,
    /// Where standard output goes.
    pub stdout: ComponentLog,
    /// Where standard error goes.
    pub stderr: ComponentLog,
}

/// The state of one instance.
pub struct Instance {
    shared: Arc<Shared>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    calls: Calls,
    /// One permit per connection to a database that may be open.
    connections: Arc<Semaphore>,
    /// Enforced by the engine on every growth of memory or table.
    pub limits: StoreLimits,
}

/// The projection that the bindings use: an instance's state as it is.
pub struct Host;

impl HasData for Host {
    type Data<'a> = &'a mut Instance;
}

impl Instance {
    /// A fresh state with at most `memory_bytes` of linear memory.
    pub fn new(shared: &Arc<Shared>, memory_bytes: usize) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(TABLE_CAPACITY);
        let wasi = WasiCtxBuilder::new()
            .stdout(shared.stdout.clone())
            .stderr(shared.stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self {
            shared: Arc::clone(shared),
            table,
            wasi,
            http: WasiHttpCtx::new(),
            calls: Calls::new(shared),
            connections: Arc::new(Semaphore::new(MAX_OPEN)),
            limits: StoreLimitsBuilder::new().memory_size(memory_bytes).build(),
        }
    }

    /// The bookkeeping of outbound calls.
    pub fn calls(&mut self) -> &mut Calls {
        &mut self.calls
    }

    /// The store with this label, if the manifest grants it.
    fn open_store(&self, label: &str) -> Option<Store> {
        self.shared
            .component
            .stores
            .contains(label)
            .then(|| self.shared.database.store(label))
    }
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.calls,
        }
    }
}

/// Defines everything that a component may import.
///
/// # Errors
/// Two definitions under one name, which is a mistake in this program.
pub fn add_to_linker(linker: &mut Linker<Instance>) -> Result<()> {
    let own: fn(&mut Instance) -> &mut Instance = |instance| instance;
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::bindings::http::types::add_to_linker::<_, WasiHttp>(
        linker,
        Instance::http,
    )?;
    calls::add_to_linker(linker)?;
    bindings::Imports::add_to_linker::<_, Host>(linker, own)?;
    Ok(())
}

/// The error that a component gets for a failure in SQLite; the detail is logged.
fn sqlite_failed(error: &SqliteError) -> String {
    logs::error(&format!("the key-value store failed: {error}"));
    format!("the store failed: {error}")
}
