//! The command line. Owns the names of options and their defaults.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use crate::dialect::CLIENTS;

/// What `--help` prints.
pub const HELP: &str = "\
Runs the conformance suite against a gateway.

  conformance --url URL --key KEY [options]   run
  conformance config [options]                print a gateway's configuration: --for gateway (of this repository; the
                                              default), litellm, portkey or bifrost
  conformance table FILE... [--marks FILE]    print results of --json side by side, in Markdown
  conformance --list [--filter TEXT]          print the cases and their models

  --url URL            the gateway, such as http://127.0.0.1:3000 (plain HTTP; a path is kept)
  --key KEY            a client key of the gateway; default sk-conformance
  --upstream-port N    port of the scripted upstreams on 127.0.0.1; default 9100
  --model-prefix TEXT  what models' names begin with on this gateway; {upstream} in it is the upstream's name
  --client-path A=B    clients of the dialect A find their paths below B, such as messages=/anthropic; may be repeated
  --label TEXT         the gateway's name and version, for the results
  --header NAME:VALUE  a header that this gateway wants in each request; may be repeated
  --filter TEXT        only cases whose name contains it; may be repeated
  --timeout-s N        the longest time for one response; default 30
  --json FILE          write the results as JSON
  --junit FILE         write the results as JUnit XML
  --strict             unsupported cases count as failed
  --quiet              print failed and unsupported cases only

Exit status: 0 if no case failed, 1 if one did, 2 for a wrong command line.
";

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Run the cases.
    #[default]
    Run,
    /// Print the configuration.
    Config,
    /// Print results side by side.
    Table,
    /// Print the cases.
    List,
    /// Print the help.
    Help,
}

/// The command line, read.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub mode: Mode,
    /// The gateway.
    pub url: Uri,
    /// The client's key.
    pub key: String,
    /// The port of the upstreams.
    pub upstream_port: u16,
    /// What models' names begin with.
    pub model_prefix: String,
    /// Headers of each request.
    pub headers: Vec<(String, String)>,
    /// Names of cases, in part.
    pub filters: Vec<String>,
    /// The longest time for one response.
    pub limit: Duration,
    /// Which gateway's configuration to print.
    pub peer: String,
    /// The gateway's name and version.
    pub label: String,
    /// Paths before those of clients, by dialect.
    pub client_paths: Vec<(String, String)>,
    /// Results to print side by side.
    pub files: Vec<String>,
    /// The file of cases that gateways document as unsupported.
    pub marks: Option<String>,
    /// Where to write JSON.
    pub json: Option<String>,
    /// Where to write `JUnit`.
    pub junit: Option<String>,
    /// Whether unsupported cases fail.
    pub strict: bool,
    /// Whether cases that hold are not shown.
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            url: Uri::from_static("http://127.0.0.1:3000"),
            key: "sk-conformance".to_owned(),
            upstream_port: 9100,
            model_prefix: String::new(),
            headers: Vec::new(),
            filters: Vec::new(),
            limit: Duration::from_secs(30),
            peer: "gateway".to_owned(),
            label: "gateway".to_owned(),
            client_paths: Vec::new(),
            files: Vec::new(),
            marks: None,
            json: None,
            junit: None,
            strict: false,
            quiet: false,
        }
    }
}

/// Reads the arguments behind the program's name.
///
/// # Errors
/// Names the argument that is wrong.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    let mut has_url = false;
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value"))
        };
        match name.as_str() {
            "config" => options.mode = Mode::Config,
            "table" => options.mode = Mode::Table,
            "--for" => options.peer = value()?,
            "--label" => options.label = value()?,
            "--marks" => options.marks = Some(value()?),
            "--client-path" => options.client_paths.push(client_path(&value()?)?),
            "--list" => options.mode = Mode::List,
            "--help" | "-h" => options.mode = Mode::Help,
            "--strict" => options.strict = true,
            "--quiet" => options.quiet = true,
            "--url" => {
                options.url = url(&value()?)?;
                has_url = true;
            }
            "--key" => options.key = value()?,
            "--upstream-port" => options.upstream_port = number(&name, &value()?)?,
            "--timeout-s" => options.limit = Duration::from_secs(number(&name, &value()?)?),
            "--model-prefix" => options.model_prefix = value()?,
            "--header" => options.headers.push(header(&value()?)?),
            "--filter" => options.filters.push(value()?),
            "--json" => options.json = Some(value()?),
            "--junit" => options.junit = Some(value()?),
            file if options.mode == Mode::Table && !file.starts_with('-') => {
                options.files.push(file.to_owned());
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if options.mode == Mode::Run && !has_url {
        return Err("--url is missing".to_owned());
    }
    Ok(options)
}

fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("--url: {error}"))?;
    if url.scheme_str() != Some("http") || url.host().is_none() {
        return Err("--url: must be an http URL".to_owned());
    }
    Ok(url)
}

fn client_path(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let pair = pair.filter(|(dialect, path)| {
        CLIENTS.iter().any(|client| client.name() == *dialect) && path.starts_with('/')
    });
    let (dialect, path) =
        pair.ok_or_else(|| format!("--client-path: {text:?} is no dialect=/path"))?;
    Ok((dialect.to_owned(), path.trim_end_matches('/').to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("--header: {text:?} has no colon"))?;
    HeaderName::from_bytes(name.as_bytes()).map_err(|error| format!("--header: {error}"))?;
    HeaderValue::from_str(value.trim()).map_err(|error| format!("--header: {error}"))?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{name}: {text:?} is no number of its range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_command_line_is_read() {
        let options = read("--url http://[::1]:80/base --key sk-a --filter a --filter b --strict");
        let options = options.unwrap();
        assert_eq!(options.filters, ["a", "b"]);
        assert_eq!(options.url.path(), "/base");
        assert!(options.strict);
        assert_eq!(read("config --upstream-port 7").unwrap().upstream_port, 7);
        let table = read("table a.json b.json --marks m.json").unwrap();
        assert_eq!(table.files, ["a.json", "b.json"]);
        let paths = read("--url http://a --client-path gemini=/genai/").unwrap();
        assert_eq!(
            paths.client_paths,
            [("gemini".to_owned(), "/genai".to_owned())]
        );
    }

    #[test]
    fn wrong_command_lines_are_named() {
        for (line, word) in [
            ("", "--url"),
            ("--url https://a", "http URL"),
            ("--url a b", "http URL"),
            ("--url http://a --upstream-port 70000", "70000"),
            ("--url http://a --json", "--json"),
            ("--url http://a --client-path chat", "--client-path"),
            ("--url http://a --client-path other=/a", "--client-path"),
            ("--url http://a --header a", "no colon"),
            ("--url http://a --header a\u{e4}:b", "--header"),
            ("--colour", "--colour"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
