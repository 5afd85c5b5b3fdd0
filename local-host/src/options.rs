//! The command line. Owns the options, their defaults and their help text; reads no file.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

use host_io::fault::Fault;

/// What `--help` prints.
pub const HELP: &str = "\
Runs the components of a Spin manifest on an embedded wasmtime, for trying and testing (not for production).

Usage: local-host [OPTIONS]
       local-host backup FOLDER [--state DIR]
       local-host restore FOLDER [--state DIR]

  --manifest FILE          Spin manifest, version 2 (default spin.toml)
  --listen ADDR:PORT       address to serve; port 0 takes a free one (default 127.0.0.1:3000)
  --state DIR              key-value data, databases and compiled components (default .gateway)
  --quiet                  only errors on stderr
  --ready-message TEXT     line printed on stdout once connections are accepted; {addr} is replaced
  --workers N              threads that run components (default: one per core)
  --max-instances N        instances of one component at a time (default 512)
  --max-instance-reuse-count N             requests that one instance serves in its life (default 100000)
  --max-instance-concurrent-reuse-count N  requests that one instance serves at once (default 64)
  --idle-instance-timeout-ms N             an instance without work is dropped after it (default 30000)
  --request-timeout-ms N   longest time of one request (default 3600000)
  --max-cpu-ms N           longest time a component may compute without waiting for anything (default 10000)
  --max-memory-mib N       memory of one instance (default 256)
  --fault-sqlite WHAT      for tests: SQLite databases refuse (refuse), never answer (hang) or answer late (hang:MS);
                           or as a file of the state directory says at the time (file:NAME)
  --fault-store WHAT       the same for key-value stores
  --count-calls            for tests: count the calls between components and host; SIGUSR1 prints them
  --help                   this text

`backup` copies the key-value data and the database of --state into a new folder, also while a host uses them. `restore` puts
such copies in their place; no host may use the directory then, and what was there is kept under another name.

Variables of the manifest are read from SPIN_VARIABLE_<NAME>. SSL_CERT_FILE adds root certificates for outbound TLS.
";

/// What the program is to do.
#[derive(Debug)]
pub enum Command {
    /// Print the help.
    Help,
    /// Serve.
    Serve(Box<Options>),
    /// Copy the databases of the state directory to the folder.
    BackUp(PathBuf, Box<Options>),
    /// Copy them back.
    Restore(PathBuf, Box<Options>),
}

/// All options.
#[derive(Debug, Clone)]
pub struct Options {
    /// Path of the Spin manifest.
    pub manifest: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Directory of the key-value file, the databases, the lock and the compiled components.
    pub state: PathBuf,
    /// Only errors go to stderr.
    pub quiet: bool,
    /// Line for stdout once the socket accepts; `{addr}` is replaced by the bound address.
    pub ready_message: String,
    /// Threads of the executor; `None` means one per core.
    pub workers: Option<usize>,
    /// The fault of the databases, in the option's syntax.
    pub fault_sqlite: Option<String>,
    /// The fault of the key-value stores.
    pub fault_store: Option<String>,
    /// Whether calls between components and host are counted.
    pub count_calls: bool,
    /// The limits that every instance obeys.
    pub limits: Limits,
}

/// Limits of instances and requests. All counts are at least 1, all times at least 1 ms.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Instances of one component at a time.
    pub instances: u32,
    /// Requests that one instance serves in its life.
    pub reuse: usize,
    /// Requests that one instance serves at once.
    pub concurrent: usize,
    /// How long an instance without work is kept.
    pub idle: Duration,
    /// Longest time of one request, and of its work after its response.
    pub request: Duration,
    /// Longest time of guest computation without a wait.
    pub cpu: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            manifest: "spin.toml".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            state: ".gateway".into(),
            quiet: false,
            ready_message: "listening on http://{addr}".into(),
            workers: None,
            fault_sqlite: None,
            fault_store: None,
            count_calls: false,
            limits: Limits {
                instances: 512,
                reuse: 100_000,
                concurrent: 64,
                idle: Duration::from_secs(30),
                request: Duration::from_hours(1),
                cpu: Duration::from_secs(10),
                memory_bytes: 256 << 20,
            },
        }
    }
}

