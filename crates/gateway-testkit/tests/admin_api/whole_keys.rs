//! A whole key as a search: it is found by its hint, in every list, and never logged.

use serde_json::json;

use crate::ledger::write;
use crate::lists::{filled, ids, of};

#[test]
fn a_whole_key_is_found_and_never_logged() {
    let gateway = filled(5, 3);
    let made = gateway
        .call("POST", "keys", &json!({"name": "leaked"}))
        .expect(201);
    let (id, whole) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let found = gateway.get(&format!("keys?q={whole}")).expect(200);
    assert_eq!(ids(&found), [id]);
    // The one that was replaced is found as long as it is valid, and so is its successor.
    let rotated = gateway
        .call("POST", &format!("keys/{id}/rotate"), &json!({}))
        .expect(200);
    for key in [whole, rotated["key"].as_str().unwrap()] {
        let found = gateway.get(&format!("keys?q={key}")).expect(200);
        assert_eq!(ids(&found), [id]);
    }
    let channel = gateway.channel(&json!({"keys": [crate::UPSTREAM_KEY]}));
    let path = format!("channels?q={}", crate::UPSTREAM_KEY);
    assert_eq!(ids(&gateway.get(&path).expect(200)), [channel]);
    // The audit log and the request log have the key's hint and its id.
    for path in ["audit", "requests"] {
        gateway.get(&format!("{path}?q={whole}")).expect(200);
    }
    let log = gateway.ports.log_lines().join("\n");
    assert!(
        !log.contains(&whole[8..30]) && !log.contains("MIDDLE"),
        "{log}"
    );
}

#[test]
fn requests_are_found_by_the_whole_key_that_made_them() {
    let gateway = filled(3, 3);
    let made = gateway
        .call("POST", "keys", &json!({"name": "leaked"}))
        .expect(201);
    let (id, whole) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    write(
        &gateway,
        &[of(0, id, "ch_0000"), of(1, "ck_0001", "ch_0000")],
    );
    let found = gateway.get(&format!("requests?q={whole}")).expect(200);
    let rows = found["data"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["key"], id);
}
