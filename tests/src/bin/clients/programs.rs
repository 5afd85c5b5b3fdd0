//! The client programs: where they are, how each is set up and asked. Owns their installation, settings and environment.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use gateway_conformance::dialect::Dialect;
use gateway_tests::packages::{install, succeeds};
use gateway_tests::workspace_root;
use serde_json::json;

use crate::repair::PROMPT;

/// A client program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name in the table.
    pub name: &'static str,
    /// What it speaks.
    pub dialect: Dialect,
    /// The model that it asks for.
    pub model: &'static str,
    command: fn(&Call<'_>) -> Result<Command>,
}

/// Every client program. Codex declares other tools for a model that it knows (a freeform `apply_patch`) than for others.
pub const ALL: [Program; 4] = [
    Program {
        name: "claude-code",
        dialect: Dialect::Messages,
        model: "claude-sonnet-5-5",
        command: claude_code,
    },
    Program {
        name: "codex",
        dialect: Dialect::Responses,
        model: "gpt-5.5",
        command: codex,
    },
    Program {
        name: "codex-other-model",
        dialect: Dialect::Responses,
        model: "some-model",
        command: codex,
    },
    Program {
        name: "opencode",
        dialect: Dialect::Chat,
        model: "some-model",
        command: opencode,
    },
];

/// What a program needs to know.
struct Call<'a> {
    packages: &'a Path,
    home: &'a Path,
    /// The gateway's address without a path.
    url: &'a str,
    key: &'a str,
    model: &'a str,
}

impl Program {
    /// The command that repairs the project in `folder`, with `home` for all its settings and state.
    pub fn command(&self, folder: &Path, home: &Path, url: &str, key: &str) -> Result<Command> {
        let packages = packages();
        let mut command = (self.command)(&Call {
            packages: &packages,
            home,
            url,
            key,
            model: self.model,
        })?;
        command
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("LANG", "C.UTF-8")
            .env("NO_PROXY", "127.0.0.1");
        // The loopback only: everything else is refused by a proxy that does not exist.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, "http://127.0.0.1:9");
        }
        for (name, value) in environment(self.name, home, url, key, self.model) {
            command.env(name, value);
        }
        Ok(command)
    }
}

/// Where the packages are: several hundred megabytes, so outside the sources.
fn packages() -> PathBuf {
    workspace_root().join("target/clients/node_modules")
}

/// Installs all programs in the locked versions, for this machine's platform alone.
pub fn install_all() -> Result<()> {
    let lists = workspace_root().join("tests/clients");
    let folder = workspace_root().join("target/clients");
    fs::create_dir_all(&folder)?;
    let lock = lists.join("package-lock.json");
    install(&lock, &folder.join("installed.txt"), || {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(lists.join(name), folder.join(name))?;
        }
        // Their scripts only move binaries that are in packages of their own. Not `npm ci`: it rejects a list without the
        // packages of platforms that a mirror leaves out. What is in the list is installed as it says, hashes included.
        let words = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
        ensure!(
            succeeds(Command::new("npm").args(words).current_dir(&folder)),
            "npm install failed for tests/clients: Claude Code, Codex and opencode are missing"
        );
        Ok(())
    })
}

/// A program's file, or the error that names what is missing.
fn file(packages: &Path, path: &str) -> Result<PathBuf> {
    let file = packages.join(path);
    ensure!(
        file.is_file(),
        "{} is missing: npm has no package of it for this platform, or its installation is damaged (remove target/clients)",
        file.display()
    );
    Ok(file)
}

fn node(script: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}

fn environment(
    name: &str,
    home: &Path,
    url: &str,
    key: &str,
    model: &str,
) -> Vec<(&'static str, String)> {
    let pair = |name, value: &str| (name, value.to_owned());
    match name {
        "claude-code" => vec![
            pair("ANTHROPIC_BASE_URL", url),
            pair("ANTHROPIC_AUTH_TOKEN", key),
            pair("ANTHROPIC_MODEL", model),
            pair("ANTHROPIC_DEFAULT_HAIKU_MODEL", model),
            pair("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            pair("DISABLE_TELEMETRY", "1"),
            pair("DISABLE_AUTOUPDATER", "1"),
            // It refuses to run without permissions as root elsewhere.
            pair("IS_SANDBOX", "1"),
        ],
        "opencode" => vec![
            pair("GATEWAY_KEY", key),
            pair("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            pair("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            pair("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ],
        _ => vec![
            pair("GATEWAY_KEY", key),
            ("CODEX_HOME", home.join(".codex").display().to_string()),
        ],
    }
}

fn claude_code(call: &Call<'_>) -> Result<Command> {
    let script = file(call.packages, "@anthropic-ai/claude-code/cli-wrapper.cjs")?;
    let mut command = node(&script);
    command.args(["-p", PROMPT, "--dangerously-skip-permissions"]);
    Ok(command)
}

fn codex(call: &Call<'_>) -> Result<Command> {
    let script = file(call.packages, "@openai/codex/bin/codex.js")?;
    let settings = call.home.join(".codex");
    fs::create_dir_all(&settings)?;
    let text = format!(
        "model = \"{}\"\nmodel_provider = \"gateway\"\n\n[model_providers.gateway]\nname = \"Gateway\"\n\
         base_url = \"{}/v1\"\nenv_key = \"GATEWAY_KEY\"\nwire_api = \"responses\"\n\n[analytics]\nenabled = false\n",
        call.model, call.url
    );
    fs::write(settings.join("config.toml"), text)?;
    let mut command = node(&script);
    command.args([
        "exec",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        PROMPT,
    ]);
    Ok(command)
}

fn opencode(call: &Call<'_>) -> Result<Command> {
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    // The baseline runs on every processor.
    let processor = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64-baseline"
    };
    let binary = format!("opencode-{system}-{processor}/bin/opencode");
    let binary = file(call.packages, &binary)?;
    let settings = call.home.join(".config/opencode");
    fs::create_dir_all(&settings)?;
    let text = json!({
        "$schema": "https://opencode.ai/config.json",
        "provider": {"gateway": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Gateway",
            "options": {"baseURL": format!("{}/v1", call.url), "apiKey": "{env:GATEWAY_KEY}"},
            "models": {call.model: {"name": "Some model"}},
        }},
        "model": format!("gateway/{}", call.model),
        "small_model": format!("gateway/{}", call.model),
        "permission": "allow",
        "share": "disabled",
        "autoupdate": false,
    });
    fs::write(settings.join("opencode.json"), text.to_string())?;
    let mut command = Command::new(binary);
    command.args(["run", PROMPT]);
    let _ = call.key;
    Ok(command)
}

/// The locked version of a program's package.
pub fn version(program: &Program) -> Result<String> {
    let package = match program.name {
        "claude-code" => "@anthropic-ai/claude-code",
        "opencode" => "opencode-ai",
        _ => "@openai/codex",
    };
    let path = packages().join(package).join("package.json");
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    let value: serde_json::Value = serde_json::from_slice(&text)?;
    Ok(value["version"].as_str().unwrap_or_default().to_owned())
}
