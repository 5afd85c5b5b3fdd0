//! A store whose swaps take place and report a failure, as Spin's Redis store does: every change is made once, and its
//! answer is right.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gateway_core::admin;
use gateway_core::config::seal::MasterKey;
use gateway_core::config::startup;
use gateway_core::ports::StoreKey;
use gateway_testkit::fakes::{Misreport, block_on, read_body};
use serde_json::{Value, json};

use crate::{Gateway, UPSTREAM_KEY, request};

const WRITERS: usize = 24;

fn all(gateway: &Gateway, path: &str) -> Vec<Value> {
    let list = gateway.get(path).expect(200);
    list["data"].as_array().unwrap().clone()
}

/// The statuses and bodies of the same request, sent by many at once.
fn at_once(gateway: &Gateway, method: &str, calls: &[(String, Value)]) -> Vec<(u16, Value)> {
    let bearer = format!("Bearer {}", gateway.token);
    let calls = calls.iter().map(|(path, body)| {
        let headers = [("authorization", bearer.as_str())];
        let request = request(method, path, &headers, body.to_string());
        admin::handle(&gateway.ports, &gateway.settings, request)
    });
    let replies = block_on(join_all(calls));
    let read = |reply: gateway_core::reply::Reply| {
        let status = reply.status().as_u16();
        let bytes = block_on(read_body(reply)).unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    };
    replies.into_iter().map(read).collect()
}

#[test]
fn parallel_creates_give_one_object_each() {
    for misreport in [None, Some(Misreport::Conflict), Some(Misreport::Error)] {
        let gateway = Gateway::new();
        gateway.ports.store().misreport(misreport);
        for (path, rest) in [
            (
                "channels",
                json!({"base_url": "https://h/v1", "keys": [UPSTREAM_KEY]}),
            ),
            ("keys", json!({})),
        ] {
            let calls: Vec<(String, Value)> = (0..WRITERS)
                .map(|number| {
                    let mut body = rest.clone();
                    body["name"] = json!(format!("{number}"));
                    (path.to_owned(), body)
                })
                .collect();
            let answers = at_once(&gateway, "POST", &calls);
            let stored = all(&gateway, path);
            assert_eq!(stored.len(), WRITERS, "{path} {misreport:?}");
            for ((status, answer), (_, sent)) in answers.iter().zip(&calls) {
                assert_eq!(*status, 201, "{path} {misreport:?}: {answer}");
                assert_eq!(answer["name"], sent["name"]);
                let same = stored.iter().find(|one| one["id"] == answer["id"]).unwrap();
                assert_eq!(same["name"], sent["name"]);
            }
        }
    }
}

#[test]
fn changes_deletions_and_imports_are_made_once() {
    for misreport in [Misreport::Conflict, Misreport::Error] {
        let gateway = Gateway::new();
        let id = gateway.channel(&json!({}));
        let path = format!("channels/{id}");
        gateway.ports.store().misreport(Some(misreport));
        let seen = all(&gateway, "channels").remove(0);
        // The second try would meet the new revision, and would find the key there already.
        let body = json!({"keys": [{"id": seen["keys"][0]["id"]}, "nvapi-second-key-of-the-test"]});
        let changed = gateway
            .call_if_match("PATCH", &path, seen["revision"].as_str().unwrap(), &body)
            .expect(200);
        assert_eq!(changed["keys"].as_array().unwrap().len(), 2);
        assert_eq!(gateway.get(&path).expect(200), changed);

        let exported = gateway.get("config");
        let tag = exported.header("etag").to_owned();
        let imported = gateway.call_if_match("PUT", "config", &tag, &exported.body);
        let new_tag = imported.header("etag").to_owned();
        imported.expect(200);
        assert_eq!(gateway.get("config").header("etag"), new_tag);

        let tag = gateway.get(&path).header("etag").to_owned();
        let deleted = gateway.call_if_match("DELETE", &path, &tag, &Value::Null);
        assert_eq!(deleted.status.as_u16(), 204, "{misreport:?}");
        gateway.get(&path).expect_error(404, "not_found");

        let writes = gateway.ports.store().writes();
        let other = gateway.channel(&json!({"name": "other"}));
        let toggled = gateway.call("PATCH", &format!("channels/{other}"), &json!({"weight": 3}));
        toggled.expect(200);
        assert_eq!(gateway.ports.store().writes(), writes + 2, "one swap each");
    }
}

#[test]
fn parallel_key_pastes_into_one_channel_lose_nothing() {
    let gateway = Gateway::new();
    let id = gateway.channel(&json!({"keys": []}));
    gateway.ports.store().misreport(Some(Misreport::Conflict));
    let weights: Vec<(String, Value)> = (0..WRITERS)
        .map(|number| {
            let member = [
                "weight",
                "priority",
                "first_byte_timeout_ms",
                "idle_timeout_ms",
            ][number % 4];
            (format!("channels/{id}"), json!({ member: 100 + number }))
        })
        .collect();
    let answers = at_once(&gateway, "PATCH", &weights);
    assert!(answers.iter().all(|(status, _)| *status == 200));
    let times: BTreeSet<String> = answers
        .iter()
        .map(|(_, answer)| answer["updated_at"].to_string())
        .collect();
    assert_eq!(times.len(), WRITERS, "each answer shows its own change");
    let stored = gateway.get(&format!("channels/{id}")).expect(200);
    for member in [
        "weight",
        "priority",
        "first_byte_timeout_ms",
        "idle_timeout_ms",
    ] {
        assert!(stored[member].as_u64().unwrap() >= 100, "{stored}");
    }
}

#[test]
fn a_write_whose_fate_cannot_be_found_out_does_not_claim_that_nothing_changed() {
    let gateway = Gateway::new();
    gateway.ports.store().misreport(Some(Misreport::Error));
    gateway.ports.store().after_read(StoreKey::Config, |store| {
        store.break_reads(true);
    });
    let body = json!({"name": "x", "base_url": "https://h", "keys": []});
    let answer = gateway
        .call("POST", "channels", &body)
        .expect_error(503, "store_unavailable");
    assert!(
        answer.message().contains("may or may not"),
        "{}",
        answer.message()
    );
    gateway.ports.store().break_reads(false);
    assert_eq!(all(&gateway, "channels").len(), 1);
}

#[test]
fn the_startup_variable_is_applied_once_and_said_to_be() {
    for misreport in [Misreport::Conflict, Misreport::Error] {
        let gateway = Gateway::new();
        gateway.ports.store().misreport(Some(misreport));
        let text = json!({"version": 1, "channels": [], "keys": []}).to_string();
        let none: Option<&MasterKey> = None;
        block_on(startup::apply(&gateway.ports, &text, Ok(none)));
        block_on(startup::apply(&gateway.ports, &text, Ok(none)));
        let lines = gateway.ports.log_lines();
        let said: Vec<_> = lines
            .iter()
            .filter(|line| line.contains("variable"))
            .collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("was applied"), "{said:?}");
    }
}
