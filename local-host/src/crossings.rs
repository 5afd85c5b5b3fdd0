//! Counts what crosses between the components and this host, by name, for `--count-calls`: calls of imports (but the `send`
//! of `wasi:http/client`, one per upstream call), operations of the component model on streams, futures and tasks, and
//! events that are delivered. Owns where the counts come from (the engine's traces) and how they are printed; without the
//! option nothing is counted.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, anyhow};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::logs;

/// The span that generated bindings open for each call of an import.
const SPAN: &str = "wit-bindgen import";
/// Where the engine traces operations of the component model.
const ENGINE: &str = "wasmtime::runtime::component::concurrent";
/// How the engine's traces of operations begin, with their names.
const OPERATIONS: [(&str, &str); 13] = [
    ("guest_read ", "read of a stream or future"),
    ("guest_write ", "write of a stream or future"),
    ("guest_drop_readable", "drop of a reading end"),
    ("guest_drop_writable", "drop of a writing end"),
    ("guest cancel", "cancelled read or write"),
    ("new transmit", "new stream or future"),
    ("task.return", "task.return"),
    ("new waitable set", "waitable-set.new"),
    ("drop waitable set", "waitable-set.drop"),
    ("waitable check", "waitable-set.wait or poll"),
    ("subtask_drop", "subtask.drop"),
    ("subtask_cancel", "subtask.cancel"),
    ("use callback to deliver event", "(event delivered)"),
];

static COUNTS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Begins to count, for the whole process.
///
/// # Errors
/// It has begun before.
pub fn start() -> Result<()> {
    tracing::subscriber::set_global_default(Imports).context("calls are counted already")?;
    log::set_logger(&Operations).map_err(|error| anyhow!("calls are counted already: {error}"))?;
    log::set_max_level(log::LevelFilter::Trace);
    Ok(())
}

/// Prints the counts since the last time, and begins at zero again.
pub fn report() {
    let counts = std::mem::take(&mut *COUNTS.lock().unwrap_or_else(PoisonError::into_inner));
    let mut all = 0;
    for (name, count) in counts {
        all += count;
        logs::info(&format!("calls: {count} {name}"));
    }
    logs::info(&format!("calls: {all} in all"));
}

/// Counts one call.
fn count(name: String) {
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    *counts.entry(name).or_default() += 1;
}

/// The name of the operation in one of the engine's traces; `None`: it is about something else.
fn operation(trace: &str) -> Option<&'static str> {
    if trace.starts_with("guest_read result") || trace.starts_with("guest_write result") {
        return None;
    }
    if trace.starts_with("waitable ") && trace.contains(" join set") {
        // The engine's own steps have no handle.
        return trace.contains("(handle").then_some("waitable.join");
    }
    let mut operations = OPERATIONS.iter();
    operations
        .find(|(begin, _)| trace.starts_with(begin))
        .map(|(_, name)| *name)
}

/// Calls of imports.
struct Imports;

impl Subscriber for Imports {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == SPAN
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut import = Import::default();
        span.record(&mut import);
        count(format!("{}: {}", import.module, import.function));
        // No span is looked at again, so that all may have the same id.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What is called, in the fields of its span.
#[derive(Default)]
struct Import {
    module: String,
    function: String,
}

impl Visit for Import {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "module" => value.clone_into(&mut self.module),
            "function" => value.clone_into(&mut self.function),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// Operations of the component model.
struct Operations;

impl log::Log for Operations {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with(ENGINE)
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata())
            && let Some(name) = operation(&record.args().to_string())
        {
            count(name.to_owned());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_read_as_the_engine_writes_them() {
        for (trace, expected) in [
            (
                "guest_read 65536 from TransmitHandle(3) (handle 5; state Id(1))",
                Some("read of a stream or future"),
            ),
            (
                "guest_read result for TransmitHandle(3) (handle 5): Blocked",
                None,
            ),
            (
                "waitable Host(7) (handle 3) join set Id(2) (handle 1)",
                Some("waitable.join"),
            ),
            ("waitable Host(7) join set None", None),
            ("task.return for QualifiedThreadId", Some("task.return")),
            ("handle work item PushFuture", None),
        ] {
            assert_eq!(operation(trace), expected, "{trace}");
        }
    }
}
