//! The command line. Owns the options, their defaults and their help text; reads no file.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use host_io::fault::Fault;
use lexopt::{Arg, Parser, ValueExt as _};

use crate::handover::MAX_SOCKETS;

/// What `--help` prints.
pub const HELP: &str = "\
The AI gateway as one process: proxy, admin API and panel.

Usage: ai-gateway [OPTIONS]
       ai-gateway healthcheck [--listen ADDR:PORT] [--tls-cert FILE]
       ai-gateway backup FOLDER [--state DIR]
       ai-gateway restore FOLDER [--state DIR]

  --listen ADDR:PORT       address to serve; port 0 takes a free one (default 127.0.0.1:3000)
  --state DIR              key-value data and database, as the local host has them (default .gateway)
  --config FILE            a whole configuration as JSON, in place of the variable CONFIG; applied when the file changes
  --tls-cert FILE          serve TLS with this certificate chain in PEM form; read again when it changes
  --tls-key FILE           its private key
  --threads N              threads that serve (default: one per core)
  --log-format FORMAT      text or json (default: as the variable LOG says, or else text)
  --ready-message TEXT     line printed on stdout once connections are accepted; {addr} and {scheme} are replaced
  --fault-sqlite WHAT      for tests: the database refuses (refuse), never answers (hang) or answers late (hang:MS);
                           or as a file of the state directory says at the time (file:NAME)
  --fault-store WHAT       the same for key-value data
  --help                   this text
  --version                the version

Variables are read from the environment: ADMIN_PASSWORD, MASTER_KEY, METRICS_TOKEN, CONFIG, LOG, HTTP_UPSTREAM, also with the
prefix SPIN_VARIABLE_. SSL_CERT_FILE adds root certificates for calls to upstreams.

`backup` copies the key-value data and the database of --state into a new folder, also while a gateway uses them. `restore` puts
such copies in their place; no gateway may use the directory then, and what was there is kept under another name.

SIGTERM and SIGINT stop the process when requests in flight have ended, after 10 s at most; a second signal stops it at once.
SIGUSR2 starts the program anew, passes the listening sockets on, and stops when the new process serves. SIGHUP reads the
configuration and the certificate again. Sockets of systemd (LISTEN_FDS) are used in place of --listen.
";

/// What the program is to do.
#[derive(Debug)]
pub enum Command {
    /// Print a text.
    Print(&'static str),
    /// Serve.
    Serve(Box<Options>),
    /// Ask the gateway on this machine for its health.
    HealthCheck(Box<Options>),
    /// Copy the databases of the state directory to the folder.
    BackUp(PathBuf, Box<Options>),
    /// Copy them back.
    Restore(PathBuf, Box<Options>),
}

/// All options.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Directory of the key-value file, the database and the lock.
    pub state: PathBuf,
    /// The configuration.
    pub config: Option<PathBuf>,
    /// The certificate chain.
    pub tls_cert: Option<PathBuf>,
    /// Its key.
    pub tls_key: Option<PathBuf>,
    /// Threads that serve; `None` means one per core.
    pub threads: Option<usize>,
    /// Whether lines of the log are JSON; `None`: as the variable `log` says.
    pub logs_json: Option<bool>,
    /// Line for stdout once the socket accepts; `{addr}` and `{scheme}` are replaced.
    pub ready_message: String,
    /// The fault of the database, in the option's syntax.
    pub fault_sqlite: Option<String>,
    /// The fault of the key-value data.
    pub fault_store: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            state: ".gateway".into(),
            config: None,
            tls_cert: None,
            tls_key: None,
            threads: None,
            logs_json: None,
            ready_message: "listening on {scheme}://{addr}".into(),
            fault_sqlite: None,
            fault_store: None,
        }
    }
}

