//! Many channels or client keys changed at once: all of them or none, and back again.

use serde_json::{Value, json};

use crate::lists::{filled, ids as ids_of};
use crate::{Gateway, UPSTREAM_KEY};

fn members(gateway: &Gateway, list: &str, member: &str) -> Vec<Value> {
    let list = gateway.get(list).expect(200);
    let rows = list["data"].as_array().unwrap().iter();
    rows.map(|row| row[member].clone()).collect()
}

/// The configuration without what says when something was changed.
fn settled(gateway: &Gateway) -> Value {
    let mut config = gateway.get("config").expect(200);
    for channel in config["channels"].as_array_mut().unwrap() {
        channel["updated_at"] = Value::Null;
    }
    config
}

/// The body that undoes what `answer` says was done.
fn undo(answer: &Value) -> Value {
    let rows = answer["data"].as_array().unwrap().iter();
    let changes: Vec<Value> = rows
        .map(|one| json!({"id": one["id"], "revision": one["revision"], "change": one["former"]}))
        .collect();
    json!({ "changes": changes })
}

#[test]
fn many_channels_are_changed_at_once_and_back() {
    let gateway = filled(0, 6);
    let before = settled(&gateway);
    let ids = json!(["ch_0004", "ch_0001", "ch_0002"]);
    for (body, member, expected) in [
        (
            json!({"ids": ids, "change": {"enabled": false, "weight": 7, "prices": {"m": {"prompt": 1, "completion": 2}}}}),
            "weight",
            json!([1, 7, 7, 1, 7, 1]),
        ),
        (
            json!({"ids": ids, "add_tags": ["us"], "remove_tags": ["eu"]}),
            "tags",
            json!([["eu"], ["us"], ["us"], null, ["us"], null]),
        ),
        (
            json!({"ids": ids, "add_models": ["model-1", "new"]}),
            "models",
            json!([
                ["model-0"],
                ["model-1", "new"],
                ["model-2", "model-1", "new"],
                ["model-3"],
                ["model-4", "model-1", "new"],
                ["model-5"]
            ]),
        ),
        (
            json!({"ids": ids, "change": {"models": ["only"], "hedge_after_ms": 5, "dialects": ["chat"]}}),
            "models",
            json!([
                ["model-0"],
                ["only"],
                ["only"],
                ["model-3"],
                ["only"],
                ["model-5"]
            ]),
        ),
    ] {
        let answer = gateway.call("POST", "channels/bulk", &body).expect(200);
        assert_eq!(answer["data"].as_array().unwrap().len(), 3);
        assert_eq!(ids_of(&answer), ["ch_0004", "ch_0001", "ch_0002"]);
        assert_eq!(json!(members(&gateway, "channels", member)), expected);
        let revisions = members(&gateway, "channels", "revision");
        assert_eq!(answer["data"][0]["revision"], revisions[4]);
        let again = gateway.call("POST", "channels/bulk", &body).expect(200);
        assert_eq!(again, json!({"data": []}));
        let undone = gateway.call("POST", "channels/bulk", &undo(&answer));
        assert_eq!(undone.expect(200)["data"].as_array().unwrap().len(), 3);
        assert_eq!(settled(&gateway), before);
    }
}

#[test]
fn many_client_keys_are_changed_at_once_and_back() {
    let gateway = filled(2000, 0);
    let before = gateway.get("config").expect(200);
    let all = gateway.get("keys").expect(200);
    let all = json!(ids_of(&all));
    let limits = json!({"tokens_per_day": 5, "daily_budget_micro_usd": 6});
    let change =
        json!({"enabled": false, "expires_at": "2027-01-31T00:00:00.5Z", "limits": limits});
    let body = json!({"ids": all, "change": change, "add_tags": ["x"], "remove_tags": ["all"]});
    let answer = gateway.call("POST", "keys/bulk", &body).expect(200);
    assert_eq!(answer["data"].as_array().unwrap().len(), 2000);
    let key = gateway.get("keys/ck_0001").expect(200);
    assert_eq!(key["limits"]["daily_budget_micro_usd"], 6);
    assert_eq!(
        (&key["enabled"], &key["tags"]),
        (&json!(false), &json!(["team-1", "x"]))
    );
    let undone = gateway.call("POST", "keys/bulk", &undo(&answer));
    assert_eq!(undone.expect(200)["data"].as_array().unwrap().len(), 2000);
    assert_eq!(gateway.get("config").expect(200), before);
}

