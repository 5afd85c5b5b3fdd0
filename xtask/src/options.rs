//! The command line as data. Owns parsing and the help text; reads nothing but its arguments.

use std::path::PathBuf;

use anyhow::{Result, bail};

/// What `cargo xtask --help` prints.
pub const HELP: &str = "\
cargo xtask up    [--listen ADDR:PORT] [--state DIR] [--quiet] [--demo] [--native]
    Builds everything and serves the gateway on this machine until SIGINT or SIGTERM.
    --listen   where to serve (default 127.0.0.1:3000)
    --state    where channels, keys and the admin password are kept (default .gateway in the workspace)
    --quiet    no progress and no log; only the password (once), the ready line and errors
    --demo     with scripted services, sample channels and keys, and two days of traffic, in .demo below the state
               directory; made anew by every start, and nothing leaves this machine
    --native   on the native host, which needs neither WebAssembly nor Spin's interfaces
    SPIN_VARIABLE_ADMIN_PASSWORD sets the admin password (8 characters or more).

cargo xtask test  [--only STEP]... [--list]
    Everything that CI runs, in CI's order; ends at the first failure.
    --only     run this step only; may be given several times
    --list     name the steps and what each one checks

cargo xtask bench [--quick] [--worker | --growth | --micro [--update-baseline]]
    Measures the gateway beside comparable servers and prints one Markdown table (docs/extend/benchmarks.md).
    --quick    shorter rounds and hosts without link-time optimization, for a look while working
    --worker   the Cloudflare Worker in workerd, beside a bare pass-through worker
    --growth   the core in memory, with many channels, models, client keys and rows of the log
    --micro    instructions and times of single parts of the core, beside the committed baseline of the former
    --update-baseline  writes that baseline anew

cargo xtask conform --url URL --key KEY [--upstream-port PORT] [OPTION]...
    Runs the public conformance suite against a running gateway; all options: conformance/README.md.

cargo xtask conform --host fakes|local|workerd|native [OPTION]...
    Builds and starts this gateway on a host and runs the suite against it.

cargo xtask conform --peers [--peer NAME[=PATH]]... [OPTION]...
    Runs it against this gateway, LiteLLM and Portkey (both installed into target/peers) and prints the results side by side.
    --peer     only these: gateway, litellm, portkey, bifrost=PATH (a program on this machine)

cargo xtask import FILE [--url URL] [--state DIR] [--format one_api|new_api|litellm] [--skip-names] [--dry-run] [--yes]
    Imports channels and client keys of one-api, new-api or LiteLLM into a running gateway, after a preview.
    --url         the gateway (default http://127.0.0.1:3000)
    --state       where its admin password is kept, unless SPIN_VARIABLE_ADMIN_PASSWORD has it
    --format      the gateway that the file is of (default: what it looks like)
    --skip-names  skip names that are there already instead of adding a number
    --dry-run     only the preview
    --yes         do not ask

cargo xtask worker
    Builds the Cloudflare Worker into cloudflare-worker/build (docs/operate/hosts/cloudflare-workers.md).

cargo xtask dist
    Builds what a release consists of into target/dist: static programs for Linux, the Spin application as an OCI image
    layout, the Worker, bills of materials, SHA256SUMS (docs/extend/releases.md).

cargo xtask sbom
    Writes the bills of materials (CycloneDX) alone, into target/sbom.
";

/// One command with its options.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Build and serve.
    Up(Up),
    /// Check everything.
    Test(Test),
    /// Measure.
    Bench(Bench),
    /// Run the public conformance suite with these options.
    Conform(Vec<String>),
    /// Import a file of another gateway.
    Import(Import),
    /// Build the Cloudflare Worker.
    Worker,
    /// Build and pack a release.
    Dist,
    /// Write the bills of materials.
    Sbom,
}

/// Options of `up`.
#[derive(Debug, PartialEq, Eq)]
pub struct Up {
    /// Address and port, passed to the host unchanged.
    pub listen: String,
    /// The state directory, relative to the current directory; `None`: the workspace's `.gateway`.
    pub state: Option<PathBuf>,
    /// Print no progress.
    pub quiet: bool,
    /// Serve the demo instead of what the state directory has.
    pub demo: bool,
    /// Serve on the native host.
    pub native: bool,
}

