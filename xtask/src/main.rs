//! The project's commands: `cargo xtask up`, `test`, `bench`, `conform`, `import`, `worker`, `dist` and `sbom`.
//!
//! Owns the command line. What a command does is in the module of its name; must not know how the gateway works.
#![forbid(unsafe_code)]

mod bench;
mod browser;
mod build;
mod conform;
mod differential;
mod dist;
mod fuzz;
mod import;
mod import_api;
mod instructions;
mod job;
mod musl;
mod options;
mod panel;
mod password;
mod peers;
mod served;
mod steps;
mod test;
mod tools;
mod up;
mod worker;
mod workspace;

use std::process::ExitCode;

use options::Command;
use workspace::Workspace;

fn main() -> ExitCode {
    let outcome = options::parse(std::env::args().skip(1)).and_then(|command| {
        let workspace = Workspace::locate()?;
        match command {
            Command::Help => {
                print!("{}", options::HELP);
                Ok(())
            }
            Command::Up(options) => up::run(&workspace, &options),
            Command::Test(options) => test::run(&workspace, &options),
            Command::Bench(options) => bench::run(&workspace, &options),
            Command::Conform(words) => conform::run(&workspace, &words),
            Command::Import(options) => import::run(&workspace, &options),
            Command::Worker => worker::run(&workspace),
            Command::Dist => dist::run(&workspace),
            Command::Sbom => dist::sbom(&workspace),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
