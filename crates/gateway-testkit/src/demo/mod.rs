//! A gateway to look at without any API key: scripted services, and a state directory with channels, client keys, prices
//! and two days of traffic. Owns the program that prepares it and serves the services; serving the gateway itself is a
//! host's.

mod replay;
mod services;
mod setup;
mod state;
mod traffic;

use std::io::{self, Write as _};
use std::os::unix::process::parent_id;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gateway_core::units::Timestamp;

use crate::fakes::FakePorts;
use crate::upstream::{Action, Options, Record, Upstream};
use services::Service;
use state::State;

/// How often the program looks whether its parent is still there.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prepares `state` anew, serves the services, and prints `ready`, their address and a client key. Returns when the process
/// that started this one has ended.
pub fn run(state: &Path) -> io::Result<()> {
    // Read first: a parent that ends meanwhile is then noticed as well.
    let parent = parent_id();
    let services = serve()?;
    let client_key = prepare(state, &services.root_url())?;
    let mut output = io::stdout().lock();
    writeln!(output, "ready {} {client_key}", services.address())?;
    output.flush()?;
    drop(output);
    while parent_id() == parent {
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Writes two days of traffic into the state directory; returns the client key that is given to the reader.
fn prepare(state: &Path, origin: &str) -> io::Result<String> {
    let state = State::open(state)?;
    let ports = FakePorts::seeded(20_261_130);
    // The traffic is the same in every demo, but keys and secrets must not be.
    ports.use_machine_randomness()?;
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX));
    let lived = replay::live(ports, now, origin)?;
    state.replace(&lived.ports)?;
    Ok(lived.client_key)
}

/// The services on a free port of this machine.
fn serve() -> io::Result<Upstream> {
    let upstream = Upstream::start_with(Options {
        log: false,
        ..Options::default()
    })?;
    upstream.respond(|record| Some(answer(record)));
    Ok(upstream)
}

fn answer(record: &Record) -> Action {
    match services::route(&record.path) {
        Some((Service::Shaky, _)) => Service::outage(),
        Some((service, operation)) => service.answer(operation, &record.body),
        None => Action::error(404, "not_found", "There is no such path."),
    }
}

#[cfg(test)]
mod tests;
