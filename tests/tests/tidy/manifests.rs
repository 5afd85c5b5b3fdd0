//! What the manifests must say: lints, dependencies that are used, the components and their rights.

use toml::{Table, Value};

use super::tree::SourceFile;

/// The components of `spin.toml`: package, routes, file, and whether it may use the store and the database and call out.
const COMPONENTS: [(&str, &[&str], &str, bool); 3] = [
    ("proxy", &["/..."], "component/proxy_component.wasm", true),
    (
        "admin",
        &["/admin/api/...", "/metrics"],
        "component/admin_component.wasm",
        true,
    ),
    // The panel's files are static: a compromised panel can read nothing and call no host.
    (
        "admin-ui",
        &["/admin/..."],
        "component/admin_ui.wasm",
        false,
    ),
];

/// Where upstreams may lie without further settings: anywhere over TLS, on this machine without.
const OUTBOUND: [&str; 3] = ["https://*:*", "http://localhost:*", "http://127.0.0.1:*"];

/// Complains about a crate that does not take the workspace's lints.
pub fn lints(file: &SourceFile) -> Vec<String> {
    if file.name() != "Cargo.toml" {
        return Vec::new();
    }
    let table = parse(&file.text);
    let takes_them = table
        .get("lints")
        .and_then(|lints| lints.get("workspace")?.as_bool());
    if !table.contains_key("package") || takes_them == Some(true) {
        return Vec::new();
    }
    vec![format!(
        "{}: `[lints] workspace = true` is missing",
        file.path
    )]
}

/// Complains about dependencies that the workspace names and no crate takes.
pub fn unused_dependencies(files: &[SourceFile]) -> Vec<String> {
    let manifests = files.iter().filter(|file| file.name() == "Cargo.toml");
    let tables: Vec<Table> = manifests.map(|file| parse(&file.text)).collect();
    let named = tables
        .iter()
        .filter_map(|table| table.get("workspace")?.get("dependencies")?.as_table());
    let named: Vec<&String> = named.flat_map(Table::keys).collect();
    assert!(!named.is_empty(), "the workspace names no dependencies");
    let is_taken = |name: &str| {
        tables
            .iter()
            .filter(|table| table.contains_key("package"))
            .any(|table| takes(table, name))
    };
    let unused = named.into_iter().filter(|name| !is_taken(name));
    unused
        .map(|name| format!("Cargo.toml: no crate takes the dependency {name}"))
        .collect()
}

fn takes(table: &Table, name: &str) -> bool {
    table.iter().any(|(key, value)| match value {
        Value::Table(inner) if key.ends_with("dependencies") => {
            let dependency = inner
                .get(name)
                .and_then(|dependency| dependency.get("workspace"));
            dependency.and_then(Value::as_bool) == Some(true)
        }
        Value::Table(inner) => takes(inner, name),
        _ => false,
    })
}

/// Complains about components that are missing or have other rights than they need.
pub fn spin(text: &str) -> Vec<String> {
    let manifest = parse(text);
    let mut complaints = Vec::new();
    let components = manifest.get("component").and_then(Value::as_table);
    let names: Vec<&str> = components
        .into_iter()
        .flat_map(Table::keys)
        .map(String::as_str)
        .collect();
    if names.len() != COMPONENTS.len() {
        complaints.push(format!("spin.toml: the components are {names:?}"));
    }
    for (name, own_routes, file, has_rights) in COMPONENTS {
        let component = components.and_then(|components| components.get(name));
        let Some(component) = component else {
            complaints.push(format!("spin.toml: {name} is missing"));
            continue;
        };
        let mut expect = |what: &str, holds: bool| {
            if !holds {
                complaints.push(format!("spin.toml: {name}: {what}"));
            }
        };
        let source = component
            .get("source")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let built = format!("target/wasm32-wasip2/{file}");
        expect("its source is not what the build makes", source == built);
        expect(
            "its routes are others",
            routes(&manifest, name) == own_routes,
        );
        let data: &[&str] = if has_rights { &["default"] } else { &[] };
        let stores = strings(component, "key_value_stores");
        expect("its stores are others", stores == data);
        let databases = strings(component, "sqlite_databases");
        expect("its databases are others", databases == data);
        let hosts = strings(component, "allowed_outbound_hosts");
        let reaches_all = OUTBOUND.iter().all(|host| hosts.contains(host));
        // A variable may add one more origin; nothing else is allowed there.
        let others = hosts
            .iter()
            .filter(|host| !OUTBOUND.contains(host) && !host.starts_with("{{"));
        let are_right = if has_rights {
            reaches_all && others.count() == 0
        } else {
            hosts.is_empty()
        };
        expect("it may call others than it needs", are_right);
        let command = component
            .get("build")
            .and_then(|build| build.get("command")?.as_str());
        let command = command.unwrap_or_default();
        let profile = file.split('/').next().unwrap_or_default();
        let builds = [
            &*format!("cargo build --locked --profile {profile} "),
            "--target wasm32-wasip2",
            "-p ",
        ];
        expect(
            "its build command makes something else",
            builds.iter().all(|part| command.contains(part)),
        );
    }
    complaints
}

