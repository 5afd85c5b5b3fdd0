//! The demo's services and its state directory, for `cargo xtask up --demo`. Owns only its start: `demo DIRECTORY`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(state) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("demo DIRECTORY");
        return ExitCode::FAILURE;
    };
    match gateway_testkit::demo::run(&state) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
