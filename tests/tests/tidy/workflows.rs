//! The workflows run what a developer can run too: the commands of the repository, and what publishes their results.
//!
//! Owns what a workflow may contain; the files are read as text.

use super::docs::Commands;
use super::tree::SourceFile;

/// Where workflows are.
pub const FOLDER: &str = ".github/workflows/";

/// Commands beside those of the repository, by their beginnings: they publish what was built.
const PUBLISHING: [&str; 2] = [
    "docker buildx build -f Containerfile ",
    "gh release create ",
];

/// Complains about commands that are not the repository's, actions that are not pinned, and rights that are not named.
pub fn of_file(file: &SourceFile, commands: &Commands) -> Vec<String> {
    let mut complaints = Vec::new();
    if !file.text.contains("\npermissions:\n  contents: read\n\n") {
        complaints.push("the permissions are not `contents: read`".to_owned());
    }
    let lines: Vec<&str> = file.text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let value = |key: &str| {
            let line = line.trim_start();
            let line = line.strip_prefix("- ").unwrap_or(line);
            line.strip_prefix(key)?.strip_prefix(':').map(str::trim)
        };
        if let Some(action) = value("uses")
            && !is_pinned(action)
        {
            complaints.push(format!("{action} is not pinned"));
        }
        let Some(command) = value("run") else {
            continue;
        };
        let indent = indent_of(line);
        let block = lines[index + 1..]
            .iter()
            .take_while(|next| next.trim().is_empty() || indent_of(next) > indent);
        let block: Vec<&str> = block.map(|next| next.trim()).collect();
        let single = [command];
        let script = if command.starts_with(['|', '>']) {
            &block[..]
        } else {
            &single[..]
        };
        for command in script.iter().filter(|command| !command.is_empty()) {
            complaints.extend(problem(command, commands));
        }
    }
    let path = &file.path;
    complaints
        .into_iter()
        .map(|complaint| format!("{path}: {complaint}"))
        .collect()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// By the tag of a version or by a commit; branches change.
fn is_pinned(action: &str) -> bool {
    let Some((_, version)) = action.split_once('@') else {
        return false;
    };
    let is_commit = version.len() == 40 && version.chars().all(|digit| digit.is_ascii_hexdigit());
    let number = version.strip_prefix('v').unwrap_or_default();
    let is_number = !number.is_empty()
        && number
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.');
    is_commit || is_number
}

fn problem(command: &str, commands: &Commands) -> Option<String> {
    // One command a line: what follows would not be looked at.
    if command.contains(['|', ';', '&', '`']) || command.contains("$(") {
        return Some(format!("`{command}` is more than one command"));
    }
    let arguments = |program: &str| {
        let rest = command.strip_prefix(program)?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
    };
    let line = if let Some(rest) = arguments("cargo xtask") {
        rest.to_owned()
    } else if let Some(rest) = arguments(".ci/run") {
        format!("test {rest}")
    } else if PUBLISHING.iter().any(|begin| command.starts_with(begin)) {
        return None;
    } else {
        return Some(format!("`{command}` is no command of the repository"));
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.is_empty() {
        return Some(format!("`{command}` names no command"));
    }
    let problem = commands.problem(&words)?;
    Some(format!("`{command}`: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    const GOOD: &str = "name: CI\n\npermissions:\n  contents: read\n\njobs:\n  test:\n    steps:\n\
        \u{20}     - uses: actions/checkout@v5\n      - run: .ci/run --only core\n      - run: cargo xtask dist\n\
        \u{20}     - run: |\n          cargo xtask dist\n          gh release create v1\n      - name: last\n";

    fn complaints(text: &str) -> Vec<String> {
        let commands = Commands::of(
            "\ncargo xtask test\ncargo xtask dist\n",
            "name: \"core\",\n",
        );
        of_file(&sample(".github/workflows/a.yml", text), &commands)
    }

    #[test]
    fn every_deviation_is_noticed() {
        assert_eq!(complaints(GOOD), [""; 0]);
        for (good, bad) in [
            ("checkout@v5", "checkout@main"),
            ("checkout@v5", "checkout"),
            ("checkout@v5", "checkout@v"),
            ("contents: read", "contents: write"),
            ("run: cargo xtask dist", "run: cargo xtask distribute"),
            ("run: cargo xtask dist", "run: cargo build"),
            ("run: cargo xtask dist", "run: cargo xtask"),
            ("run: cargo xtask dist", "run: cargo xtask dist && make"),
            ("--only core", "--only other"),
            ("          cargo xtask dist", "          make dist"),
            ("gh release create", "gh auth"),
        ] {
            assert!(GOOD.contains(good), "{good}");
            assert_eq!(complaints(&GOOD.replacen(good, bad, 1)).len(), 1, "{bad}");
        }
    }
}
