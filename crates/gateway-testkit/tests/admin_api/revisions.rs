//! `ETag`, `If-Match` and `revision`: what two browser tabs do to each other.

use serde_json::{Value, json};

use crate::{Answer, Gateway, UPSTREAM_KEY, request};

impl Gateway {
    /// A call that holds only for one state of its object.
    pub(crate) fn call_if_match(
        &self,
        method: &str,
        path: &str,
        tags: &str,
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("if-match", tags)];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(request(method, path, &headers, body))
    }
}

fn client_key(gateway: &Gateway) -> String {
    let answer = gateway.call("POST", "keys", &json!({"name": "laptop"}));
    answer.expect(201)["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_answer_about_an_object_names_its_state() {
    let gateway = Gateway::new();
    for (list, new, change) in [
        (
            "channels",
            json!({"name": "a", "base_url": "https://h/v1", "keys": [UPSTREAM_KEY]}),
            json!({"weight": 5}),
        ),
        ("keys", json!({"name": "a"}), json!({"enabled": false})),
    ] {
        let created = gateway.call("POST", list, &new);
        let tag = created.header("etag").to_owned();
        let body = created.expect(201);
        let path = format!("{list}/{}", body["id"].as_str().unwrap());
        let shown = gateway.get(&path);
        assert_eq!(shown.header("etag"), tag);
        shown.expect(200);
        assert_eq!(
            gateway.call("HEAD", &path, &Value::Null).header("etag"),
            tag
        );
        let listed = gateway.get(list).expect(200);
        assert_eq!(
            tag,
            format!("\"{}\"", listed["data"][0]["revision"].as_str().unwrap())
        );

        let changed = gateway.call_if_match("PATCH", &path, &tag, &change);
        let new_tag = changed.header("etag").to_owned();
        assert_ne!(new_tag, tag);
        changed.expect(200);
        assert_eq!(gateway.get(&path).header("etag"), new_tag);
        // An object can be sent back as it was read.
        let mut whole = gateway.get(&path).expect(200);
        whole
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name != "key");
        gateway
            .call_if_match("PATCH", &path, &new_tag, &whole)
            .expect(200);
    }
}

#[test]
fn a_stale_tab_changes_and_deletes_nothing() {
    let gateway = Gateway::new();
    let channel = gateway.channel(&json!({}));
    let key = client_key(&gateway);
    for (path, first, second) in [
        (
            format!("channels/{channel}"),
            json!({"weight": 5}),
            json!({"weight": 7}),
        ),
        (
            format!("keys/{key}"),
            json!({"limits": {"daily_budget_micro_usd": 1_000_000}}),
            json!({"name": "phone"}),
        ),
    ] {
        let tag = gateway.get(&path).header("etag").to_owned();
        gateway
            .call_if_match("PATCH", &path, &tag, &first)
            .expect(200);
        let now = gateway.get(&path).expect(200);
        for (method, body) in [("PATCH", &second), ("DELETE", &Value::Null)] {
            for stale in [tag.as_str(), "\"x\"", "", "\"a\", \"b\""] {
                let answer = gateway
                    .call_if_match(method, &path, stale, body)
                    .expect_error(412, "changed_meanwhile");
                assert!(answer.message().contains("has changed since it was read"));
            }
            let weak = format!("W/{}", gateway.get(&path).header("etag"));
            gateway
                .call_if_match(method, &path, &weak, body)
                .expect_error(412, "changed_meanwhile");
        }
        // The errors of a change that is rejected anyway are not reported.
        gateway
            .call_if_match("PATCH", &path, &tag, &json!({"name": 5}))
            .expect_error(412, "changed_meanwhile");
        assert_eq!(gateway.get(&path).expect(200), now);
        // Those who do not ask are not checked, those who accept anything pass, one of several will do.
        gateway.call("PATCH", &path, &second).expect(200);
        gateway
            .call_if_match("PATCH", &path, "*", &second)
            .expect(200);
        let tag = gateway.get(&path).header("etag").to_owned();
        let several = format!("\"x\", W/\"y\", {tag}");
        gateway
            .call_if_match("PATCH", &path, &several, &second)
            .expect(200);
        let tag = gateway.get(&path).header("etag").to_owned();
        let gone = gateway.call_if_match("DELETE", &path, &tag, &Value::Null);
        assert_eq!(gone.status.as_u16(), 204);
        gateway
            .call_if_match("PATCH", &path, "*", &second)
            .expect_error(404, "not_found");
        gateway
            .call_if_match("DELETE", &path, &tag, &Value::Null)
            .expect_error(404, "not_found");
    }
}

