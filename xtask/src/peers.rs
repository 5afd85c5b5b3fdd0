//! `cargo xtask conform --peers`: the suite against other gateways, side by side.
//!
//! Owns how each of them is installed and started. Everything lies below `target/peers`; versions are pinned in
//! `conformance/peers`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::conform::{self, KEY, folder};
use crate::job::Progress;
use crate::panel::Stamp;
use crate::served::{Served, free_port};
use crate::tools;
use crate::workspace::Workspace;

/// A gateway that is compared.
#[derive(Debug, PartialEq, Eq)]
enum Peer {
    /// This repository's, on fakes.
    Own,
    /// From `PyPI`.
    LiteLlm,
    /// From npm.
    Portkey,
    /// Bifrost's program at a path.
    Bifrost(PathBuf),
}

/// What the words after `--peers` ask for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    peers: Vec<Peer>,
    /// For the suite.
    rest: Vec<String>,
}

/// A gateway that runs, and what the suite must know of it.
struct Ready {
    served: Served,
    label: String,
    words: Vec<String>,
}

/// Installs and runs them one after the other, then prints the table.
pub fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = parse(words)?;
    let progress = Progress::new(false);
    progress.side_by_side(vec![(
        "suite",
        Box::new(|| conform::suite_program(workspace, &progress)),
    )])?;
    let mut files = Vec::new();
    for peer in &options.peers {
        let port = free_port()?;
        let ready = start(workspace, &progress, peer, port)?;
        let file = folder(workspace).join(format!("{}.json", name(peer)));
        let junit = file.with_extension("xml");
        let mut suite = conform::suite(workspace);
        suite.args(["--quiet", "--url", &ready.served.url, "--key", KEY]);
        suite.args([
            "--label",
            &ready.label,
            "--upstream-port",
            &port.to_string(),
        ]);
        suite.arg("--json").arg(&file).arg("--junit").arg(&junit);
        suite.args(&ready.words).args(&options.rest);
        eprintln!("{} …", ready.label);
        // Failed cases are a result here, not an error.
        let output = suite.output().context("starting the suite")?;
        fs::write(file.with_extension("txt"), &output.stdout)?;
        if output.status.code().is_none_or(|code| code > 1) || !file.is_file() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        files.push(file);
    }
    let mut table = conform::suite(workspace);
    table.arg("table").args(&files).arg("--marks");
    table.arg(workspace.path("conformance/peers/unsupported.json"));
    let status = table.status().context("starting the suite")?;
    anyhow::ensure!(status.success(), "the table could not be made");
    Ok(())
}

fn parse(words: &[String]) -> Result<Options> {
    let mut peers = Vec::new();
    let mut rest = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word != "--peer" {
            rest.push(word.clone());
            continue;
        }
        let peer = words.next().context("--peer needs NAME or NAME=PATH")?;
        peers.push(match peer.split_once('=') {
            None if peer == "gateway" => Peer::Own,
            None if peer == "litellm" => Peer::LiteLlm,
            None if peer == "portkey" => Peer::Portkey,
            Some(("bifrost", path)) => Peer::Bifrost(path.into()),
            _ => bail!("--peer is gateway, litellm, portkey or bifrost=PATH, not {peer:?}"),
        });
    }
    // A program at a path stands beside the others, unless these were chosen too.
    let is_path = |peer: &Peer| matches!(peer, Peer::Bifrost(_));
    if peers.iter().all(is_path) {
        peers.splice(0..0, [Peer::Own, Peer::LiteLlm, Peer::Portkey]);
    }
    Ok(Options { peers, rest })
}

const fn name(peer: &Peer) -> &'static str {
    match peer {
        Peer::Own => "gateway",
        Peer::LiteLlm => "litellm",
        Peer::Portkey => "portkey",
        Peer::Bifrost(_) => "bifrost",
    }
}

fn start(workspace: &Workspace, progress: &Progress, peer: &Peer, port: u16) -> Result<Ready> {
    match peer {
        Peer::Own => own(workspace, progress, port),
        Peer::LiteLlm => litellm(workspace, progress, port),
        Peer::Portkey => portkey(workspace, progress, port),
        Peer::Bifrost(path) => bifrost(workspace, path, port),
    }
}

fn own(workspace: &Workspace, progress: &Progress, port: u16) -> Result<Ready> {
    progress.side_by_side(vec![(
        "gateway",
        Box::new(|| conform::core_program(workspace, progress)),
    )])?;
    let manifest = fs::read_to_string(workspace.path("Cargo.toml"))?;
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    let version = version.unwrap_or_default().trim_matches('"');
    Ok(Ready {
        served: conform::core_host(workspace, port)?,
        label: format!("this gateway {version}"),
        words: Vec::new(),
    })
}

