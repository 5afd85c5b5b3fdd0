//! What Markdown files point to: links, anchors, paths of the repository, commands of `xtask`. Owns when each of them
//! is right.

use std::collections::{BTreeMap, BTreeSet};

use super::markdown::Page;
use crate::tree::{MADE, SourceFile};

/// Where short paths in the documentation begin: the root, or the sources of the core.
const BASES: [&str; 2] = ["", "crates/gateway-core/src/"];
/// Endings of files of which a name alone is looked up.
const NAMED: [&str; 7] = ["rs", "toml", "md", "mjs", "ts", "tsx", "wit"];

/// Files and folders by their paths from the root.
pub struct Tree {
    paths: BTreeSet<String>,
}

impl Tree {
    /// Of these files and the folders that they are in.
    pub fn new(files: impl IntoIterator<Item = String>) -> Self {
        let mut paths = BTreeSet::new();
        for file in files {
            for (at, _) in file.match_indices('/') {
                paths.insert(file[..at].to_owned());
            }
            paths.insert(file);
        }
        Self { paths }
    }

    fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path.trim_end_matches('/'))
    }

    fn has_name(&self, name: &str) -> bool {
        self.paths
            .iter()
            .any(|path| path.rsplit('/').next() == Some(name))
    }
}

/// Complains about links that lead nowhere, or to a heading that does not exist.
pub fn links(files: &[&SourceFile], tree: &Tree) -> Vec<String> {
    let pages: BTreeMap<&str, Page> = files
        .iter()
        .map(|file| (file.path.as_str(), Page::parse(&file.text)))
        .collect();
    let mut complaints = Vec::new();
    for (from, page) in &pages {
        for (line, link) in page.links() {
            if let Some(problem) = broken(from, &link, &pages, tree) {
                complaints.push(format!("{from}:{line}: {link}: {problem}"));
            }
        }
    }
    complaints
}

fn broken(
    from: &str,
    link: &str,
    pages: &BTreeMap<&str, Page>,
    tree: &Tree,
) -> Option<&'static str> {
    if ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| link.starts_with(scheme))
    {
        return None;
    }
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let Some(target) = resolved(from, path) else {
        return Some("leads out of the repository");
    };
    if !tree.has(&target) {
        return Some("there is no such file");
    }
    let anchor = anchor?;
    let anchors = pages.get(target.as_str()).map(Page::anchors);
    match anchors {
        Some(anchors) if anchors.iter().any(|known| known == anchor) => None,
        Some(_) => Some("there is no such heading"),
        None => Some("only Markdown files have headings"),
    }
}

/// The path from the root that `path` means in the file `from`; `None` outside of the repository.
pub fn resolved(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            "" => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Complains about paths in backticks that do not exist.
pub fn paths(file: &SourceFile, tree: &Tree) -> Vec<String> {
    let spans = Page::parse(&file.text).spans();
    let missing = spans.into_iter().filter(|(_, span)| is_missing(span, tree));
    missing
        .map(|(line, span)| format!("{}:{line}: `{span}` does not exist", file.path))
        .collect()
}

/// Whether a text is written like a path of the repository and is none.
fn is_missing(span: &str, tree: &Tree) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if span.starts_with('/') || !span.chars().all(is_plain) || span.contains("..") {
        return false;
    }
    let parts: Vec<&str> = span.trim_end_matches('/').split('/').collect();
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return false;
    };
    let is_known = tree.has(first) && !first.is_empty();
    let is_made = parts.iter().any(|part| MADE.contains(part));
    // Hidden folders are data of a running gateway, except those that are written by hand.
    if is_made || (span.starts_with('.') && !is_known) {
        return false;
    }
    let has_known_ending = last
        .rsplit_once('.')
        .is_some_and(|(name, ending)| !name.is_empty() && NAMED.contains(&ending));
    if parts.len() == 1 && !span.ends_with('/') {
        return has_known_ending && !tree.has_name(last);
    }
    if !is_known && !has_known_ending && !span.ends_with('/') {
        return false;
    }
    BASES.iter().all(|base| !tree.has(&format!("{base}{span}")))
}

/// The words after `cargo xtask` that are commands, and those after `--only`: what the tool itself says there are.
pub struct Commands {
    commands: BTreeSet<String>,
    steps: BTreeSet<String>,
}

