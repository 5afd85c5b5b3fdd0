//! A gateway that runs while the conformance suite is against it. Owns its start, its port and its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The longest start: a gateway in Python imports for many seconds on a slow machine.
const START: Duration = Duration::from_mins(3);

/// The longest end of a gateway that ends by itself.
const END: Duration = Duration::from_secs(15);

/// A running gateway; it ends with this value.
pub struct Served {
    child: Child,
    /// Where it serves, such as `http://127.0.0.1:3000`.
    pub url: String,
}

impl Served {
    /// Starts a gateway that serves on a port of its command line, and waits until it accepts connections.
    pub fn on_port(mut command: Command, port: u16, log: &Path) -> Result<Self> {
        let file = log_file(log)?;
        command.stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().context("the gateway does not start")?;
        let mut served = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = served.child.try_wait()? {
                bail!("the gateway ended ({status}); see {}", log.display());
            }
            if start.elapsed() > START {
                bail!(
                    "the gateway does not accept connections; see {}",
                    log.display()
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(served)
    }

    /// Starts a gateway that chooses its port and prints `ready` and its addresses.
    ///
    /// `input`: piped for a gateway with child processes, which ends them and itself when its input is closed.
    pub fn that_says_ready(mut command: Command, input: Stdio, log: &Path) -> Result<Self> {
        let mut file = log_file(log)?;
        command.stdin(input);
        command.stdout(Stdio::piped()).stderr(file.try_clone()?);
        let mut child = command.spawn().context("the gateway does not start")?;
        let output = child.stdout.take().context("the gateway has no output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        // One whose output is closed ends with its next line. A log that cannot be written is no reason to fail.
        thread::spawn(move || io::copy(&mut output, &mut file));
        let mut words = line.split_whitespace();
        let address = words.nth(1).map(str::to_owned);
        let served = Self {
            child,
            url: format!("http://{}", address.as_deref().unwrap_or_default()),
        };
        if address.is_none() {
            bail!("the gateway is not ready; see {}", log.display());
        }
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.child.stdin.take().is_some() {
            let start = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < END {
                thread::sleep(Duration::from_millis(20));
            }
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_file(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Emptied, then appended to: the gateway and the thread that copies its output write at the same time, and without
    // `append` one could overwrite what the other has written.
    File::create(path)
        .and_then(|_| OpenOptions::new().append(true).open(path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A port that nothing listens on now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_gateway_says_where_it_serves_or_fails() {
        let log = std::env::temp_dir().join("xtask-served-test.log");
        let ready = "echo ready 127.0.0.1:4242 127.0.0.1:4243; exec sleep 30";
        let served = Served::that_says_ready(shell(ready), Stdio::null(), &log).unwrap();
        assert_eq!(served.url, "http://127.0.0.1:4242");
        assert!(Served::that_says_ready(shell("exit 1"), Stdio::null(), &log).is_err());
        let port = free_port().unwrap();
        let error = Served::on_port(shell("exit 3"), port, &log).err().unwrap();
        assert!(error.to_string().contains("ended"), "{error}");
    }

    #[test]
    fn a_gateway_with_an_input_ends_by_itself_when_it_is_closed() {
        let log = std::env::temp_dir().join("xtask-served-input-test.log");
        // It goes on printing, which must not end it.
        let ready = "echo ready 127.0.0.1:4242; echo more; cat; echo last; echo over >&2";
        let served = Served::that_says_ready(shell(ready), Stdio::piped(), &log).unwrap();
        drop(served);
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.contains("over\n"), "{text}");
    }
}
