//! What was damaged outside of the gateway: a stored configuration that cannot be read is replaced by an owner's import and
//! by nothing else, and a ledger that began anew is shown.

use gateway_core::ports::{Clock as _, StoreKey};
use gateway_core::units::DAY_MS;
use serde_json::{Value, json};

use super::accounts::ANNA;
use super::{Gateway, request};

/// Of these the last is a configuration but for one member; accounts can be read.
fn damage(gateway: &Gateway) -> Vec<Vec<u8>> {
    let whole = gateway.ports.store().get(StoreKey::Config).unwrap();
    let mut wrong: Value = serde_json::from_slice(&whole).unwrap();
    wrong["channels"] = json!([{"id": "sk-secret-in-the-document"}]);
    vec![
        Vec::new(),
        vec![0; 4096],
        whole[..whole.len() / 2].to_vec(),
        wrong.to_string().into_bytes(),
    ]
}

fn put(gateway: &Gateway, token: &str, if_match: Option<&str>, body: &Value) -> super::Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(if_match.map(|tag| ("if-match", tag)));
    gateway.send(request("PUT", "config", &headers, body.to_string()))
}

#[test]
fn an_import_replaces_a_damaged_configuration_and_what_was_there_is_kept() {
    let gateway = Gateway::new();
    gateway.channel(&json!({}));
    gateway.account("Anna", "admin", ANNA);
    let export = gateway.get("config?secrets=true");
    let tag = export.header("etag").to_owned();
    let mut export = export.expect(200);
    let accounts = export.as_object_mut().unwrap().remove("accounts").unwrap();
    for damaged in damage(&gateway) {
        let store = gateway.ports.store();
        store.put(StoreKey::Config, damaged.clone());
        gateway.get("config").expect_error(503, "store_unavailable");
        // Whoever relies on what was seen has not seen this.
        put(&gateway, &gateway.token, Some(&tag), &export).expect_error(412, "changed_meanwhile");
        // A document that is not valid replaces nothing.
        let invalid = json!({"version": 1, "channels": 7, "keys": []});
        put(&gateway, &gateway.token, None, &invalid).expect_error(400, "invalid_value");
        assert_eq!(store.get(StoreKey::Config).unwrap(), damaged);
        let imported = put(&gateway, &gateway.token, None, &export).expect(200);
        assert_eq!(store.get(StoreKey::DamagedConfig).unwrap(), damaged);
        assert_eq!(gateway.get("config").expect(200), imported);
        let whole = gateway.get("config?secrets=true").expect(200);
        assert_eq!(whole["channels"], export["channels"]);
        // Accounts that could be read stay, as with every import without that member.
        let is_readable = serde_json::from_slice::<Value>(&damaged).is_ok();
        assert_eq!(whole.get("accounts").is_some(), is_readable);
        let mut with_accounts = export.clone();
        with_accounts["accounts"] = accounts.clone();
        put(&gateway, &gateway.token, None, &with_accounts).expect(200);
    }
    let audit = gateway.get("audit?limit=500").expect(200).to_string();
    assert!(audit.contains("NVIDIA NIM"), "{audit}");
    assert!(!gateway.ports.log_lines().join("\n").contains("sk-secret"));
}

#[test]
fn only_an_owner_replaces_a_damaged_configuration_and_never_one_of_another_version() {
    let gateway = Gateway::new();
    gateway.account("Anna", "admin", ANNA);
    let token = gateway.token_of("Anna", ANNA);
    let empty = json!({"version": 1, "channels": [], "keys": []});
    let wrong = damage(&gateway).pop().unwrap();
    let store = gateway.ports.store();
    store.put(StoreKey::Config, wrong.clone());
    put(&gateway, &token, None, &empty).expect_error(403, "forbidden");
    assert_eq!(store.get(StoreKey::Config).unwrap(), wrong);
    let newer = br#"{"version":2,"channels":[],"keys":[]}"#;
    store.put(StoreKey::Config, newer.to_vec());
    put(&gateway, &gateway.token, None, &empty).expect_error(503, "store_unavailable");
    assert_eq!(store.get(StoreKey::Config).unwrap(), newer);
    assert_eq!(store.get(StoreKey::DamagedConfig), None);
}

#[test]
fn a_ledger_that_began_anew_is_shown_for_a_month() {
    let mut gateway = Gateway::new();
    let shown = |gateway: &Gateway| gateway.get("status").expect(200)["replaced_ledger"].clone();
    assert_eq!(shown(&gateway), Value::Null);
    let database = gateway.ports.database();
    database.rows("CREATE TABLE replaced_database (at_ms INTEGER NOT NULL, file TEXT NOT NULL)");
    let now_ms = gateway.ports.now().0;
    let insert = format!("INSERT INTO replaced_database VALUES ({now_ms}, 'damaged.db')");
    database.rows(&insert);
    let now = gateway.get("status").expect(200)["now"].clone();
    assert_eq!(shown(&gateway), json!({"at": now, "file": "damaged.db"}));
    gateway.ports.advance_ms(31 * DAY_MS);
    gateway.log_in();
    assert_eq!(shown(&gateway), Value::Null);
}