impl Options {
    /// Reads the arguments that follow the program's name.
    pub fn parse(mut args: Parser) -> Result<Command> {
        let mut options = Self::default();
        let mut words = Vec::new();
        while let Some(arg) = args.next()? {
            let name = match arg {
                Arg::Short('h') => return Ok(Command::Help),
                Arg::Long(name) => name.to_owned(),
                Arg::Value(word) => {
                    words.push(word);
                    continue;
                }
                Arg::Short(_) => bail!("{}; see --help", arg.unexpected()),
            };
            match name.as_str() {
                "help" => return Ok(Command::Help),
                "quiet" => options.quiet = true,
                "count-calls" => options.count_calls = true,
                _ => {
                    let value = args.value()?.string()?;
                    options
                        .set(&name, value)
                        .with_context(|| format!("option --{name}"))?;
                }
            }
        }
        let options = Box::new(options);
        match words.as_slice() {
            [] => Ok(Command::Serve(options)),
            [word, folder] if word == "backup" => Ok(Command::BackUp(folder.into(), options)),
            [word, folder] if word == "restore" => Ok(Command::Restore(folder.into(), options)),
            [word, ..] => bail!("unexpected argument {}; see --help", word.display()),
        }
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        let limits = &mut self.limits;
        match name {
            "manifest" => self.manifest = value.into(),
            "state" => self.state = value.into(),
            "ready-message" => self.ready_message = value,
            "listen" => {
                self.listen = value.parse().with_context(|| {
                    format!("{value:?} is not an address with a port, such as 127.0.0.1:3000")
                })?;
            }
            "workers" => self.workers = Some(usize::try_from(positive(&value, 1024)?)?),
            "fault-sqlite" => {
                Fault::parse(&value, &self.state)?;
                self.fault_sqlite = Some(value);
            }
            "fault-store" => {
                Fault::parse(&value, &self.state)?;
                self.fault_store = Some(value);
            }
            "max-instances" => limits.instances = u32::try_from(positive(&value, 10_000)?)?,
            "max-instance-reuse-count" => {
                limits.reuse = usize::try_from(positive(&value, 1 << 40)?)?;
            }
            "max-instance-concurrent-reuse-count" => {
                limits.concurrent = usize::try_from(positive(&value, 10_000)?)?;
            }
            "idle-instance-timeout-ms" => limits.idle = millis(&value)?,
            "request-timeout-ms" => limits.request = millis(&value)?,
            "max-cpu-ms" => limits.cpu = millis(&value)?,
            "max-memory-mib" => {
                limits.memory_bytes = usize::try_from(positive(&value, 4095)?)? << 20;
            }
            _ => bail!("no such option; see --help"),
        }
        Ok(())
    }
}

fn millis(value: &str) -> Result<Duration> {
    Ok(Duration::from_millis(positive(
        value,
        1000 * 60 * 60 * 24 * 365,
    )?))
}

fn positive(value: &str, max: u64) -> Result<u64> {
    match value.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => bail!("{value:?} is not a whole number between 1 and {max}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Command> {
        Options::parse(Parser::from_args(args))
    }

    #[test]
    fn the_defaults_need_no_argument() {
        let Ok(Command::Serve(options)) = parse(&[]) else {
            panic!("it serves");
        };
        assert_eq!(options.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(
            (options.limits.reuse, options.limits.concurrent),
            (100_000, 64)
        );
    }

    #[test]
    fn every_option_of_the_help_is_understood() {
        for line in HELP
            .lines()
            .filter_map(|l| l.trim_start().strip_prefix("--"))
        {
            let name = line.split_whitespace().next().unwrap();
            let value = match name {
                "help" | "quiet" | "count-calls" => None,
                "listen" => Some("127.0.0.1:0"),
                "fault-sqlite" | "fault-store" => Some("refuse"),
                _ => Some("7"),
            };
            let flag = format!("--{name}");
            let args: Vec<&str> = std::iter::once(flag.as_str()).chain(value).collect();
            assert!(parse(&args).is_ok(), "{name}");
        }
    }

    #[test]
    fn mistakes_name_the_option() {
        for (args, words) in [
            (["--listen", "3000"], "--listen"),
            (["--max-instances", "0"], "between 1 and"),
            (["--nonsense", "1"], "no such option"),
        ] {
            let message = format!("{:#}", parse(&args).unwrap_err());
            assert!(message.contains(words), "{message}");
        }
        assert!(parse(&["--listen"]).is_err());
        for words in [&["stray"][..], &["backup"], &["restore", "a", "b"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn backups_take_a_folder_and_the_state_directory() {
        let parsed = parse(&["--state", "s", "backup", "f"]);
        let Ok(Command::BackUp(folder, options)) = parsed else {
            panic!("{parsed:?}");
        };
        assert_eq!((folder, options.state), ("f".into(), "s".into()));
        let parsed = parse(&["restore", "f", "--state", "s"]);
        assert!(matches!(parsed, Ok(Command::Restore(..))), "{parsed:?}");
    }
}