impl Commands {
    /// Reads the sources of `xtask`: its help, and its table of steps.
    pub fn of(options: &str, steps: &str) -> Self {
        let first = |text: &str| {
            text.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let commands = options
            .lines()
            .filter_map(|line| line.strip_prefix("cargo xtask "))
            .map(first)
            .collect();
        let names = steps
            .lines()
            .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
        Self {
            commands,
            steps: names.map(str::to_owned).collect(),
        }
    }

    /// Complains about commands and steps that do not exist, in code of all kinds.
    pub fn check(&self, file: &SourceFile) -> Vec<String> {
        let page = Page::parse(&file.text);
        let fences = page.fences.iter().map(|fence| fence.text.clone());
        let spans = page.spans().into_iter().map(|(_, span)| span);
        let mut complaints = Vec::new();
        for line in fences.chain(spans).flat_map(|code| {
            let lines: Vec<String> = code.lines().map(str::to_owned).collect();
            lines
        }) {
            for (at, call) in line.match_indices("cargo xtask ") {
                let words: Vec<&str> = line[at + call.len()..].split_whitespace().collect();
                complaints.extend(
                    self.problem(&words)
                        .map(|problem| format!("{}: `{line}`: {problem}", file.path)),
                );
            }
        }
        complaints
    }

    /// What is wrong with the words after `cargo xtask`.
    pub fn problem(&self, words: &[&str]) -> Option<String> {
        let command = words.first().filter(|word| !word.starts_with('-'))?;
        if !self.commands.contains(*command) {
            return Some(format!("there is no command {command}"));
        }
        for pair in words.windows(2) {
            if let ["--only", step] = pair
                && !self.steps.contains(*step)
            {
                return Some(format!("there is no step {step}"));
            }
        }
        // `cargo xtask test e2e` is not understood by the tool.
        let extra = words.get(1).filter(|word| self.steps.contains(**word))?;
        Some(format!("{extra} is given with --only"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn tree() -> Tree {
        Tree::new(
            [
                "README.md",
                "docs/a.md",
                "docs/b/c.md",
                "docs/images/i.png",
                ".ci/run",
                "crates/gateway-core/src/wire/sse.rs",
            ]
            .map(str::to_owned),
        )
    }

    #[test]
    fn links_that_lead_nowhere_are_noticed() {
        let readme = sample("README.md", "# One\n## Two\n");
        let check = |text: &str| {
            let page = sample("docs/b/c.md", text);
            links(&[&readme, &page], &tree()).len()
        };
        for good in [
            "[a](../a.md)",
            "![a](../images/i.png)",
            "[a](../../README.md#two)",
            "# Here\n[a](#here)",
            "[a](https://example.com/x#y)",
            "[a](..)",
            "`[a](none.md)`",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
        for bad in [
            "[a](a.md)",
            "[a](../../README.md#three)",
            "[a](../../README.md#Two)",
            "[a](#here)",
            "[a](../../../x)",
            "[a](/docs/a.md)",
            "[a](../images/i.png#x)",
            "![a](i.png)",
        ] {
            assert_eq!(check(bad), 1, "{bad}");
        }
    }

    #[test]
    fn paths_that_do_not_exist_are_noticed() {
        let check = |text: &str| paths(&sample("docs/a.md", text), &tree()).len();
        for good in [
            "`docs/b/c.md`",
            "`docs/b/`",
            "`wire/sse.rs`",
            "`sse.rs`",
            "`.ci/run`",
            "`.spin/logs`",
            "`/v1/models`",
            "`chat/completions`",
            "`docs/<page>.md`",
            "`gateway.json`",
            "`docs/build/x.md`",
            "`x/../y.md`",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
        for bad in [
            "`docs/c.md`",
            "`docs/none/`",
            "`none/`",
            "`wire/other.rs`",
            "`other.rs`",
            "`.ci/other`",
            "`crates/gateway-core`/`crates/none`",
        ] {
            assert_eq!(check(bad), 1, "{bad}");
        }
    }

    #[test]
    fn commands_that_do_not_exist_are_noticed() {
        let commands = Commands::of(
            "\ncargo xtask up    [--quiet]\ncargo xtask test\n",
            "Step {\n    name: \"e2e\",\n",
        );
        let check = |text: &str| commands.check(&sample("a.md", text)).len();
        for good in [
            "```sh\ncargo xtask up --quiet\n```",
            "`cargo xtask test --only e2e`",
            "`cargo xtask --help`",
            "`cargo xtask`",
            "cargo xtask is a tool",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
        for bad in [
            "```sh\ncd x && cargo xtask serve\n```",
            "`cargo xtask test --only other`",
            "`cargo xtask test e2e`",
        ] {
            assert_eq!(check(bad), 1, "{bad}");
        }
    }
}