#[test]
fn a_change_of_the_weight_keeps_keys_that_another_tab_has_added() {
    let gateway = Gateway::new();
    let path = format!("channels/{}", gateway.channel(&json!({})));
    let tab_b = gateway.get("channels").expect(200)["data"][0].clone();
    let kept = json!({"id": tab_b["keys"][0]["id"]});
    let keys = json!({"keys": [kept, "nvapi-one-more-key-1", "nvapi-one-more-key-2", "nvapi-one-more-key-3"]});
    gateway.call("PATCH", &path, &keys).expect(200);
    // Without a condition: only what is named changes.
    let changed = gateway
        .call("PATCH", &path, &json!({"weight": 3}))
        .expect(200);
    assert_eq!(changed["keys"].as_array().unwrap().len(), 4);
    // The whole old object, as a careless client sends it, is stopped by the condition.
    let revision = tab_b["revision"].as_str().unwrap();
    gateway
        .call_if_match("PATCH", &path, revision, &tab_b)
        .expect_error(412, "changed_meanwhile");
    assert_eq!(
        gateway.get(&path).expect(200)["keys"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn a_revision_belongs_to_one_object() {
    let gateway = Gateway::new();
    let one = format!("channels/{}", gateway.channel(&json!({"name": "one"})));
    let two = format!("channels/{}", gateway.channel(&json!({"name": "two"})));
    let tag = gateway.get(&one).header("etag").to_owned();
    gateway
        .call("PATCH", &two, &json!({"weight": 9}))
        .expect(200);
    client_key(&gateway);
    gateway
        .call_if_match("PATCH", &one, &tag, &json!({"weight": 2}))
        .expect(200);
}

#[test]
fn duplicate_keys_are_refused_or_skipped_and_counted() {
    let gateway = Gateway::new();
    let path = format!("channels/{}", gateway.channel(&json!({})));
    let kept = json!({"id": gateway.get(&path).expect(200)["keys"][0]["id"]});
    let keys = json!({"keys": [kept, "nvapi-new-1", UPSTREAM_KEY, "nvapi-new-2", " nvapi-new-1"]});
    gateway
        .call("PATCH", &path, &keys)
        .expect_error(400, "invalid_value");
    let changed = gateway
        .call("PATCH", &format!("{path}?duplicate_keys=skip"), &keys)
        .expect(200);
    assert_eq!(changed["keys"].as_array().unwrap().len(), 3);
    assert_eq!(changed["duplicate_keys"], 2);
    let body = json!({"name": "b", "base_url": "https://h/v1", "keys": ["k-1", "k-1", "k-2"]});
    gateway
        .call("POST", "channels", &body)
        .expect_error(400, "invalid_value");
    let created = gateway
        .call("POST", "channels?duplicate_keys=skip", &body)
        .expect(201);
    assert_eq!(created["keys"].as_array().unwrap().len(), 2);
    assert_eq!(created["duplicate_keys"], 1);
    // What the gateway says of a key is no duplicate, and a key that goes may come again.
    let again = gateway
        .call(
            "PATCH",
            &format!("{path}?duplicate_keys=skip"),
            &json!({"keys": [UPSTREAM_KEY]}),
        )
        .expect(200);
    assert_eq!(
        (
            again["keys"].as_array().unwrap().len(),
            &again["duplicate_keys"]
        ),
        (1, &json!(0))
    );
    gateway
        .call("PATCH", &format!("{path}?duplicate_keys=maybe"), &json!({}))
        .expect_error(400, "invalid_value");
}