fn litellm(workspace: &Workspace, progress: &Progress, port: u16) -> Result<Ready> {
    let home = folder(workspace).join("litellm");
    let requirements = workspace.path("conformance/peers/litellm/requirements.txt");
    let stamp = Stamp::of(workspace, "peer-litellm", vec![requirements.clone()])?;
    let program = home.join("bin/litellm");
    if !stamp.is_current() || !program.is_file() {
        let python = tools::on_path("python3").context("python3 is missing")?;
        let mut venv = workspace.command(python);
        venv.args(["-m", "venv", "--clear"]).arg(&home);
        let mut install = workspace.command(home.join("bin/pip"));
        install.args([
            "install",
            "--quiet",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ]);
        install.arg("-r").arg(&requirements);
        progress.side_by_side(vec![(
            "LiteLLM",
            Box::new(|| progress.run(venv).and_then(|()| progress.run(install))),
        )])?;
        stamp.set()?;
    }
    let config = home.join("conformance.yaml");
    fs::write(&config, conform::configuration(workspace, "litellm", port)?)?;
    let listen = free_port()?;
    let mut command = workspace.command(program);
    command.arg("--config").arg(config);
    command.args(["--host", "127.0.0.1", "--port", &listen.to_string()]);
    command.args(["--telemetry", "False"]);
    // An upstream that has Chat Completions only is not asked for Responses, and no price list is fetched.
    command.env(
        "LITELLM_USE_CHAT_COMPLETIONS_URL_FOR_ANTHROPIC_MESSAGES",
        "true",
    );
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    let version = pinned(&fs::read_to_string(&requirements)?, "litellm==");
    Ok(Ready {
        served: Served::on_port(command, listen, &folder(workspace).join("litellm.log"))?,
        label: format!("LiteLLM {version}"),
        words: Vec::new(),
    })
}

/// The version behind the beginning of a line, up to white space or a quote.
fn pinned(text: &str, start: &str) -> String {
    let rest = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(start));
    let rest = rest.unwrap_or("?");
    let end = rest.find([' ', '"', ',']).unwrap_or(rest.len());
    rest[..end].to_owned()
}

fn portkey(workspace: &Workspace, progress: &Progress, port: u16) -> Result<Ready> {
    tools::node(workspace)?;
    let home = folder(workspace).join("portkey");
    let names = ["package.json", "package-lock.json"];
    let files = names.map(|name| workspace.path("conformance/peers/portkey").join(name));
    let stamp = Stamp::of(workspace, "peer-portkey", files.to_vec())?;
    let program = home.join("node_modules/@portkey-ai/gateway/build/start-server.js");
    if !stamp.is_current() || !program.is_file() {
        fs::create_dir_all(&home)?;
        for (name, file) in names.iter().zip(&files) {
            fs::copy(file, home.join(name))?;
        }
        let mut install = workspace.command("npm");
        install.arg("--prefix").arg(&home);
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        progress.side_by_side(vec![("Portkey", Box::new(|| progress.run(install)))])?;
        stamp.set()?;
    }
    let listen = free_port()?;
    let mut command = workspace.command("node");
    command.arg(program);
    command.args([&format!("--port={listen}"), "--headless"]);
    let package = fs::read_to_string(&files[0])?;
    let version = pinned(&package, "\"@portkey-ai/gateway\": \"");
    let config = conform::configuration(workspace, "portkey", port)?;
    Ok(Ready {
        served: Served::on_port(command, listen, &folder(workspace).join("portkey.log"))?,
        label: format!("Portkey {version}"),
        words: vec!["--header".to_owned(), format!("x-portkey-config:{config}")],
    })
}

fn bifrost(workspace: &Workspace, path: &PathBuf, port: u16) -> Result<Ready> {
    let home = folder(workspace).join("bifrost");
    fs::create_dir_all(&home)?;
    fs::write(
        home.join("config.json"),
        conform::configuration(workspace, "bifrost", port)?,
    )?;
    let version = Command::new(path).arg("-version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let listen = free_port()?;
    let mut command = workspace.command(path);
    command.arg("-app-dir").arg(&home);
    command.args(["-host", "127.0.0.1", "-port", &listen.to_string()]);
    let words = [
        "--model-prefix",
        "conf-{upstream}/",
        "--client-path",
        "messages=/anthropic",
        "--client-path",
        "gemini=/genai",
    ];
    Ok(Ready {
        served: Served::on_port(command, listen, &folder(workspace).join("bifrost.log"))?,
        label: format!("Bifrost {}", version.unwrap_or_default()),
        words: words.map(str::to_owned).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn a_program_at_a_path_stands_beside_the_others() {
        let all = parsed("--filter text").unwrap();
        assert_eq!(all.peers, [Peer::Own, Peer::LiteLlm, Peer::Portkey]);
        assert_eq!(all.rest, ["--filter", "text"]);
        let four = parsed("--peer bifrost=/opt/bifrost-http").unwrap();
        assert_eq!(four.peers.len(), 4);
        assert_eq!(parsed("--peer gateway").unwrap().peers, [Peer::Own]);
        for wrong in ["--peer", "--peer other", "--peer litellm=/a"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_are_read_from_what_pins_them() {
        let text = "a==1.0\nlitellm==1.2.3 \\\n    --hash=sha256:0";
        assert_eq!(pinned(text, "litellm=="), "1.2.3");
        let package = "{\n  \"@portkey-ai/gateway\": \"1.15.2\"\n}";
        assert_eq!(pinned(package, "\"@portkey-ai/gateway\": \""), "1.15.2");
    }
}
