//! The core on fakes as a program, for the conformance suite. Owns only its start.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match gateway_testkit::core_host::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
