//! Runs one case once, in a function that `valgrind --tool=callgrind --toggle-collect=…` finds by its name.
//!
//! `instructions --list` names the cases. `cargo xtask bench --micro` drives it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use gateway_micro::CASES;

/// All that is counted. Never inlined, so that its name stays.
#[inline(never)]
fn counted_run(run: &mut dyn FnMut()) {
    run();
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == "--list" {
        for case in CASES {
            println!("{case}");
        }
        return ExitCode::SUCCESS;
    }
    let Some(case) = CASES.iter().find(|case| case.name == name) else {
        eprintln!("there is no case {name:?}; --list names them");
        return ExitCode::FAILURE;
    };
    let mut run = (case.prepare)();
    // What is made once per process, such as tables and the allocator's first pages, is not counted.
    run();
    counted_run(&mut *run);
    ExitCode::SUCCESS
}
