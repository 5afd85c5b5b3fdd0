//! The panel in a real browser, on the hosts that serve it. Owns the gateways that the tests run against; the tests are
//! in `admin-ui/web/e2e`.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::build;
use crate::job::{Progress, shown};
use crate::panel;
use crate::password;
use crate::tools;
use crate::worker;
use crate::workspace::Workspace;

/// The admin password of a gateway that lives for one run and listens on the loopback only.
const PASSWORD: &str = "browser-test-password";

/// All tests on the local host, and the main ones on the Cloudflare Worker too.
pub fn run(workspace: &Workspace, progress: &Progress) -> Result<()> {
    let chromium = tools::debian(
        workspace,
        progress,
        &["chromium", "chromium-browser", "google-chrome"],
        "chromium",
    )?;
    panel::packages(workspace, progress)?;
    build::everything(workspace, progress)?;
    worker::build(workspace, progress)?;
    worker::packages(workspace, progress)?;
    let tests = |script: &str, gateway: &Gateway| {
        let mut command = workspace.npm(&["run", script]);
        command
            .env("GATEWAY_URL", &gateway.url)
            .env("ADMIN_PASSWORD", PASSWORD)
            .env("CHROMIUM", &chromium)
            // The tests of OIDC start a gateway themselves: their provider has to be there before it.
            .env("LOCAL_HOST", workspace.program("local-host"));
        progress.run(command)
    };
    tests("e2e", &Gateway::on_the_local_host(workspace)?)?;
    tests("e2e:journey", &Gateway::on_workerd(workspace)?)
}

/// A running gateway with its own state directory; both are removed when this is dropped.
struct Gateway {
    host: Child,
    state: PathBuf,
    url: String,
}

impl Gateway {
    fn on_the_local_host(workspace: &Workspace) -> Result<Self> {
        let state = state("local");
        let mut command = workspace.command(workspace.program("local-host"));
        command
            .arg("--manifest")
            .arg(workspace.path("spin.toml"))
            .args(["--listen", "127.0.0.1:0", "--quiet"])
            .args(["--ready-message", "ready {addr}", "--state"])
            .arg(&state)
            .env(password::VARIABLE, PASSWORD);
        Self::start(command, state)
    }

    fn on_workerd(workspace: &Workspace) -> Result<Self> {
        let state = state("worker");
        let mut command = workspace.command("node");
        command
            .arg(workspace.path("cloudflare-worker/serve.mjs"))
            .arg("--state")
            .arg(&state)
            .env("ADMIN_PASSWORD", PASSWORD);
        Self::start(command, state)
    }

    /// Starts a host whose first line is `ready` and its address.
    fn start(mut command: Command, state: PathBuf) -> Result<Self> {
        let host = command
            // Held open: the script around workerd ends, and workerd with it, when this is closed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", shown(&command)))?;
        let mut gateway = Self {
            host,
            state,
            url: String::new(),
        };
        let mut line = String::new();
        if let Some(stdout) = gateway.host.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            // The host ends, and with it this pipe, if it cannot serve, so that this wait ends.
            stdout.read_line(&mut line)?;
            // Later output is not needed, but it must be drained.
            std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("ready"), Some(address)) => gateway.url = format!("http://{address}"),
            _ => anyhow::bail!("the gateway did not start: `{}`", shown(&command)),
        }
        Ok(gateway)
    }

    fn ends_by_itself(&mut self) -> bool {
        for _ in 0..40 {
            if matches!(self.host.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.host.stdin.take());
        // The script around workerd ends by itself. The local host's state is not read again, so it need not shut down
        // gracefully.
        if !self.ends_by_itself() {
            let _ = self.host.kill();
        }
        let _ = self.host.wait();
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

fn state(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("xtask-browser-{name}-{}", std::process::id()))
}