#[test]
fn many_are_deleted_at_once() {
    let gateway = filled(4, 3);
    let answer = gateway.call(
        "POST",
        "keys/bulk",
        &json!({"ids": ["ck_0003", "ck_0000"], "delete": true}),
    );
    let answer = answer.expect(200);
    assert_eq!(
        answer,
        json!({"data": [{"id": "ck_0003"}, {"id": "ck_0000"}]})
    );
    let left = gateway.get("keys").expect(200);
    assert_eq!(ids_of(&left), ["ck_0001", "ck_0002"]);
    let body = json!({"ids": ["ch_0000", "ch_0001", "ch_0002"], "delete": true});
    gateway.call("POST", "channels/bulk", &body).expect(200);
    assert_eq!(gateway.get("channels").expect(200)["data"], json!([]));
}

#[test]
fn nothing_is_changed_when_anything_is_wrong() {
    let gateway = filled(3, 3);
    let before = gateway.get("config").expect(200);
    for (list, body, path, code) in [
        (
            "keys",
            json!({"ids": ["ck_0000", "ch_0000"], "delete": true}),
            "ids[1]",
            "unknown_id",
        ),
        (
            "channels",
            json!({"ids": ["ch_0000", "ch_9"], "change": {"weight": 5}}),
            "ids[1]",
            "unknown_id",
        ),
        (
            "channels",
            json!({"ids": ["ch_0000"], "change": {"weight": 5000}}),
            "change.weight",
            "out_of_range",
        ),
        (
            "channels",
            json!({"ids": ["ch_0000"], "change": {"keys": []}}),
            "change.keys",
            "unknown_field",
        ),
        (
            "channels",
            json!({"ids": ["ch_0000"], "change": {"base_url": "x"}}),
            "change.base_url",
            "invalid_url",
        ),
        (
            "channels",
            json!({"ids": ["ch_0000"], "change": {"base_url": "https://h"}}),
            "change.base_url",
            "unknown_field",
        ),
        (
            "channels",
            json!({"ids": ["ch_0000", "ch_0001"], "remove_models": ["model-1"]}),
            "ids[1].models",
            "empty_list",
        ),
        (
            "channels",
            json!({"ids": ["ch_0001"], "change": {"rename_params": {"a": "b"}, "default_params": {"a": 1}}}),
            "ids[0].default_params.a",
            "renamed_parameter",
        ),
    ] {
        let answer = gateway.call("POST", &format!("{list}/bulk"), &body);
        let answer = answer.expect_error(400, "invalid_value");
        let first = &answer.body["error"]["details"][0];
        assert_eq!(
            (&first["path"], &first["code"]),
            (&json!(path), &json!(code))
        );
        assert_eq!(gateway.get("config").expect(200), before);
    }
}

#[test]
fn what_was_changed_meanwhile_is_not_undone_by_mistake() {
    let gateway = filled(3, 0);
    let body = json!({"ids": ["ck_0000", "ck_0001"], "change": {"enabled": false}});
    let answer = gateway.call("POST", "keys/bulk", &body).expect(200);
    gateway
        .call("PATCH", "keys/ck_0001", &json!({"name": "other"}))
        .expect(200);
    let mut back = undo(&answer);
    let refused = gateway.call("POST", "keys/bulk", &back);
    let refused = refused.expect_error(412, "changed_meanwhile");
    assert_eq!(refused.body["error"]["param"], "changes[1].id");
    assert_eq!(
        json!(members(&gateway, "keys", "enabled")),
        json!([false, false, true])
    );
    for change in back["changes"].as_array_mut().unwrap() {
        change.as_object_mut().unwrap().remove("revision");
    }
    gateway.call("POST", "keys/bulk", &back).expect(200);
    assert_eq!(
        json!(members(&gateway, "keys", "enabled")),
        json!([true, true, true])
    );
    assert_eq!(members(&gateway, "keys", "name")[1], "other");
}

#[test]
fn keys_of_channels_stay_and_are_never_sent() {
    let gateway = Gateway::new();
    let id = gateway.channel(&json!({}));
    let body = json!({"ids": [id], "change": {"priority": 3}});
    let answer = gateway.call("POST", "channels/bulk", &body).expect(200);
    assert_eq!(answer["data"][0]["former"], json!({"priority": 0}));
    let exported = gateway.get("config?secrets=true").expect(200);
    assert_eq!(exported["channels"][0]["keys"][0]["key"], UPSTREAM_KEY);
    assert!(!answer.to_string().contains("MIDDLE"));
}
