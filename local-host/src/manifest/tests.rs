//! Manifests that load, and the messages of those that do not.

use super::*;

const GOOD: &str = r#"
spin_manifest_version = 2
[application]
name = "demo"
[variables]
secret = { required = true, secret = true }
upstream = { default = "http://127.0.0.1:*" }
[[trigger.http]]
route = "/..."
component = "b"
[[trigger.http]]
route = "/a"
component = "a"
[[trigger.http]]
route = { private = true }
component = "hidden"
[component.a]
source = "a.wasm"
sqlite_databases = ["default"]
[component.b]
source = "target/b.wasm"
key_value_stores = ["default"]
allowed_outbound_hosts = ["https://*:*", "{{ upstream }}"]
[component.b.variables]
key = "<{{ secret }}>"
[component.b.build]
command = "cargo build"
[component.hidden]
source = "hidden.wasm"
"#;

fn parse(text: &str) -> Result<App> {
    App::parse(text, Path::new("/app"), |key| {
        (key == "SPIN_VARIABLE_SECRET").then(|| "s3".to_owned())
    })
}

#[test]
fn a_manifest_becomes_an_application() {
    let app = parse(GOOD).unwrap();
    assert_eq!(app.name, "demo");
    let ids: Vec<_> = app.components.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"], "private components are not loaded");
    let b = &app.components[1];
    assert_eq!(b.source, Path::new("/app/target/b.wasm"));
    assert_eq!(b.variables["key"], "<s3>");
    assert_eq!(b.build.as_deref(), Some("cargo build"));
    assert!(b.stores.contains("default") && app.components[0].stores.is_empty());
    assert!(app.components[0].databases.contains("default") && b.databases.is_empty());
    assert!(b.hosts.allow(&"http://127.0.0.1:8000/".parse().unwrap()));
    assert!(
        !app.components[0]
            .hosts
            .allow(&"http://127.0.0.1:8000/".parse().unwrap())
    );
    assert_eq!(app.router.find("/x").unwrap().route.component, 1);
    assert_eq!(app.router.find("/a").unwrap().route.component, 0);
}

#[test]
fn the_environment_overrides_defaults() {
    let app = App::parse(GOOD, Path::new(""), |key| match key {
        "SPIN_VARIABLE_UPSTREAM" => Some("http://example.com".to_owned()),
        "SPIN_VARIABLE_SECRET" => Some(String::new()),
        _ => None,
    })
    .unwrap();
    assert!(
        app.components[1]
            .hosts
            .allow(&"http://example.com/".parse().unwrap())
    );
    assert!(
        !app.components[1]
            .hosts
            .allow(&"http://127.0.0.1:1/".parse().unwrap())
    );
}

#[test]
fn every_mistake_names_its_place() {
    for (from, to, words) in [
        (
            "spin_manifest_version = 2",
            "spin_manifest_version = 1",
            "only version 2",
        ),
        ("component = \"a\"", "component = \"z\"", "[component.z]"),
        (
            "route = { private = true }",
            "route = { private = false }",
            "hidden",
        ),
        ("{{ upstream }}", "{{ up }}", "[component.b]"),
        ("\"https://*:*\"", "\"*\"", "allowed_outbound_hosts"),
        ("<{{ secret }}>", "<{{ secret", "variables.key"),
        (
            "source = \"a.wasm\"",
            "source = { url = \"https://x\" }",
            "source must be a path",
        ),
        ("{ default = \"http://127.0.0.1:*\" }", "{}", "upstream"),
        ("[application]", "[app]", "application"),
        (
            "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"a\"",
            "[[trigger.redis]]\nroute = \"/a\"\ncomponent = \"a\"",
            "redis",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let message = format!("{:#}", parse(&GOOD.replacen(from, to, 1)).unwrap_err());
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_required_variable_names_its_environment_variable() {
    let message = format!(
        "{:#}",
        App::parse(GOOD, Path::new(""), |_| None).unwrap_err()
    );
    assert!(message.contains("SPIN_VARIABLE_SECRET"), "{message}");
}

#[test]
fn a_missing_file_names_the_option() {
    let message = format!(
        "{:#}",
        App::load(Path::new("/nowhere/spin.toml"), |_| None).unwrap_err()
    );
    assert!(
        message.contains("/nowhere/spin.toml") && message.contains("--manifest"),
        "{message}"
    );
}