/// Options of `test`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Test {
    /// Names of the steps to run; empty: all.
    pub only: Vec<String>,
    /// Print the steps instead of running them.
    pub list: bool,
}

/// Options of `bench`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bench {
    /// Short rounds, and hosts that are built quickly.
    pub quick: bool,
    /// The Cloudflare Worker in workerd instead of the local host.
    pub worker: bool,
    /// The core with many channels, models, client keys and rows of the log instead.
    pub growth: bool,
    /// Single parts of the core instead of whole servers.
    pub micro: Option<MicroBench>,
}

/// What is done with the instruction counts of single parts of the core.
#[derive(Debug, PartialEq, Eq)]
pub enum MicroBench {
    /// They are shown beside the baseline.
    Compare,
    /// They become the baseline.
    Update,
}

/// Options of `import`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// The file.
    pub file: PathBuf,
    /// The gateway that it is sent to.
    pub url: String,
    /// The state directory with the password; `None`: the workspace's `.gateway`.
    pub state: Option<PathBuf>,
    /// The gateway that the file is of.
    pub format: Option<String>,
    /// Skip names that are there already.
    pub skip_names: bool,
    /// Only show what would be created.
    pub dry_run: bool,
    /// Do not ask.
    pub yes: bool,
}

/// Reads the arguments after `cargo xtask`.
pub fn parse(words: impl Iterator<Item = String>) -> Result<Command> {
    let mut words = words.peekable();
    let Some(command) = words.next() else {
        bail!("a command is missing\n\n{HELP}");
    };
    if words.peek().is_some_and(|word| is_help(word)) || is_help(&command) {
        return Ok(Command::Help);
    }
    match command.as_str() {
        "up" => up(words),
        "test" => test(words),
        "bench" => bench(words),
        "conform" => Ok(Command::Conform(words.collect())),
        "import" => import(words),
        "worker" => alone(Command::Worker, &command, words),
        "dist" => alone(Command::Dist, &command, words),
        "sbom" => alone(Command::Sbom, &command, words),
        other => bail!("there is no command {other:?}\n\n{HELP}"),
    }
}

/// A command without options.
fn alone(command: Command, name: &str, mut words: impl Iterator<Item = String>) -> Result<Command> {
    match words.next() {
        None => Ok(command),
        Some(other) => bail!("`{name}` has no option {other:?}\n\n{HELP}"),
    }
}

fn is_help(word: &str) -> bool {
    matches!(word, "help" | "-h" | "--help")
}

fn up(words: impl Iterator<Item = String>) -> Result<Command> {
    let mut options = Up {
        listen: "127.0.0.1:3000".to_owned(),
        state: None,
        quiet: false,
        demo: false,
        native: false,
    };
    let mut words = Words::new(words);
    while let Some(word) = words.next_option() {
        match word.as_str() {
            "--listen" => options.listen = words.value(&word)?,
            "--state" => options.state = Some(words.value(&word)?.into()),
            "--quiet" => options.quiet = true,
            "--demo" => options.demo = true,
            "--native" => options.native = true,
            other => bail!("`up` has no option {other:?}\n\n{HELP}"),
        }
    }
    Ok(Command::Up(options))
}

fn test(words: impl Iterator<Item = String>) -> Result<Command> {
    let mut options = Test::default();
    let mut words = Words::new(words);
    while let Some(word) = words.next_option() {
        match word.as_str() {
            "--only" => options.only.push(words.value(&word)?),
            "--list" => options.list = true,
            other => bail!("`test` has no option {other:?}\n\n{HELP}"),
        }
    }
    Ok(Command::Test(options))
}

fn bench(words: impl Iterator<Item = String>) -> Result<Command> {
    let mut options = Bench::default();
    let mut words = Words::new(words);
    while let Some(word) = words.next_option() {
        match word.as_str() {
            "--quick" => options.quick = true,
            "--worker" => options.worker = true,
            "--growth" => options.growth = true,
            "--micro" => options.micro = Some(MicroBench::Compare),
            "--update-baseline" if options.micro.is_some() => {
                options.micro = Some(MicroBench::Update);
            }
            other => bail!("`bench` has no option {other:?}\n\n{HELP}"),
        }
    }
    Ok(Command::Bench(options))
}

