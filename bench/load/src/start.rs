//! How long a server takes from the start of its process to its first answer. Owns that measurement.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::servers::Server;

/// Longer than any start takes: the first one compiles components.
const LIMIT: Duration = Duration::from_mins(1);

/// A way to start a server's program, on a state directory of its own.
pub struct Starter(Box<dyn Fn() -> Command>);

impl fmt::Debug for Starter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Starter")
    }
}

impl Starter {
    /// By this command, whose first line is its address.
    pub fn new(command: impl Fn() -> Command + 'static) -> Self {
        Self(Box::new(command))
    }

    /// Starts it and ends it: the time until it had answered one request.
    pub fn time(&self) -> Result<Duration> {
        let Self(command) = self;
        let started = Instant::now();
        let server = Server::start("a start", command())?;
        ask(server.target.address)?;
        Ok(started.elapsed())
    }
}

fn ask(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(
        answer.starts_with("HTTP/1.1 200 "),
        "/health is answered with {answer:?}"
    );
    Ok(())
}
