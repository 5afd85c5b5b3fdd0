//! `cargo xtask import`: sends a file of another gateway to a running one, shows what becomes of it, and asks.
//!
//! Owns the conversation on the terminal. What a file says is the gateway's to decide; the calls are [`crate::import_api`]'s.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::import_api::Api;
use crate::options::Import;
use crate::password;
use crate::workspace::Workspace;

/// The largest file that the gateway takes, in bytes.
const MAX_FILE_BYTES: usize = 12_000_000;

/// Shows the preview, and imports unless it is a dry run or the answer is no.
pub fn run(workspace: &Workspace, options: &Import) -> Result<()> {
    let file = std::fs::read(&options.file)
        .with_context(|| format!("cannot read {}", options.file.display()))?;
    if file.len() > MAX_FILE_BYTES {
        bail!(
            "the file has more than {MAX_FILE_BYTES} bytes; copy the tables alone: sqlite3 one-api.db '.dump channels tokens \
             abilities users' | sqlite3 small.db"
        );
    }
    let state = match &options.state {
        Some(state) => env::current_dir()?.join(state),
        None => workspace.path(".gateway"),
    };
    let given = password::given(env::var(password::VARIABLE).ok())?;
    let Some(password) = given.map_or_else(|| password::kept(&state), |it| Ok(Some(it)))? else {
        bail!(
            "no admin password: set {} or name the state directory with --state",
            password::VARIABLE
        );
    };
    let api = Api::log_in(&options.url, &password)?;
    let mut body = json!({
        "file": STANDARD.encode(&file),
        "name_conflicts": if options.skip_names { "skip" } else { "rename" },
    });
    if let Some(format) = &options.format {
        body["format"] = format.as_str().into();
    }
    let mut plan = api.post("import/preview", &body)?;
    let variables = from_environment(&plan, |name| env::var(name).ok());
    if !variables.is_empty() {
        body["variables"] = json!(variables);
        plan = api.post("import/preview", &body)?;
    }
    print!("{}", shown(&plan));
    if options.dry_run || created(&plan) == 0 {
        return Ok(());
    }
    if !options.yes && !is_agreed()? {
        println!("Nothing was imported.");
        return Ok(());
    }
    let done = api.post("import", &body)?;
    println!("Imported: {}.", counts(&done));
    Ok(())
}

/// The values of the variables that the file names and this process has.
fn from_environment(
    plan: &Value,
    value: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let names = plan["variables"].as_array().into_iter().flatten();
    let names = names.filter_map(|variable| variable["name"].as_str());
    names
        .filter_map(|name| Some((name.to_owned(), value(name)?)))
        .collect()
}

/// What is created and what is not, as lines.
fn shown(plan: &Value) -> String {
    let mut text = String::new();
    for (title, list) in [
        ("Channels", "channels"),
        ("Client keys", "keys"),
        ("Aliases", "aliases"),
    ] {
        let items = plan[list].as_array().map_or(&[][..], Vec::as_slice);
        if !items.is_empty() {
            let _ = writeln!(text, "{title}:");
        }
        for item in items {
            let mark = if item["skipped"].is_null() { '+' } else { '-' };
            let _ = write!(text, "  {mark} {}", plain(&item["name"]));
            if let Some(url) = item["base_url"].as_str() {
                let _ = write!(text, "  {}", plain(&url.into()));
            }
            if let Some(reason) = item["skipped"].as_str() {
                let _ = write!(text, "  [skipped: {reason}]");
            } else if item["enabled"] == false {
                text.push_str("  [disabled]");
            }
            text.push('\n');
            notes(&mut text, &item["notes"], "      ");
        }
    }
    notes(&mut text, &plan["notes"], "  ");
    let missing = plan["variables"].as_array().into_iter().flatten();
    for variable in missing.filter(|variable| variable["given"] == false) {
        let name = plain(&variable["name"]);
        let _ = writeln!(text, "  The environment variable {name} is not set here.");
    }
    let _ = writeln!(text, "To be created: {}.", counts(plan));
    text
}

fn notes(text: &mut String, notes: &Value, indent: &str) {
    for note in notes.as_array().into_iter().flatten() {
        let _ = writeln!(text, "{indent}{}", plain(&note["message"]));
    }
}

/// A text of the file without what a terminal would obey.
fn plain(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.chars().filter(|it| !it.is_control()).collect()
}

fn counts(plan: &Value) -> String {
    let count = |name: &str| plan["created"][name].as_u64().unwrap_or_default();
    format!(
        "{} channels, {} client keys, {} aliases",
        count("channels"),
        count("keys"),
        count("aliases")
    )
}

fn created(plan: &Value) -> u64 {
    let counts = plan["created"].as_object().into_iter().flatten();
    counts.filter_map(|(_, count)| count.as_u64()).sum()
}

fn is_agreed() -> Result<bool> {
    print!("Import? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Value {
        json!({
            "created": {"channels": 1, "keys": 0, "aliases": 0},
            "channels": [
                {"name": "One\u{1b}[2J", "base_url": "https://a.example/v1", "skipped": null, "enabled": false, "notes": [
                    {"message": "It was disabled, and is created so."}]},
                {"name": "Two", "base_url": null, "skipped": "impossible", "enabled": true, "notes": []},
            ],
            "keys": [], "aliases": [],
            "notes": [{"message": "Accounts are not taken over."}],
            "variables": [{"name": "A", "given": true}, {"name": "B", "given": false}],
        })
    }

    #[test]
    fn a_preview_says_what_is_created_and_what_is_not() {
        assert_eq!(
            shown(&plan()),
            "Channels:\n  + One[2J  https://a.example/v1  [disabled]\n      It was disabled, and is created so.\n  - Two  \
             [skipped: impossible]\n  Accounts are not taken over.\n  The environment variable B is not set here.\nTo be \
             created: 1 channels, 0 client keys, 0 aliases.\n"
        );
        assert_eq!(created(&plan()), 1);
    }

    #[test]
    fn only_variables_that_the_file_names_are_sent() {
        let sent = from_environment(&plan(), |name| (name != "B").then(|| format!("{name}1")));
        assert_eq!(sent, BTreeMap::from([("A".to_owned(), "A1".to_owned())]));
    }
}