fn import(words: impl Iterator<Item = String>) -> Result<Command> {
    let mut options = Import {
        url: "http://127.0.0.1:3000".to_owned(),
        ..Import::default()
    };
    let mut words = Words::new(words);
    while let Some(word) = words.next_option() {
        match word.as_str() {
            "--url" => options.url = words.value(&word)?,
            "--state" => options.state = Some(words.value(&word)?.into()),
            "--format" => options.format = Some(words.value(&word)?),
            "--skip-names" => options.skip_names = true,
            "--dry-run" => options.dry_run = true,
            "--yes" => options.yes = true,
            file if !file.starts_with(['-', '=']) && options.file.as_os_str().is_empty() => {
                options.file = file.into();
            }
            other => bail!("`import` has no option {other:?}\n\n{HELP}"),
        }
    }
    if options.file.as_os_str().is_empty() {
        bail!("`import` needs a file\n\n{HELP}");
    }
    Ok(Command::Import(options))
}

/// Arguments of the command line, where `--name=value` counts as two.
struct Words<I> {
    rest: I,
    split: Option<String>,
}

impl<I: Iterator<Item = String>> Words<I> {
    fn new(rest: I) -> Self {
        Self { rest, split: None }
    }

    fn next_option(&mut self) -> Option<String> {
        // A value that the last option did not take is itself an unknown option.
        if let Some(value) = self.split.take() {
            return Some(format!("={value}"));
        }
        let word = self.rest.next()?;
        match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                self.split = Some(value.to_owned());
                Some(name.to_owned())
            }
            _ => Some(word),
        }
    }

    fn value(&mut self, option: &str) -> Result<String> {
        match self.split.take().or_else(|| self.rest.next()) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => bail!("{option} needs a value\n\n{HELP}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn up_has_defaults_and_takes_both_spellings_of_a_value() {
        let default = Up {
            listen: "127.0.0.1:3000".to_owned(),
            state: None,
            quiet: false,
            demo: false,
            native: false,
        };
        assert_eq!(parsed("up").unwrap(), Command::Up(default));
        let all = Up {
            listen: "127.0.0.1:3900".to_owned(),
            state: Some("there".into()),
            quiet: true,
            demo: true,
            native: true,
        };
        assert_eq!(
            parsed("up --listen=127.0.0.1:3900 --quiet --demo --native --state there").unwrap(),
            Command::Up(all)
        );
    }

    #[test]
    fn the_suite_gets_its_options_as_they_are() {
        let words = ["--url", "http://127.0.0.1:3000", "--json=a"].map(str::to_owned);
        let line = format!("conform {}", words.join(" "));
        assert_eq!(parsed(&line).unwrap(), Command::Conform(words.into()));
    }

    #[test]
    fn a_baseline_is_one_of_the_micro_benchmarks() {
        let micro = |micro| {
            Command::Bench(Bench {
                micro,
                ..Bench::default()
            })
        };
        assert_eq!(parsed("bench").unwrap(), micro(None));
        let compared = micro(Some(MicroBench::Compare));
        assert_eq!(parsed("bench --micro").unwrap(), compared);
        let updated = micro(Some(MicroBench::Update));
        assert_eq!(parsed("bench --micro --update-baseline").unwrap(), updated);
    }

    #[test]
    fn an_import_has_one_file() {
        let all = Import {
            file: "one-api.db".into(),
            url: "https://gateway.example".to_owned(),
            format: Some("new_api".to_owned()),
            dry_run: true,
            ..Import::default()
        };
        let line = "import --url=https://gateway.example one-api.db --format new_api --dry-run";
        assert_eq!(parsed(line).unwrap(), Command::Import(all));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for line in [
            "",
            "upp",
            "up --lisen x",
            "up --quiet=no",
            "up --state",
            "test --only=",
            "bench x",
            "bench --update-baseline",
            "worker --fast",
            "dist --fast",
            "sbom x",
            "import",
            "import a b",
            "import a --fast",
        ] {
            let message = parsed(line).unwrap_err().to_string();
            assert!(message.contains("cargo xtask up"), "{line}: {message}");
        }
    }

    #[test]
    fn help_is_understood_everywhere_and_lists_every_command() {
        for line in ["help", "--help", "up --help", "test -h"] {
            assert_eq!(parsed(line).unwrap(), Command::Help, "{line}");
        }
        for command in [
            "up", "test", "bench", "conform", "import", "worker", "dist", "sbom",
        ] {
            assert!(HELP.contains(&format!("cargo xtask {command}")));
        }
    }
}