fn routes<'a>(manifest: &'a Table, component: &str) -> Vec<&'a str> {
    let triggers = manifest
        .get("trigger")
        .and_then(|trigger| trigger.get("http")?.as_array());
    let own =
        |trigger: &&Value| trigger.get("component").and_then(Value::as_str) == Some(component);
    let route = |trigger: &'a Value| trigger.get("route").and_then(Value::as_str);
    triggers
        .into_iter()
        .flatten()
        .filter(own)
        .filter_map(route)
        .collect()
}

fn strings<'a>(component: &'a Value, key: &str) -> Vec<&'a str> {
    let values = component.get(key).and_then(Value::as_array);
    values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn parse(text: &str) -> Table {
    text.parse().expect("a manifest is TOML")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{files, sample};

    #[test]
    fn a_crate_without_the_lints_is_noticed() {
        let package = "[package]\nname = \"a\"\n";
        assert_eq!(lints(&sample("a/Cargo.toml", package)).len(), 1);
        let taken = format!("{package}[lints]\nworkspace = true\n");
        assert_eq!(lints(&sample("a/Cargo.toml", taken)), [""; 0]);
        assert_eq!(lints(&sample("Cargo.toml", "[workspace]\n")), [""; 0]);
    }

    #[test]
    fn an_unused_dependency_is_noticed() {
        let root = "[workspace.dependencies]\nused = \"1\"\nunused = \"1\"\nfor-tests = \"1\"\n";
        let user = "[package]\nname = \"a\"\n[dependencies]\nused.workspace = true\nunused = \"2\"\n\
                    [target.'cfg(unix)'.dev-dependencies]\nfor-tests.workspace = true\n";
        let complaints =
            unused_dependencies(&[sample("Cargo.toml", root), sample("a/Cargo.toml", user)]);
        assert_eq!(
            complaints,
            ["Cargo.toml: no crate takes the dependency unused"]
        );
    }

    #[test]
    fn every_change_of_a_component_s_rights_is_noticed() {
        let files = files();
        let text = &files
            .iter()
            .find(|file| file.path == "spin.toml")
            .unwrap()
            .text;
        assert_eq!(spin(text), [""; 0]);
        for (good, bad) in [
            (
                "[component.admin-ui]\n",
                "[component.admin-ui]\nkey_value_stores = [\"default\"]\n",
            ),
            (
                "[component.admin-ui]\n",
                "[component.admin-ui]\nsqlite_databases = [\"default\"]\n",
            ),
            ("sqlite_databases = [\"default\"]", ""),
            ("route = \"/metrics\"", "route = \"/figures\""),
            (
                "[component.admin-ui]\n",
                "[component.admin-ui]\nallowed_outbound_hosts = [\"https://*:*\"]\n",
            ),
            (
                "key_value_stores = [\"default\"]",
                "key_value_stores = [\"default\", \"other\"]",
            ),
            ("\"https://*:*\"", "\"https://example.com\""),
            ("\"https://*:*\"", "\"https://*:*\", \"http://*:*\""),
            ("route = \"/admin/api/...\"", "route = \"/api/...\""),
            ("proxy_component.wasm", "proxy.wasm"),
            ("--profile component", "--release"),
            (
                "[application]",
                "[component.more]\nsource = \"more.wasm\"\n\n[application]",
            ),
        ] {
            assert!(text.contains(good), "{good}");
            assert!(
                !spin(&text.replacen(good, bad, 1)).is_empty(),
                "{good} -> {bad}"
            );
        }
    }
}
