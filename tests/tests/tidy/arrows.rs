//! Who may depend on whom: between the crates of the workspace and inside the core. Owns the arrows.

use toml::{Table, Value};

use super::tree::SourceFile;

/// Every crate of the workspace with those that it may depend on, for tests too.
const ARROWS: [(&str, &[&str]); 14] = [
    ("gateway-core", &[]),
    ("gateway-spin", &["gateway-core"]),
    ("gateway-testkit", &["gateway-core"]),
    ("gateway-fuzz", &["gateway-core"]),
    ("proxy-component", &["gateway-core", "gateway-spin"]),
    ("admin-component", &["gateway-core", "gateway-spin"]),
    ("admin-ui", &[]),
    // The panel's page and headers; its other files are static assets.
    ("cloudflare-worker", &["gateway-core", "admin-ui"]),
    ("passthrough-component", &[]),
    // These know the gateway as a process only: what they prove holds for what is shipped.
    ("gateway-bench", &[]),
    ("gateway-tests", &["gateway-testkit"]),
    // It knows WIT and .wasm, and would run any other application as well.
    ("local-host", &[]),
    ("local-host-probe", &[]),
    ("xtask", &[]),
];

/// Modules of the core with those that they must not know.
const CORE: [(&str, &[&str]); 6] = [
    ("route", &["ports", "proxy", "admin"]),
    ("attempt", &["ports", "proxy", "admin"]),
    ("wire", &["ports", "proxy", "admin"]),
    ("limit", &["ports", "proxy", "admin"]),
    ("proxy", &["admin", "app"]),
    ("admin", &["proxy", "app"]),
];

/// Plain data that stands beside a port's signature; to name it is not to know the port.
const DATA: [&str; 1] = ["ports::SendErrorKind"];

/// Complains about dependencies between crates that no arrow allows, and about crates without arrows.
pub fn between_crates(files: &[SourceFile]) -> Vec<String> {
    let manifests: Vec<(&SourceFile, Table)> = files
        .iter()
        .filter(|file| file.name() == "Cargo.toml")
        .map(|file| {
            (
                file,
                file.text.parse().expect("cargo has read this manifest"),
            )
        })
        .collect();
    let name = |table: &Table| Some(table.get("package")?.get("name")?.as_str()?.to_owned());
    let members: Vec<String> = manifests
        .iter()
        .filter_map(|(_, table)| name(table))
        .collect();
    let mut complaints = Vec::new();
    for (file, table) in &manifests {
        let Some(package) = name(table) else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == package) else {
            complaints.push(format!(
                "{}: the arrows don't say what {package} may depend on",
                file.path
            ));
            continue;
        };
        let mut depends_on = Vec::new();
        dependencies(table, &mut depends_on);
        for other in depends_on {
            if members.contains(&other) && other != package && !allowed.contains(&other.as_str()) {
                complaints.push(format!(
                    "{}: {package} must not depend on {other}",
                    file.path
                ));
            }
        }
    }
    complaints
}

/// The names in every table of dependencies, those of single targets included.
fn dependencies(table: &Table, found: &mut Vec<String>) {
    for (key, value) in table {
        let Value::Table(inner) = value else { continue };
        if matches!(
            key.as_str(),
            "dependencies" | "dev-dependencies" | "build-dependencies"
        ) {
            for (alias, dependency) in inner {
                let package = dependency.get("package").and_then(Value::as_str);
                found.push(package.unwrap_or(alias).to_owned());
            }
        } else {
            dependencies(inner, found);
        }
    }
}

/// Complains about a module of the core that knows one which it must not know.
pub fn inside_the_core(file: &SourceFile) -> Vec<String> {
    let Some(path) = file.path.strip_prefix("crates/gateway-core/src/") else {
        return Vec::new();
    };
    let module = path.split(['/', '.']).next().unwrap_or_default();
    let Some((_, banned)) = CORE.iter().find(|(name, _)| *name == module) else {
        return Vec::new();
    };
    let mut complaints = Vec::new();
    for known in names_from_the_root(&file.text, depth(path)) {
        let first = known.split("::").next().unwrap_or_default();
        let is_data = DATA.iter().any(|data| known == *data);
        if banned.contains(&first) && !is_data {
            complaints.push(format!("{}: {module} must not know {known}", file.path));
        }
    }
    complaints
}

