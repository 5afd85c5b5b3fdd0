//! Which crate of the workspace may depend on which. Owns the arrows between crates; those inside the core are `graph`'s.

use toml::{Table, Value};

use super::tree::SourceFile;

/// Every crate of the workspace with those that it may depend on, for tests too.
const ARROWS: [(&str, &[&str]); 16] = [
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
    // It measures the core's parts from within.
    ("gateway-micro", &["gateway-core"]),
    // These know the gateway as a process only: what they prove holds for what is shipped.
    ("gateway-bench", &[]),
    ("gateway-tests", &["gateway-testkit", "gateway-conformance"]),
    // It must hold for every gateway, so it knows none.
    ("gateway-conformance", &[]),
    // It knows WIT and .wasm, and would run any other application as well.
    ("local-host", &[]),
    ("local-host-probe", &[]),
    ("xtask", &[]),
];

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
}
