//! How long files and functions may be. Owns the limits.

use super::tree::SourceFile;

/// Lines of a file; most stay below 300.
const FILE: usize = 500;
/// Lines of a function with its signature and braces; most stay below 50.
const FUNCTION: usize = 100;
/// Lines of a component's crate: it builds the ports and calls the core.
const SHELL: usize = 120;

/// Complains about a file of code that is too long.
pub fn of_file(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().count();
    if !file.is_code() || lines <= FILE {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines, {FILE} are allowed", file.path)]
}

/// Complains about functions that are too long.
///
/// The formatters put the brace that ends a function at the indentation of the line that begins it, so that
/// no parser is needed to find it.
pub fn of_functions(file: &SourceFile) -> Vec<String> {
    let begins: fn(&str) -> bool = if file.is("rs") {
        begins_in_rust
    } else if file.is("ts") || file.is("tsx") {
        begins_in_typescript
    } else {
        return Vec::new();
    };
    let lines: Vec<&str> = file.text.lines().collect();
    let mut complaints = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if !begins(line.trim_start()) {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let ends = |other: &&str| {
            other.strip_prefix(indentation).is_some_and(|rest| rest.starts_with('}'))
                // A declaration without a body.
                || other.strip_prefix(indentation).is_some_and(|rest| {
                    !rest.starts_with([' ', '\t']) && rest.ends_with(';')
                })
        };
        let is_whole = line.ends_with('}') || line.ends_with(';');
        let rest = lines[index + 1..].iter().position(ends);
        let length = if is_whole {
            1
        } else {
            rest.map_or(lines.len() - index, |rest| rest + 2)
        };
        if length > FUNCTION {
            complaints.push(format!(
                "{}:{}: a function of {length} lines, {FUNCTION} are allowed",
                file.path,
                index + 1
            ));
        }
    }
    complaints
}

fn begins_in_rust(line: &str) -> bool {
    let mut rest = line;
    loop {
        if rest.starts_with("fn ") {
            return true;
        }
        let modifiers = [
            "pub ",
            "pub(crate) ",
            "pub(super) ",
            "const ",
            "async ",
            "unsafe ",
            "default ",
            "extern \"C\" ",
        ];
        match modifiers
            .iter()
            .find_map(|modifier| rest.strip_prefix(modifier))
        {
            Some(shorter) => rest = shorter,
            None => return false,
        }
    }
}

fn begins_in_typescript(line: &str) -> bool {
    let mut rest = line;
    for modifier in ["export ", "default ", "async "] {
        rest = rest.strip_prefix(modifier).unwrap_or(rest);
    }
    let is_arrow = rest.starts_with("const ") && rest.ends_with("=> {");
    rest.starts_with("function ") || is_arrow
}

/// Complains about a component that has grown beyond a shell.
pub fn of_shells(files: &[SourceFile]) -> Vec<String> {
    let shells = ["proxy-component/src/", "admin-component/src/"];
    let lines = |shell: &str| -> usize {
        let parts = files.iter().filter(|file| file.path.starts_with(shell));
        parts.map(|file| file.text.lines().count()).sum()
    };
    shells
        .iter()
        .map(|shell| (shell, lines(shell)))
        .filter(|(_, lines)| !(1..=SHELL).contains(lines))
        .map(|(shell, lines)| format!("{shell}: {lines} lines, 1 to {SHELL} are allowed"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn function(begin: &str, lines: usize, indentation: &str) -> String {
        let body = format!("{indentation}    step();\n").repeat(lines - 2);
        format!("{indentation}{begin}\n{body}{indentation}}}\n")
    }

    #[test]
    fn a_line_too_many_is_noticed_in_files() {
        assert_eq!(of_file(&sample("a.rs", "x\n".repeat(500))), [""; 0]);
        assert_eq!(of_file(&sample("a.rs", "x\n".repeat(501))).len(), 1);
        assert_eq!(of_file(&sample("web/a.tsx", "x\n".repeat(501))).len(), 1);
        assert_eq!(of_file(&sample("Cargo.lock", "x\n".repeat(501))), [""; 0]);
    }

    #[test]
    fn a_line_too_many_is_noticed_in_functions_of_every_form() {
        for begin in [
            "fn a() {",
            "pub async fn a(",
            "pub(crate) const unsafe fn a<T>(",
        ] {
            for indentation in ["", "    "] {
                let fits = function(begin, 100, indentation);
                assert_eq!(of_functions(&sample("a.rs", fits)), [""; 0], "{begin}");
                let long = function(begin, 101, indentation);
                assert_eq!(of_functions(&sample("a.rs", long)).len(), 1, "{begin}");
            }
        }
        for begin in [
            "export function A() {",
            "const a = async (b: string) => {",
            "async function a() {",
        ] {
            assert_eq!(
                of_functions(&sample("a.ts", function(begin, 101, ""))).len(),
                1,
                "{begin}"
            );
        }
    }

    #[test]
    fn declarations_and_one_liners_do_not_reach_into_what_follows() {
        let text = format!(
            "    fn declared(\n        &self,\n    ) -> u8;\n{}",
            "\n".repeat(200)
        );
        assert_eq!(of_functions(&sample("a.rs", text)), [""; 0]);
        let text = format!("fn short() {{}}\n{}}}\n", "    x\n".repeat(200));
        assert_eq!(of_functions(&sample("a.rs", text)), [""; 0]);
    }

    #[test]
    fn a_shell_that_grew_and_one_that_is_missing_are_noticed() {
        let proxy = |lines| sample("proxy-component/src/lib.rs", "x\n".repeat(lines));
        let admin = || sample("admin-component/src/lib.rs", "x\n");
        assert_eq!(of_shells(&[proxy(120), admin()]), [""; 0]);
        assert_eq!(of_shells(&[proxy(121), admin()]).len(), 1);
        assert_eq!(of_shells(&[proxy(20)]).len(), 1);
    }
}
