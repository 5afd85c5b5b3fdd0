//! The command line. Owns the options, their defaults and their help text; reads no file.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

/// What `--help` prints.
pub const HELP: &str = "\
The AI gateway as one process: proxy, admin API and panel.

Usage: ai-gateway [OPTIONS]

  --listen ADDR:PORT       address to serve; port 0 takes a free one (default 127.0.0.1:3000)
  --state DIR              key-value data and database, as the local host has them (default .gateway)
  --threads N              threads that serve (default: one per core)
  --ready-message TEXT     line printed on stdout once connections are accepted; {addr} is replaced
  --help                   this text

Variables are read from the environment: ADMIN_PASSWORD, MASTER_KEY, METRICS_TOKEN, CONFIG, LOG, also with the prefix
SPIN_VARIABLE_. SSL_CERT_FILE adds root certificates for calls to upstreams.
";

/// All options.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Directory of the key-value file, the database and the lock.
    pub state: PathBuf,
    /// Threads that serve; `None` means one per core.
    pub threads: Option<usize>,
    /// Line for stdout once the socket accepts; `{addr}` is replaced by the bound address.
    pub ready_message: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            state: ".gateway".into(),
            threads: None,
            ready_message: "listening on http://{addr}".into(),
        }
    }
}

impl Options {
    /// Reads the arguments that follow the program's name; `None` means that help was requested.
    pub fn parse(mut args: Parser) -> Result<Option<Self>> {
        let mut options = Self::default();
        while let Some(arg) = args.next()? {
            let Arg::Long(name) = arg else {
                if arg == Arg::Short('h') {
                    return Ok(None);
                }
                bail!("{}; see --help", arg.unexpected());
            };
            let name = name.to_owned();
            if name == "help" {
                return Ok(None);
            }
            let value = args.value()?.string()?;
            options
                .set(&name, value)
                .with_context(|| format!("option --{name}"))?;
        }
        Ok(Some(options))
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        match name {
            "state" => self.state = value.into(),
            "ready-message" => self.ready_message = value,
            "listen" => {
                self.listen = value.parse().with_context(|| {
                    format!("{value:?} is not an address with a port, such as 127.0.0.1:3000")
                })?;
            }
            "threads" => {
                self.threads = match value.parse() {
                    Ok(number @ 1..=1024) => Some(number),
                    _ => bail!("{value:?} is not a whole number between 1 and 1024"),
                };
            }
            _ => bail!("no such option; see --help"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>> {
        Options::parse(Parser::from_args(args))
    }

    #[test]
    fn every_option_of_the_help_is_understood() {
        for line in HELP
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("--"))
        {
            let name = line.split_whitespace().next().unwrap();
            let value = match name {
                "help" => None,
                "listen" => Some("127.0.0.1:0"),
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
            (["--threads", "0"], "between 1 and"),
            (["--nonsense", "1"], "no such option"),
        ] {
            let message = format!("{:#}", parse(&args).unwrap_err());
            assert!(message.contains(words), "{message}");
        }
        assert!(parse(&["--listen"]).is_err());
        assert!(parse(&["stray"]).is_err());
    }
}
