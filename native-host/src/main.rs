//! The gateway as a process of its own: the core over hyper, rustls and SQLite, without WebAssembly. Decides nothing about
//! requests; see `gateway_core::app`.

mod database;
mod environment;
mod files;
mod handover;
mod health;
mod logs;
mod notify;
mod options;
mod panel;
mod ports;
mod process;
mod serve;
mod sockets;
mod threads;
mod tls;
mod upstream;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use host_io::{backup, private};

use crate::options::Command;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    private::restrict_new_files();
    let command = match options::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("ai-gateway: {error:#}");
            return ExitCode::from(2);
        }
    };
    let outcome = match command {
        Command::Print(text) => {
            // A closed pipe is ignored.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(())
        }
        Command::Serve(options) => process::run(&options),
        Command::HealthCheck(options) => health::check(&options),
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
            logs::note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn report(what: &str, files: &[PathBuf]) {
    for file in files {
        logs::note(format_args!("{what} {}", file.display()));
    }
}