/// How many modules lie between a file and the crate's root: `route/mod.rs` and `route.rs` are one below it.
fn depth(path: &str) -> usize {
    let folders = path.matches('/').count();
    if path.ends_with("/mod.rs") {
        folders
    } else {
        folders + 1
    }
}

/// The first two parts of every path that begins at the crate's root, groups in braces taken apart.
fn names_from_the_root(text: &str, depth: usize) -> Vec<String> {
    // Comments may name whom they please; nothing else than a comment begins with two slashes in such code.
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let climbs = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", climbs.as_str()] {
        for (at, _) in code.match_indices(root) {
            found.extend(expand(&code[at + root.len()..], ""));
        }
    }
    found
}

/// The paths that begin here, cut after their second part.
fn expand(text: &str, prefix: &str) -> Vec<String> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return members(group)
            .into_iter()
            .flat_map(|member| expand(member, prefix))
            .collect();
    }
    let name: String = text
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect();
    if !prefix.is_empty() {
        return vec![format!("{prefix}::{name}")];
    }
    match text[name.len()..].strip_prefix("::") {
        Some(rest) => expand(rest, &name),
        None => vec![name],
    }
}

/// The members of a group, whose opening brace has been read.
fn members(group: &str) -> Vec<&str> {
    let mut level = 0;
    let mut start = 0;
    let mut found = Vec::new();
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => level += 1,
            '}' if level > 0 => level -= 1,
            '}' => {
                found.push(&group[start..at]);
                break;
            }
            ',' if level == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|member| !member.trim().is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn crates(dependencies: &str) -> Vec<String> {
        let host = format!("[package]\nname = \"local-host\"\n{dependencies}\n");
        let core = "[package]\nname = \"gateway-core\"\n";
        between_crates(&[
            sample("local-host/Cargo.toml", host),
            sample("crates/gateway-core/Cargo.toml", core),
        ])
    }

    #[test]
    fn an_arrow_that_must_not_be_is_noticed_in_every_table() {
        assert_eq!(crates("[dependencies]\nserde = \"1\""), [""; 0]);
        for table in [
            "[dependencies]\ngateway-core.workspace = true",
            "[dev-dependencies]\ngateway-core = { path = \"../x\" }",
            "[target.'cfg(unix)'.build-dependencies]\ngateway-core.workspace = true",
            "[dependencies]\nother = { package = \"gateway-core\", path = \"../x\" }",
        ] {
            assert_eq!(
                crates(table),
                ["local-host/Cargo.toml: local-host must not depend on gateway-core"]
            );
        }
    }

    #[test]
    fn a_crate_without_arrows_is_noticed() {
        let file = sample("new/Cargo.toml", "[package]\nname = \"new\"\n");
        assert_eq!(between_crates(&[file]).len(), 1);
    }

    #[test]
    fn modules_of_the_core_are_held_apart_however_they_name_each_other() {
        let complaints = |path: &str, text: &str| {
            inside_the_core(&sample(&format!("crates/gateway-core/src/{path}"), text)).len()
        };
        assert_eq!(complaints("route/mod.rs", "use crate::ports::Clock;"), 1);
        assert_eq!(complaints("route/mod.rs", "use super::ports::Clock;"), 1);
        assert_eq!(complaints("route/weight.rs", "use super::ports::Ports;"), 0);
        assert_eq!(
            complaints("route/weight.rs", "use super::super::ports::Clock;"),
            1
        );
        assert_eq!(
            complaints(
                "wire/sse.rs",
                "use crate::{\n    error::Error,\n    proxy::{a, b},\n};"
            ),
            2
        );
        assert_eq!(
            complaints("proxy/relay.rs", "fn a() { crate::admin::handle() }"),
            1
        );
        assert_eq!(complaints("admin/mod.rs", "use crate::{config, proxy};"), 1);
        assert_eq!(
            complaints("proxy/mod.rs", "use crate::{ports::Clock, route};"),
            0
        );
        assert_eq!(
            complaints("attempt/mod.rs", "use crate::ports::SendErrorKind;"),
            0
        );
        assert_eq!(
            complaints(
                "attempt/mod.rs",
                "use crate::ports::{SendErrorKind, Upstream};"
            ),
            1
        );
        assert_eq!(
            complaints("attempt/mod.rs", "//! [`crate::proxy`] drives this.\n"),
            0
        );
        assert_eq!(complaints("ports.rs", "use crate::proxy::x;"), 0);
    }
}
