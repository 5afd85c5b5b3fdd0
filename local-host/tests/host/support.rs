//! What the tests of the running host share: the built probe, a host on a free port, a client and an upstream on plain
//! sockets. Asserts nothing about the host.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails here"
)]

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

/// Nothing in these tests takes longer; a test that would hang fails instead.
pub const PATIENCE: Duration = Duration::from_secs(30);

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "probe"
[variables]
greeting = { default = "hello" }
[[trigger.http]]
route = "/..."
component = "probe"
[[trigger.http]]
route = "/named/:thing/..."
component = "probe"
[component.probe]
source = "WASM"
key_value_stores = ["default"]
sqlite_databases = ["default", "unknown"]
allowed_outbound_hosts = ["http://127.0.0.1:*"]
[component.probe.build]
command = "make the probe"
[component.probe.variables]
greeting = "{{ greeting }} there"
"#;

/// The probe's file, built once per run of the tests.
pub fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let status = Command::new(env!("CARGO"))
            .current_dir(workspace)
            .args([
                "build",
                "--quiet",
                "--profile",
                "component",
                "--target",
                "wasm32-wasip2",
                "-p",
                "local-host-probe",
            ])
            .status()
            .unwrap();
        assert!(
            status.success(),
            "the probe did not build; is the target there? rustup target add wasm32-wasip2"
        );
        let target = Path::new(env!("CARGO_BIN_EXE_local-host"))
            .ancestors()
            .nth(2)
            .unwrap();
        target.join("wasm32-wasip2/component/local_host_probe.wasm")
    })
}

/// A folder with a manifest for the component in `wasm`.
pub fn folder(wasm: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = MANIFEST.replace("WASM", wasm.to_str().unwrap());
    fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    folder
}

/// A host that serves the probe; ended when dropped.
pub struct Host {
    child: Child,
    address: SocketAddr,
    folder: Option<tempfile::TempDir>,
}

impl Host {
    /// Starts a host with more options than the test's own.
    pub fn start(options: &[&str]) -> Self {
        Self::start_in(folder(probe()), options)
    }

    /// Starts a host on a folder that another may have used.
    pub fn start_in(folder: tempfile::TempDir, options: &[&str]) -> Self {
        let mut command = Self::command(folder.path());
        let mut child = command
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("ready ")
            .expect("the ready message")
            .parse()
            .unwrap();
        Self {
            child,
            address,
            folder: Some(folder),
        }
    }

    /// Stops the host and gives its folder back.
    pub fn stop(mut self) -> tempfile::TempDir {
        self.terminate();
        assert_eq!(self.wait().code(), Some(0));
        self.folder.take().unwrap()
    }

    /// What a host says that cannot start on this folder.
    pub fn refusal(folder: &Path) -> String {
        let status = Self::command(folder)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1));
        fs::read_to_string(folder.join("stderr")).unwrap()
    }

    fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-host"));
        let errors = fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("stderr"))
            .unwrap();
        command
            .args(["--listen", "127.0.0.1:0", "--ready-message", "ready {addr}"])
            .arg("--manifest")
            .arg(folder.join("spin.toml"))
            .arg("--state")
            .arg(folder.join("state"))
            .stderr(errors);
        command
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the manifest, the state and the log are.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Everything that the host and its components logged.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder().join("stderr")).unwrap()
    }

    pub fn state(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// Asks the host to stop, as a service manager does.
    pub fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the host did not stop: {}", self.stderr());
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").read()
    }

    pub fn fetch(&self, target: &str) -> Reply {
        self.send("GET", "/fetch", &[("x-target", target)], b"")
            .read()
    }

    /// Sends a request and returns while the answer is on its way.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answering {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: probe.test\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let body = body.to_vec();
        // Beside the reading: an echo answers before it has read everything. A host that refuses may close early.
        thread::spawn(move || drop(writer.write_all(&body)));
        Answering::new(stream)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request that was sent.
pub struct Answering {
    pub stream: TcpStream,
    seen: Vec<u8>,
}

impl Answering {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            seen: Vec::new(),
        }
    }

    /// Reads the whole answer, including what was read before.
    pub fn read(mut self) -> Reply {
        let ended = self.stream.read_to_end(&mut self.seen).is_ok();
        Reply::parse(&self.seen, ended)
    }

    /// Reads until `text` has arrived.
    pub fn read_until(&mut self, text: &str) {
        let mut byte = [0];
        while !self.seen.ends_with(text.as_bytes()) {
            assert_eq!(
                self.stream.read(&mut byte).unwrap(),
                1,
                "ended before {text:?}"
            );
            self.seen.push(byte[0]);
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Its head, in lower case.
    pub head: String,
    pub body: Vec<u8>,
    /// Whether the body ended as HTTP says, and was not cut off.
    pub whole: bool,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn parse(bytes: &[u8], ended: bool) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a response head");
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let rest = &bytes[end + 4..];
        if head.contains("transfer-encoding: chunked") {
            let (body, whole) = dechunk(rest);
            return Self {
                status,
                head,
                body,
                whole,
            };
        }
        let length = head
            .split("content-length: ")
            .nth(1)
            .map(|l| l.lines().next().unwrap().parse().unwrap());
        Self {
            status,
            head,
            body: rest.to_vec(),
            whole: ended && length.is_none_or(|l: usize| l == rest.len()),
        }
    }
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(at + 2..at + 2 + size) else {
            break;
        };
        body.extend_from_slice(chunk);
        rest = rest.get(at + 4 + size..).unwrap_or_default();
    }
    (body, false)
}

/// A server that takes one connection and hands it over once it has read a request's head.
pub struct Upstream(TcpListener);

impl Upstream {
    pub fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.0.local_addr().unwrap())
    }

    /// The next request's connection.
    pub fn accept(&self) -> TcpStream {
        let (stream, _) = self.0.accept().unwrap();
        let mut connection = Answering::new(stream);
        connection.read_until("\r\n\r\n");
        connection.stream
    }
}

/// Waits until the peer has ended the connection, and tells how long that took.
pub fn until_closed(mut stream: TcpStream) -> Duration {
    let start = Instant::now();
    let mut sink = [0; 1024];
    // A reset is an end as well.
    while matches!(stream.read(&mut sink), Ok(n) if n > 0) {}
    start.elapsed()
}

/// Ends a client's connection at once, as a browser does that navigates away.
pub fn leave(answering: &Answering) {
    answering.stream.shutdown(Shutdown::Both).unwrap();
}
