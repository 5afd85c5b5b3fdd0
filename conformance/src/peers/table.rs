//! Results of several gateways side by side, in Markdown. Owns the form of the tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::marks::{self, Mark};
use crate::dialect::{CLIENTS, UPSTREAMS};

/// The results of one gateway, from the file of `--json`.
struct Results {
    label: String,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    status: Status,
    reason: String,
}

/// How a case counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    Failed,
    Refused,
    Documented,
}

/// How many reasons are listed for each gateway.
const REASONS: usize = 8;

/// Writes the tables for result files.
///
/// # Errors
/// When a file is no result of the suite.
pub fn write(files: &[String], marks: &[Mark]) -> Result<String, String> {
    let mut all = Vec::new();
    for text in files {
        all.push(read(text, marks)?);
    }
    let mut text = String::new();
    head(&mut text, "cases", &all);
    row(&mut text, "**all cases**", &all, |_| true);
    for template in templates(&all) {
        row(&mut text, &template, &all, |name| {
            template_of(name) == template
        });
    }
    text.push('\n');
    head(&mut text, "client to upstream", &all);
    for pair in pairs() {
        row(&mut text, &pair, &all, |name| {
            name.ends_with(&format!("/{pair}"))
        });
    }
    for results in &all {
        reasons(&mut text, results);
    }
    Ok(text)
}

fn read(text: &str, marks: &[Mark]) -> Result<Results, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let label = value["label"].as_str().unwrap_or("gateway").to_owned();
    let cases = value["cases"].as_array().ok_or("no results of the suite")?;
    let one = |case: &Value| {
        let name = case["name"].as_str().unwrap_or_default().to_owned();
        let is_documented = marks::find(marks, &label, &name).is_some();
        let status = match case["status"].as_str() {
            Some("ok") => Status::Ok,
            _ if is_documented => Status::Documented,
            Some("unsupported") => Status::Refused,
            _ => Status::Failed,
        };
        let reason = case["reason"].as_str().unwrap_or_default().to_owned();
        Case {
            name,
            status,
            reason,
        }
    };
    let cases = cases.iter().map(one).collect();
    Ok(Results { label, cases })
}

/// The first part of a case's name; the thirty cases are one.
fn template_of(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    if first.starts_with("nasty-") {
        return "nasty".to_owned();
    }
    first.to_owned()
}

fn templates(all: &[Results]) -> Vec<String> {
    let mut templates: Vec<String> = Vec::new();
    for case in all.iter().flat_map(|results| &results.cases) {
        let template = template_of(&case.name);
        if !templates.contains(&template) {
            templates.push(template);
        }
    }
    templates
}

/// The ends of names: all translations, and each dialect to itself. Cases with two upstreams belong to none.
fn pairs() -> Vec<String> {
    let pair = |client| UPSTREAMS.map(|upstream| format!("{client}-to-{upstream}"));
    CLIENTS.into_iter().flat_map(pair).collect()
}

fn head(text: &mut String, title: &str, all: &[Results]) {
    let _ = write!(text, "| {title} |");
    for results in all {
        let _ = write!(text, " {} |", results.label);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(all.len()));
    text.push('\n');
}

fn row(text: &mut String, title: &str, all: &[Results], is_in: impl Fn(&str) -> bool) {
    let _ = write!(text, "| {title} |");
    for results in all {
        let mut counts: BTreeMap<Status, usize> = BTreeMap::new();
        for case in results.cases.iter().filter(|case| is_in(&case.name)) {
            *counts.entry(case.status).or_default() += 1;
        }
        let _ = write!(text, " {} |", cell(&counts));
    }
    text.push('\n');
}

fn cell(counts: &BTreeMap<Status, usize>) -> String {
    let total: usize = counts.values().sum();
    let of = |status: Status| counts.get(&status).copied().unwrap_or(0);
    let mut parts = vec![format!("{}/{total}", of(Status::Ok))];
    for (status, word) in [
        (Status::Failed, "failed"),
        (Status::Refused, "refused"),
        (Status::Documented, "documented"),
    ] {
        if of(status) > 0 {
            parts.push(format!("{} {word}", of(status)));
        }
    }
    parts.join(", ")
}

fn reasons(text: &mut String, results: &Results) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for case in &results.cases {
        if matches!(case.status, Status::Failed) {
            *counts.entry(shortened(&case.reason)).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    if counts.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\nMost frequent reasons of failures, {}:\n\n| cases | reason |\n|---|---|\n",
        results.label
    );
    for (reason, count) in counts.into_iter().take(REASONS) {
        let _ = writeln!(text, "| {count} | `{reason}` |");
    }
}

/// A reason without what differs from case to case.
fn shortened(reason: &str) -> String {
    let mut short = String::new();
    for letter in reason.chars().take(110) {
        match letter {
            '|' | '`' | '\n' => short.push(' '),
            '0'..='9' if short.ends_with('#') => {}
            '0'..='9' => short.push('#'),
            letter => short.push(letter),
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn results(label: &str, cases: &[(&str, &str, &str)]) -> String {
        let cases: Vec<Value> = cases
            .iter()
            .map(|(name, status, reason)| json!({"name": name, "status": status, "reason": reason}))
            .collect();
        json!({"label": label, "cases": cases}).to_string()
    }

    #[test]
    fn gateways_stand_side_by_side_with_what_they_document() {
        let one = results(
            "One 1.0",
            &[("nasty-01", "ok", ""), ("text/a-to-b", "ok", "")],
        );
        let other = results(
            "Other 2.0",
            &[
                ("nasty-01", "failed", "got | 15"),
                ("text/a-to-b", "unsupported", "404"),
            ],
        );
        let mark = Mark {
            peer: "Other".to_owned(),
            cases: "text/*".to_owned(),
            source: "https://example.com".to_owned(),
            says: "no".to_owned(),
        };
        let text = write(&[one, other], &[mark]).unwrap();
        assert!(text.starts_with("| cases | One 1.0 | Other 2.0 |\n|---|---|---|\n"));
        assert!(text.contains("| **all cases** | 2/2 | 0/2, 1 failed, 1 documented |"));
        assert!(text.contains("| nasty | 1/1 | 0/1, 1 failed |"));
        assert!(text.contains("| 1 | `got   #` |"), "{text}");
        assert!(!text.contains("reasons of failures, One"));
    }
}