/// Reads the arguments that follow the program's name.
pub fn parse(mut args: Parser) -> Result<Command> {
    let mut options = Options::default();
    let mut words = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(HELP)),
            Arg::Long("version") => {
                return Ok(Command::Print(concat!(
                    "ai-gateway ",
                    env!("CARGO_PKG_VERSION"),
                    "\n"
                )));
            }
            Arg::Value(word) => words.push(word),
            Arg::Long(name) => {
                let name = name.to_owned();
                let value = args.value()?.string()?;
                options
                    .set(&name, value)
                    .with_context(|| format!("option --{name}"))?;
            }
            Arg::Short(_) => bail!("{}; see --help", arg.unexpected()),
        }
    }
    let options = Box::new(options);
    match words.as_slice() {
        [] => {}
        [word] if word == "healthcheck" => return Ok(Command::HealthCheck(options)),
        [word, folder] if word == "backup" => return Ok(Command::BackUp(folder.into(), options)),
        [word, folder] if word == "restore" => return Ok(Command::Restore(folder.into(), options)),
        [word, ..] => bail!("unexpected argument {}; see --help", word.display()),
    }
    ensure!(
        options.tls_cert.is_some() == options.tls_key.is_some(),
        "--tls-cert and --tls-key belong together"
    );
    Ok(Command::Serve(options))
}

impl Options {
    fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            "state" => self.state = value.into(),
            "config" => self.config = Some(value.into()),
            "tls-cert" => self.tls_cert = Some(value.into()),
            "tls-key" => self.tls_key = Some(value.into()),
            "ready-message" => self.ready_message = value,
            "listen" => {
                self.listen = value.parse().with_context(|| {
                    format!("{value:?} is not an address with a port, such as 127.0.0.1:3000")
                })?;
            }
            "threads" => {
                self.threads = match value.parse() {
                    Ok(number @ 1..=MAX_SOCKETS) => Some(number),
                    _ => bail!("{value:?} is not a whole number between 1 and {MAX_SOCKETS}"),
                };
            }
            "log-format" => {
                self.logs_json = match value.as_str() {
                    "json" => Some(true),
                    "text" => Some(false),
                    _ => bail!("{value:?} is neither text nor json"),
                };
            }
            "fault-sqlite" => {
                Fault::parse(&value, &self.state)?;
                self.fault_sqlite = Some(value);
            }
            "fault-store" => {
                Fault::parse(&value, &self.state)?;
                self.fault_store = Some(value);
            }
            _ => bail!("no such option; see --help"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(args: &[&str]) -> Result<Command> {
        parse(Parser::from_args(args))
    }

    #[test]
    fn every_option_of_the_help_is_understood() {
        for line in HELP
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("--"))
        {
            let name = line.split_whitespace().next().unwrap();
            let value = match name {
                "help" | "version" => None,
                "listen" => Some("127.0.0.1:0"),
                "log-format" => Some("json"),
                "fault-sqlite" | "fault-store" => Some("refuse"),
                _ => Some("7"),
            };
            let flag = format!("--{name}");
            let mut args: Vec<&str> = std::iter::once(flag.as_str()).chain(value).collect();
            match name {
                "tls-cert" => args.extend(["--tls-key", "7"]),
                "tls-key" => args.extend(["--tls-cert", "7"]),
                _ => {}
            }
            let parsed = parse_words(&args);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
        }
    }

    #[test]
    fn mistakes_name_the_option() {
        for (args, words) in [
            (["--listen", "3000"], "--listen"),
            (["--threads", "0"], "between 1 and"),
            (["--nonsense", "1"], "no such option"),
            (["--tls-cert", "file"], "belong together"),
            (["--log-format", "xml"], "neither text nor json"),
        ] {
            let message = format!("{:#}", parse_words(&args).unwrap_err());
            assert!(message.contains(words), "{message}");
        }
        assert!(parse_words(&["--listen"]).is_err());
        for words in [
            &["stray"][..],
            &["healthcheck", "a"],
            &["backup"],
            &["restore", "a", "b"],
        ] {
            assert!(parse_words(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn backups_take_a_folder_and_the_state_directory() {
        let parsed = parse_words(&["backup", "f", "--state", "s"]);
        let Ok(Command::BackUp(folder, options)) = parsed else {
            panic!("{parsed:?}");
        };
        assert_eq!((folder, options.state), ("f".into(), "s".into()));
        let parsed = parse_words(&["restore", "f"]);
        assert!(matches!(parsed, Ok(Command::Restore(..))), "{parsed:?}");
    }

    #[test]
    fn a_health_check_takes_the_options_of_the_server() {
        let parsed = parse_words(&["healthcheck", "--listen", "0.0.0.0:1", "--tls-cert", "c"]);
        let Ok(Command::HealthCheck(options)) = parsed else {
            panic!("{parsed:?}");
        };
        assert_eq!(options.listen.port(), 1);
    }
}
