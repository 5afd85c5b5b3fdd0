//! What the core costs as a gateway grows, for `cargo xtask bench --growth`. Owns only its start: `growth [--quick]`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let is_quick = std::env::args().any(|word| word == "--quick");
    match gateway_testkit::growth::run(is_quick) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
