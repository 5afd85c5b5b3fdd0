//! The servers that are compared, as processes on the loopback. Owns their start and their end.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::Arguments;
use crate::setup;

/// A server under load: how the table names it, where it listens, whose processor time counts.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table's name.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The key to call it with; only the gateways take notice of it.
    pub key: String,
    /// Its process.
    pub pid: u32,
}

/// A configuration under which no request is recorded.
const WITHOUT_LEDGER: &str = r#"{"version":1,"settings":{"ledger":false}}"#;

/// All servers, running.
pub struct Stage {
    direct: Server,
    nginx: Server,
    pass_through: Server,
    gateway: Server,
    without_ledger: Server,
}

impl Stage {
    /// Starts them all; each but the first forwards to the first.
    pub async fn start(arguments: &Arguments, state: &Path) -> Result<Self> {
        let mut command = Command::new(arguments.programs.join("scripted-upstream"));
        command.args(["--listen", "127.0.0.1:0", "--no-log"]);
        let direct = Server::start("upstream directly", command)?;
        let upstream = direct.target.address;
        let nginx = nginx(&arguments.nginx, state, upstream)?;
        let mut command = local_host(
            arguments,
            &state.join("pass-through"),
            "bench/passthrough.spin.toml",
        );
        command.env("SPIN_VARIABLE_UPSTREAM", format!("http://{upstream}"));
        let pass_through = Server::start("bare pass-through component", command)?;
        let with_ledger =
            gateway(arguments, "gateway", &state.join("gateway"), upstream, None).await?;
        let without_ledger = gateway(
            arguments,
            "gateway, ledger off",
            &state.join("without-ledger"),
            upstream,
            Some(WITHOUT_LEDGER),
        )
        .await?;
        Ok(Self {
            direct,
            nginx,
            pass_through,
            gateway: with_ledger,
            without_ledger,
        })
    }

    /// In the order of the table: what is compared with comes first.
    pub const fn targets(&self) -> [&Target; 5] {
        [
            &self.direct.target,
            &self.nginx.target,
            &self.pass_through.target,
            &self.gateway.target,
            &self.without_ledger.target,
        ]
    }
}

/// A gateway with one channel and one client key.
async fn gateway(
    arguments: &Arguments,
    name: &'static str,
    state: &Path,
    upstream: SocketAddr,
    config: Option<&str>,
) -> Result<Server> {
    let password = setup::password()?;
    let mut command = local_host(arguments, state, "spin.toml");
    command.env("SPIN_VARIABLE_ADMIN_PASSWORD", &password);
    if let Some(config) = config {
        command.env("SPIN_VARIABLE_CONFIG", config);
    }
    let mut server = Server::start(name, command)?;
    server.target.key = setup::prepare(server.target.address, &password, upstream).await?;
    Ok(server)
}

fn local_host(arguments: &Arguments, state: &Path, manifest: &str) -> Command {
    let mut command = Command::new(arguments.programs.join("local-host"));
    command
        .arg("--manifest")
        .arg(arguments.root.join(manifest))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--quiet",
            "--ready-message",
            "{addr}",
            "--state",
        ])
        .arg(state);
    command
}

/// A reverse proxy as its manual advises: keep-alive on both sides, nothing written to disk, one worker.
fn nginx(program: &Path, state: &Path, upstream: SocketAddr) -> Result<Server> {
    // nginx cannot say which port it was given; this one was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let folder = state.join("nginx");
    fs::create_dir_all(&folder)?;
    let folder = folder.display();
    let configuration = format!(
        "worker_processes 1;
daemon off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  tcp_nodelay on;
  keepalive_requests 100000000;
  upstream scripted {{
    server {upstream};
    keepalive 128;
    keepalive_requests 100000000;
  }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://scripted;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
    }}
  }}
}}
"
    );
    let file = state.join("nginx.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c"]).arg(file);
    let server = Server::spawn("nginx, plain reverse proxy", command, Some(address))?;
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > Duration::from_secs(5) {
            bail!("nginx did not start");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

/// A child process that ends when this is dropped.
struct Server {
    target: Target,
    child: Child,
}

impl Server {
    /// Starts a program whose first line is its address.
    fn start(name: &'static str, command: Command) -> Result<Self> {
        Self::spawn(name, command, None)
    }

    fn spawn(
        name: &'static str,
        mut command: Command,
        address: Option<SocketAddr>,
    ) -> Result<Self> {
        let program = PathBuf::from(command.get_program());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take();
        let pid = child.id();
        // From here on the process has an owner who ends it.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            target: Target {
                name,
                address: address.unwrap_or(unknown),
                key: String::from("none"),
                pid,
            },
            child,
        };
        if address.is_none() {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                BufReader::new(stdout).read_line(&mut line)?;
            }
            server.target.address = line
                .trim()
                .parse()
                .with_context(|| format!("{name} did not start: it printed {line:?}"))?;
        }
        Ok(server)
    }

    fn terminate(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process without an id")?, Signal::TERM)?;
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > Duration::from_secs(3) {
                bail!("it did not end in time");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.terminate().is_err() {
            // Both do nothing if it has ended.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
