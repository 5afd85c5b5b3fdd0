//! What source text must say and must not say. Owns the lists of words.
//!
//! The words are put together from pieces, since this file is among those that are read.

use super::tree::SourceFile;

/// Never in code: they hide a warning, a hole or a test.
const FORBIDDEN: [(&str, &str); 9] = [
    (concat!("#[", "allow("), "say why with `expect`"),
    (concat!("#![", "allow("), "say why with `expect`"),
    (
        concat!("#[", "ignore"),
        "a test that does not run proves nothing",
    ),
    (concat!("TO", "DO"), "finish it, or open an issue"),
    (concat!("FIX", "ME"), "finish it, or open an issue"),
    (concat!("todo", "!("), "finish it"),
    (concat!("unimplemented", "!("), "finish it"),
    (concat!("@ts-", "ignore"), "say the right type"),
    (
        concat!("eslint-", "disable"),
        "mend what it complains about",
    ),
];

/// Where things lay on machines of those who wrote them.
const PLACES: [&str; 4] = [
    concat!("/", "work/"),
    concat!("/", "root/"),
    concat!("/", "home/"),
    concat!("/", "Users/"),
];

/// Complains about a Rust file that does not begin with what it owns.
pub fn header(file: &SourceFile) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").unwrap_or_default().trim();
    if !file.is("rs") || says.len() >= 15 {
        return Vec::new();
    }
    vec![format!(
        "{}: begins with {first:?}, not with `//!` and a sentence",
        file.path
    )]
}

/// Complains about words that must not be in code.
pub fn forbidden(file: &SourceFile) -> Vec<String> {
    if !file.is_code() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for (word, advice) in FORBIDDEN {
            if line.contains(word) {
                complaints.push(format!("{}:{}: {word}: {advice}", file.path, index + 1));
            }
        }
        // As a separate word: in a sample key it means nothing.
        let marks = line.split(|letter: char| !letter.is_alphanumeric());
        if marks.into_iter().any(|word| word == concat!("XX", "X")) {
            complaints.push(format!(
                "{}:{}: a mark of something undone",
                file.path,
                index + 1
            ));
        }
    }
    complaints
}

/// Complains about paths that exist on one machine only.
pub fn local_paths(file: &SourceFile) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for place in PLACES {
            // In the middle of a longer path or of a URL it is another place.
            let is_start = |at: usize| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|letter| !letter.is_alphanumeric() && !"._-*}/".contains(letter))
            };
            if line.match_indices(place).any(|(at, _)| is_start(at)) {
                complaints.push(format!(
                    "{}:{}: a path of one machine: {place}",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    complaints
}

/// Complains about the root of a crate that leaves unsafe code possible. Hosts may need it.
pub fn unsafe_forbidden(file: &SourceFile) -> Vec<String> {
    let is_root = ["src/lib.rs", "src/main.rs"]
        .iter()
        .any(|root| file.path.ends_with(root))
        || (file.path.contains("/src/bin/") && file.is("rs"));
    let is_host = ["local-host/", "native-host/", "cloudflare-worker/"]
        .iter()
        .any(|host| file.path.starts_with(host));
    if !is_root || is_host || file.text.contains("#![forbid(unsafe_code)]") {
        return Vec::new();
    }
    vec![format!(
        "{}: `#![forbid(unsafe_code)]` is missing",
        file.path
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    #[test]
    fn a_module_without_a_sentence_is_noticed() {
        assert_eq!(
            header(&sample("a.rs", "//! Owns the one thing that it owns.\n")),
            [""; 0]
        );
        for text in [
            "",
            "use std::fmt;\n//! Owns the thing that it owns.\n",
            "//!\n",
            "// Owns the thing.\n",
        ] {
            assert_eq!(header(&sample("a.rs", text)).len(), 1, "{text:?}");
        }
        assert_eq!(header(&sample("a.ts", "export {};\n")), [""; 0]);
    }

    #[test]
    fn every_forbidden_word_is_noticed() {
        for (word, _) in FORBIDDEN {
            assert_eq!(
                forbidden(&sample("a.rs", format!("fn a() {{}}\n    {word}\n"))).len(),
                1,
                "{word}"
            );
        }
        let mark = concat!("// XX", "X: later\n");
        assert_eq!(forbidden(&sample("web/a.ts", mark)).len(), 1);
        let key = concat!("let key = \"sk-XX", "XX\";\n");
        assert_eq!(forbidden(&sample("a.rs", key)), [""; 0]);
    }

    #[test]
    fn paths_of_one_machine_are_noticed_and_others_are_not() {
        for place in PLACES {
            assert_eq!(
                local_paths(&sample("a.md", format!("see `{place}x`\n"))).len(),
                1,
                "{place}"
            );
            let other = format!("https://example.com{place}x src{place}y\n");
            assert_eq!(local_paths(&sample("a.md", other)), [""; 0], "{place}");
        }
    }

    #[test]
    fn a_root_that_leaves_unsafe_code_possible_is_noticed() {
        let open = "//! A crate.\n";
        let closed = "//! A crate.\n#![forbid(unsafe_code)]\n";
        for path in [
            "crates/a/src/lib.rs",
            "xtask/src/main.rs",
            "tests/src/bin/sdk.rs",
        ] {
            assert_eq!(unsafe_forbidden(&sample(path, open)).len(), 1, "{path}");
            assert_eq!(unsafe_forbidden(&sample(path, closed)), [""; 0], "{path}");
        }
        for path in ["local-host/src/main.rs", "crates/a/src/other.rs"] {
            assert_eq!(unsafe_forbidden(&sample(path, open)), [""; 0], "{path}");
        }
    }
}
