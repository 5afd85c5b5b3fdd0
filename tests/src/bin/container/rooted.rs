//! A root directory with one program, and processes that have no other files and no rights. Owns how they are started:
//! by `setpriv` and `chroot` as root, by `unshare` as another user.
#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::file::Containerfile;

/// Within which the process has ended after the signal.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Where the commands lie that start it.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The root directory. It goes with this value.
pub struct Root {
    folder: TempDir,
    state: PathBuf,
    user: (u32, u32),
    /// Whether this process is root, and can give its rights up.
    has_rights: bool,
}

impl Root {
    /// Makes one; the inner error says why it is impossible here.
    pub fn new(program: &Path, file: &Containerfile) -> Result<Result<Self, String>> {
        let is_root = geteuid().is_root();
        if !is_root {
            // Root of a namespace of its own, where the system allows it.
            let probe = Command::new("unshare").args(["-r", "true"]).output();
            if !probe.is_ok_and(|output| output.status.success()) {
                return Ok(Err("it needs root, or user namespaces".to_owned()));
            }
        }
        let folder = tempfile::Builder::new().prefix("container-").tempdir()?;
        let root = folder.path();
        let inside = |path: &str| root.join(path.trim_start_matches('/'));
        let target = inside(file.command.first().context("no program")?);
        fs::copy(program, &target).with_context(|| format!("cannot copy {}", program.display()))?;
        fs::set_permissions(&target, Permissions::from_mode(0o555))?;
        let state = inside(&file.state);
        fs::create_dir(&state)?;
        fs::set_permissions(&state, Permissions::from_mode(0o700))?;
        if is_root {
            chown(&state, Some(file.user.0), Some(file.user.1))?;
        }
        fs::set_permissions(root, Permissions::from_mode(0o555))?;
        Ok(Ok(Self {
            state,
            user: file.user,
            has_rights: is_root,
            folder,
        }))
    }

    /// How much the processes may do, in words.
    pub fn rights(&self) -> String {
        if self.has_rights {
            format!("as user {} without capabilities", self.user.0)
        } else {
            "as the current user in a namespace".to_owned()
        }
    }

    /// A command of the file that sees the root directory alone.
    fn command(&self, file: &Containerfile, words: &[String]) -> Command {
        let mut command = if self.has_rights {
            let mut command = Command::new("setpriv");
            let (user, group) = self.user;
            command.args(["--no-new-privs", "chroot", "--groups="]);
            command.arg(format!("--userspec={user}:{group}"));
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["-r", "chroot"]);
            command
        };
        command.arg(self.folder.path()).args(words);
        command.env_clear().env("PATH", PATH);
        command.envs(file.environment.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    /// Starts what the file starts, on a free port of this machine or on `address`.
    pub fn start(
        &self,
        file: &Containerfile,
        address: Option<&str>,
        password: &str,
    ) -> Result<Running> {
        let mut words = file.command.clone();
        let listen = words.iter().position(|word| word == "--listen");
        let listen = listen.context("the command has no --listen")? + 1;
        address
            .unwrap_or("127.0.0.1:0")
            .clone_into(words.get_mut(listen).context("--listen has no value")?);
        words.extend(["--ready-message", "{addr}"].map(str::to_owned));
        let mut child = self
            .command(file, &words)
            .env("SPIN_VARIABLE_ADMIN_PASSWORD", password)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start setpriv or unshare")?;
        let output = child.stdout.take().context("an output")?;
        let mut running = Running {
            child,
            address: String::new(),
            user: self.has_rights.then_some(self.user.0),
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        line.trim().clone_into(&mut running.address);
        ensure!(!running.address.is_empty(), "the program did not start");
        Ok(running)
    }

    /// Whether the health check of the file succeeds, for a gateway at `address`.
    pub fn healthcheck(&self, file: &Containerfile, address: &str) -> Result<bool> {
        let mut words = file.healthcheck.clone();
        words.extend(["--listen", address].map(str::to_owned));
        let output = self.command(file, &words).output()?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => bail!(
                "the health check ended with {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }

    /// Checks that nothing was written but in the state, and that only its owner can read that.
    pub fn is_unchanged(&self) -> Result<()> {
        let count = fs::read_dir(self.folder.path())?.count();
        ensure!(count == 2, "the root directory has {count} entries");
        let mode = fs::metadata(&self.state)?.mode() & 0o777;
        ensure!(mode == 0o700, "the state directory has the mode {mode:o}");
        Ok(())
    }
}

/// A started program; it ends with this value.
pub struct Running {
    child: Child,
    address: String,
    /// The user that it must have.
    user: Option<u32>,
}

impl Running {
    /// Where it serves.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Checks the process itself: its user, its capabilities, its root directory.
    pub fn check_rights(&self) -> Result<()> {
        let process = PathBuf::from("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(process.join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).with_context(|| format!("no {name}"))
        };
        if let Some(user) = self.user {
            let users = field("Uid:")?;
            ensure!(
                users.split_whitespace().all(|one| one == user.to_string()),
                "the users are {users}"
            );
            for name in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
                let rights = field(name)?;
                ensure!(
                    rights.chars().all(|digit| digit == '0'),
                    "{name} is {rights}"
                );
            }
            ensure!(field("NoNewPrivs:")? == "1", "it may get new rights");
            ensure!(field("Groups:")?.is_empty(), "it has groups");
        }
        let entries = fs::read_dir(process.join("root"))?.count();
        ensure!(entries == 2, "it sees {entries} entries in its root");
        Ok(())
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("the process has an id")?, Signal::TERM)?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "it ended with {status}");
                return Ok(());
            }
            ensure!(
                start.elapsed() < STOP_LIMIT,
                "it did not end within {STOP_LIMIT:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then both do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
