//! Compares what the gateway reads in a request with what servers in other languages read in what it passes on. Owns
//! only its start: `differential CORPUS CASES READER…`, each reader being a command in one argument.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match gateway_testkit::differential::run(std::env::args().skip(1)) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
