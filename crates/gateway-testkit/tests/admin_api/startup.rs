//! The variable `config`: a whole configuration that is applied when it has changed.

use gateway_core::config::startup;
use gateway_core::ports::StoreKey;
use gateway_testkit::fakes::block_on;
use serde_json::{Value, json};

use crate::{Gateway, UPSTREAM_KEY};

fn document(name: &str) -> Value {
    json!({"version": 1, "keys": [], "channels": [
        {"id": "ch_code", "name": name, "base_url": "https://h/v1", "keys": [UPSTREAM_KEY], "models": ["m"]}
    ]})
}

impl Gateway {
    /// What an instance does when it starts.
    fn start_with(&self, variable: &str) {
        let protection = Ok(self.settings.master_key.as_ref());
        assert!(block_on(startup::apply(&self.ports, variable, protection)));
    }

    fn name(&self) -> Value {
        self.get("channels/ch_code").expect(200)["name"].clone()
    }

    fn last_line(&self) -> String {
        self.ports.log_lines().pop().unwrap_or_default()
    }
}

#[test]
fn a_variable_is_applied_once_and_again_when_it_changes() {
    let gateway = Gateway::new();
    gateway.channel(&json!({"name": "of an admin, from before"}));
    let variable = document("from code").to_string();
    gateway.start_with(&variable);
    assert_eq!(gateway.name(), "from code");
    assert_eq!(
        gateway.get("channels").expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let line = gateway.last_line();
    assert!(
        line.contains("1 channels") && !line.contains("SECRET"),
        "{line}"
    );

    // An admin's changes stay, whichever instance starts, also after an import.
    gateway
        .call("PATCH", "channels/ch_code", &json!({"name": "by hand"}))
        .expect(200);
    let (stored, lines) = (
        gateway.ports.store().dump(),
        gateway.ports.log_lines().len(),
    );
    gateway.start_with(&variable);
    assert_eq!(
        (gateway.name(), gateway.ports.log_lines().len()),
        (json!("by hand"), lines)
    );
    assert_eq!(gateway.ports.store().dump(), stored);
    let export = gateway.get("config").expect(200);
    assert!(export.get("applied_variable").is_none());
    gateway.call("PUT", "config", &export).expect(200);
    gateway.start_with(&variable);
    assert_eq!(gateway.name(), "by hand");

    // A key that is given in clear keeps its id when the variable changes.
    gateway.start_with(&document("from newer code").to_string());
    assert_eq!(gateway.name(), "from newer code");
    let keys = gateway.get("config?secrets=true").expect(200)["channels"][0]["keys"].clone();
    assert_eq!(keys[0]["id"], export["channels"][0]["keys"][0]["id"]);
    assert_eq!(keys[0]["key"], UPSTREAM_KEY);
}

#[test]
fn a_variable_that_is_not_valid_changes_nothing_and_says_why() {
    let gateway = Gateway::new();
    gateway.start_with(&document("good").to_string());
    let stored = gateway.ports.store().dump();
    let mut wrong = document("bad");
    wrong["channels"][0]["weight"] = json!(5000);
    wrong["a\nforged line"] = json!(1);
    for (variable, expected) in [
        (wrong.to_string(), "`channels[0].weight` must be"),
        (wrong.to_string(), r"a\nforged line"),
        ("{\n\"channels\": \"sk-SECRET\", x".to_owned(), "line 2, column"),
        ("[]".to_owned(), "it must be an object"),
        (
            json!({"version": 1, "keys": [], "channels": [{"id": "ch_2", "name": "x", "base_url": "https://h", "keys": [{"id": "uk_1"}]}]}).to_string(),
            "`channels[0].keys[0]` has no `key`",
        ),
    ] {
        gateway.start_with(&variable);
        let line = gateway.last_line();
        assert!(line.contains(expected) && line.contains("not applied"), "{line}");
        assert!(!line.contains('\n') && !line.contains("SECRET"), "{line}");
        assert_eq!(gateway.ports.store().dump(), stored);
    }
    // Fixed, it is applied.
    gateway.start_with(&document("mended").to_string());
    assert_eq!(gateway.name(), "mended");
}

#[test]
fn writers_and_broken_stores_are_survived() {
    let gateway = Gateway::new();
    let variable = document("from code").to_string();
    gateway.ports.store().break_reads(true);
    gateway.start_with(&variable);
    assert!(gateway.last_line().contains("not applied"));
    gateway.ports.store().break_reads(false);
    gateway.ports.store().break_writes(true);
    gateway.start_with(&variable);
    gateway.ports.store().break_writes(false);
    gateway.ports.store().conflict_next(3);
    gateway.start_with(&variable);
    assert_eq!(gateway.name(), "from code");

    // Another instance with the same variable was faster.
    let gateway = Gateway::new();
    let twin = Gateway::new();
    twin.start_with(&variable);
    let applied = twin.ports.store().get(StoreKey::Config).unwrap();
    gateway
        .ports
        .store()
        .after_read(StoreKey::Config, move |store| {
            store.put(StoreKey::Config, applied);
        });
    let writes = gateway.ports.store().writes();
    gateway.start_with(&variable);
    assert_eq!(gateway.ports.store().dump().matches("ch_code").count(), 1);
    assert_eq!(
        gateway.ports.store().writes() - writes,
        1,
        "the one that lost"
    );

    gateway.ports.store().put(StoreKey::Config, "{damaged");
    gateway.start_with(&document("other").to_string());
    assert!(
        gateway.last_line().contains("damaged"),
        "{}",
        gateway.last_line()
    );
    assert_eq!(
        gateway.ports.store().get(StoreKey::Config).unwrap(),
        b"{damaged"
    );
}
