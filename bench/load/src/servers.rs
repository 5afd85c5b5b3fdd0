//! The servers that are compared, as processes on the loopback. Owns their start and their end.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::Arguments;
use crate::client::Connection;
use crate::start::Starter;
use crate::{cpu, mixed, setup, streams, translated};

/// A server under load: how the table names it, where it listens, whose processor time counts.
#[derive(Debug, Clone)]
pub struct Target {
    /// The table's name.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The key to call it with; only the gateways use it.
    pub key: String,
    /// The token for its metrics; `None` for what is no gateway.
    pub metrics: Option<String>,
    /// Its process.
    pub pid: u32,
}

/// Servers that are compared, running, in the order of the table: the reference comes first. The last three are a bare
/// pass-through, the gateway, and the gateway without its ledger.
pub struct Stage(Vec<Server>);

impl Stage {
    /// Starts them all; each but the first forwards to the first.
    pub async fn start(arguments: &Arguments, state: &Path) -> Result<Self> {
        let mut command = Command::new(arguments.programs.join("scripted-upstream"));
        command.args(["--listen", "127.0.0.1:0", "--no-log"]);
        let direct = Server::start("upstream directly", command)?;
        let mut upstream = Connection::open(direct.target.address).await?;
        let rules = json!([mixed::rules(), translated::rules(), streams::rules()].concat());
        setup::call(&mut upstream, "/__script", "none", &rules).await?;
        match &arguments.nginx {
            Some(nginx) => Self::on_the_local_host(arguments, state, direct, nginx).await,
            None => Self::on_workerd(arguments, state, direct).await,
        }
    }

    async fn on_the_local_host(
        arguments: &Arguments,
        state: &Path,
        direct: Server,
        program: &Path,
    ) -> Result<Self> {
        let upstream = direct.target.address;
        let nginx = nginx(program, state, upstream)?;
        let mut command = local_host(
            arguments,
            &state.join("pass-through"),
            "bench/passthrough.spin.toml",
        );
        command.env("SPIN_VARIABLE_UPSTREAM", format!("http://{upstream}"));
        let pass_through = Server::start("bare pass-through component", command)?;
        let local = |name: &str| local_host(arguments, &state.join(name), "spin.toml");
        let variable = "SPIN_VARIABLE_ADMIN_PASSWORD";
        let native = native_host(arguments, &state.join("native"));
        let mut native = gateway("gateway, native host", native, variable, upstream, true).await?;
        let (owned, folder) = (arguments.clone(), state.join("native-start"));
        native.starter = Some(Starter::new(move || native_host(&owned, &folder)));
        let with_ledger = gateway("gateway", local("gateway"), variable, upstream, true);
        let mut with_ledger = with_ledger.await?;
        let (owned, folder) = (arguments.clone(), state.join("gateway-start"));
        with_ledger.starter = Some(Starter::new(move || {
            local_host(&owned, &folder, "spin.toml")
        }));
        let without_ledger = gateway(
            "gateway, ledger off",
            local("without-ledger"),
            variable,
            upstream,
            false,
        )
        .await?;
        Ok(Self(vec![
            direct,
            nginx,
            native,
            pass_through,
            with_ledger,
            without_ledger,
        ]))
    }

    /// The Cloudflare Worker, in a process of workerd for each.
    async fn on_workerd(arguments: &Arguments, state: &Path, direct: Server) -> Result<Self> {
        let upstream = direct.target.address;
        let node = |script: &str| {
            let mut command = Command::new("node");
            command.arg(arguments.root.join("cloudflare-worker").join(script));
            command
        };
        let mut command = node("pass-through.mjs");
        command.arg(format!("http://{upstream}"));
        let pass_through = Server::start("bare pass-through worker", command)?;
        let serve = |name: &str| {
            let mut command = node("serve.mjs");
            command.arg("--state").arg(state.join(name));
            command
        };
        let variable = "ADMIN_PASSWORD";
        let with_ledger = gateway("gateway", serve("gateway"), variable, upstream, true);
        let with_ledger = with_ledger.await?;
        let without_ledger = gateway(
            "gateway, ledger off",
            serve("without-ledger"),
            variable,
            upstream,
            false,
        )
        .await?;
        let mut servers = vec![direct, pass_through, with_ledger, without_ledger];
        for server in servers.iter_mut().skip(1) {
            // The runtime, not the script that started it and prints its log.
            server.target.pid = cpu::child_of(server.target.pid)?;
        }
        Ok(Self(servers))
    }

    /// Starts the server's program once more, on a state directory of its own, and ends it: the time until it answered its
    /// first request. `None` for what is not compared there.
    pub fn start_again(&self, index: usize) -> Result<Option<Duration>> {
        self.0
            .get(index)
            .and_then(|server| server.starter.as_ref())
            .map(Starter::time)
            .transpose()
    }

    /// In the order of the table.
    pub fn targets(&self) -> Vec<&Target> {
        self.0.iter().map(|server| &server.target).collect()
    }
}

/// A gateway with one channel and one client key.
async fn gateway(
    name: &'static str,
    mut command: Command,
    password_variable: &str,
    upstream: SocketAddr,
    with_ledger: bool,
) -> Result<Server> {
    let password = setup::password()?;
    command.env(password_variable, &password);
    command.env(
        password_variable.replace("ADMIN_PASSWORD", "METRICS_TOKEN"),
        &password,
    );
    let mut server = Server::start(name, command)?;
    let address = server.target.address;
    server.target.key = setup::prepare(address, &password, upstream, with_ledger).await?;
    server.target.metrics = Some(password);
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

/// With one thread, as nginx has one worker.
fn native_host(arguments: &Arguments, state: &Path) -> Command {
    let mut command = Command::new(arguments.programs.join("ai-gateway"));
    command
        .args(["--listen", "127.0.0.1:0", "--threads", "1"])
        .args(["--ready-message", "{addr}", "--state"])
        .arg(state);
    command
}

/// A reverse proxy as its manual advises: keep-alive on both sides, nothing written to disk, one worker.
fn nginx(program: &Path, state: &Path, upstream: SocketAddr) -> Result<Server> {
    // nginx cannot report the port that it was given; this one was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let folder = state.join("nginx");
    fs::create_dir_all(&folder)?;
    let folder = folder.display();
    let configuration = format!(
        "worker_processes 1;
daemon off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 8192; }}
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
pub struct Server {
    /// What is measured of it.
    pub target: Target,
    child: Child,
    starter: Option<Starter>,
}

impl Server {
    /// Starts a program whose first line is its address.
    pub fn start(name: &'static str, command: Command) -> Result<Self> {
        Self::spawn(name, command, None)
    }

    fn spawn(
        name: &'static str,
        mut command: Command,
        address: Option<SocketAddr>,
    ) -> Result<Self> {
        let program = PathBuf::from(command.get_program());
        let mut child = command
            // Held open: a script around a runtime ends with it.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take();
        let pid = child.id();
        // From here on the process is ended by its owner.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            target: Target {
                name,
                address: address.unwrap_or(unknown),
                key: String::from("none"),
                metrics: None,
                pid,
            },
            child,
            starter: None,
        };
        if address.is_none() {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                let mut stdout = BufReader::new(stdout);
                stdout.read_line(&mut line)?;
                // Later output is not needed, but it must be drained.
                std::thread::spawn(move || io::copy(&mut stdout, &mut io::sink()));
            }
            let addresses = line.strip_prefix("ready ").unwrap_or(&line);
            let first = addresses.split_whitespace().next().unwrap_or_default();
            server.target.address = first
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
