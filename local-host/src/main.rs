//! Serves the components of a Spin manifest on an embedded wasmtime, for trying and testing.
//!
//! Knows WIT interfaces and `.wasm` files; must not know what the components do.

use std::{env, io::Write, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use host_io::{backup, data, fault::Fault, private, state_dir::StateDir};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    host::Shared,
    logs::ComponentLog,
    manifest::App,
    options::{Command, Options},
    outbound::Outbound,
    server::Site,
    sqlite::Databases,
    worker::AtWork,
};

mod bindings;
mod crossings;
mod engine;
mod failures;
mod headers;
mod host;
mod logs;
mod manifest;
mod options;
mod outbound;
mod precompiled;
mod reply;
mod routes;
mod server;
mod sqlite;
mod template;
mod worker;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    private::restrict_new_files();
    let command = match Options::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => {
            logs::error(&format!("{error:#}"));
            return ExitCode::from(2);
        }
    };
    let outcome = match command {
        Command::Help => {
            // A closed pipe is ignored.
            let _ = std::io::stdout().write_all(options::HELP.as_bytes());
            Ok(())
        }
        Command::Serve(options) => start(&options),
        Command::BackUp(folder, options) => {
            backup::back_up(&options.state, &folder).map(|files| report("made", &files))
        }
        Command::Restore(folder, options) => {
            backup::restore(&options.state, &folder).map(|files| report("kept", &files))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logs::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn report(what: &str, files: &[PathBuf]) {
    for file in files {
        logs::info(&format!("{what} {}", file.display()));
    }
}

fn start(options: &Options) -> Result<()> {
    logs::set_quiet(options.quiet);
    if options.count_calls {
        crossings::start()?;
    }
    raise_file_limit();
    let mut builder = runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers);
    }
    let runtime = builder.enable_all().build()?;
    let result = runtime.block_on(run(options));
    // The process ends here: instances that still work are not shut down one by one.
    std::mem::forget(runtime);
    result
}

async fn run(options: &Options) -> Result<()> {
    let state = StateDir::open(&options.state)?;
    let app = App::load(&options.manifest, |key| env::var(key).ok())?;
    let fault = |option: &Option<String>| {
        let parse = |text: &String| Fault::parse(text, state.folder());
        option.as_ref().map(parse).transpose()
    };
    let data = data::open(&state)?;
    if let Some(set_aside) = &data.set_aside {
        logs::error(&set_aside.to_string());
    }
    let database = data.store.failing(fault(&options.fault_store)?);
    let databases = Databases::new(state.folder(), fault(&options.fault_sqlite)?);
    let outbound = Arc::new(Outbound::new()?);
    let engine = engine::new(&options.limits, app.components.len())?;
    let at_work = AtWork::default();
    let mut handlers = Vec::new();
    for component in app.components {
        let compiled = engine::load(&engine, &component, &state.cache())?;
        let shared = Arc::new(Shared {
            stdout: ComponentLog::new(&component.id, false),
            stderr: ComponentLog::new(&component.id, true),
            database: database.clone(),
            databases: databases.clone(),
            outbound: Arc::clone(&outbound),
            component,
        });
        handlers.push(worker::handler(
            &engine,
            &compiled,
            shared,
            options.limits,
            at_work.clone(),
        )?);
    }
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: name another address with --listen",
            options.listen
        )
    })?;
    let local = listener.local_addr()?;
    let site = Arc::new(Site::new(app.router, handlers, local)?);
    if options.count_calls {
        tokio::spawn(report_calls(signal(SignalKind::user_defined1())?));
    }
    logs::info(&format!("{} on http://{local}", app.name));
    announce(&options.ready_message.replace("{addr}", &local.to_string()))?;
    let stop = CancellationToken::new();
    tokio::select! {
        () = server::serve(listener, site, &at_work, stop.cancelled()) => {}
        () = second_signal(terminate, interrupt, &stop) => logs::info("stopping at once"),
    }
    database.checkpoint()?;
    databases.checkpoint()
}

/// Prints the counted calls at each signal.
async fn report_calls(mut wanted: Signal) {
    while wanted.recv().await.is_some() {
        crossings::report();
    }
}

/// Every request may need two sockets, and the usual limit of 1024 files is soon used up.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        logs::info(&format!(
            "the limit of open files stays at {:?}: {error}",
            limit.current
        ));
    }
}

/// The only line on standard output.
fn announce(message: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{message}")?;
    stdout.flush()?;
    Ok(())
}

/// Asks for a graceful stop at the first signal and resolves at the second.
async fn second_signal(mut terminate: Signal, mut interrupt: Signal, stop: &CancellationToken) {
    for _ in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    }
}
