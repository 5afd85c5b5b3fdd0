//! The gateway as a process of its own: the core over hyper, rustls and SQLite, without WebAssembly. Decides nothing about
//! requests; see `gateway_core::app`.

mod database;
mod options;
mod panel;
mod ports;
mod serve;
mod threads;
mod upstream;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::options::Options;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            // A closed pipe is ignored.
            let _ = std::io::stdout().write_all(options::HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("ai-gateway: {error:#}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ai-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    raise_file_limit();
    threads::run(options)
}

/// Every request may need two sockets, and the usual limit of 1024 files is soon used up.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!(
            "ai-gateway: the limit of open files stays at {:?}: {error}",
            limit.current
        );
    }
}
