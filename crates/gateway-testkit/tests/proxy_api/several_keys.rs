//! Requests that present more than one key: any valid one lets them in.

use gateway_core::config::model::{ClientKey, Document};
use gateway_core::ids;
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

#[test]
fn any_valid_key_of_several_lets_a_request_in_and_none_reaches_the_upstream() {
    let disabled = ClientKey {
        id: "ck_off".to_owned(),
        hash: ids::hex(&ids::hash_client_key(b"sk-off")),
        enabled: false,
        ..client_key()
    };
    let stage = Stage::with(&Document {
        channels: vec![channel("a", 1)],
        keys: vec![client_key(), disabled],
        ..Document::default()
    });
    stage.upstream(|_| FakeReply::json(200, r#"{"choices":[{"message":{"content":"hi"}}]}"#));
    let good = format!("Bearer {KEY}");
    for (lines, message) in [
        (
            &[("authorization", "Bearer dummy"), ("x-api-key", KEY)][..],
            None,
        ),
        (
            &[("authorization", good.as_str()), ("x-api-key", "dummy")],
            None,
        ),
        (&[("x-api-key", "dummy"), ("api-key", KEY)], None),
        (&[("x-api-key", ""), ("x-goog-api-key", KEY)], None),
        (
            &[("authorization", "Bearer dummy"), ("authorization", &good)],
            None,
        ),
        (
            &[("authorization", "Bearer sk-off"), ("x-goog-api-key", KEY)],
            None,
        ),
        (
            &[("authorization", "Bearer dummy"), ("x-api-key", "sk-off")],
            Some("disabled"),
        ),
        (
            &[("authorization", "Bearer dummy"), ("x-api-key", "other")],
            Some("not known"),
        ),
        (&[("x-goog-api-key", "")], Some("No API key")),
    ] {
        let mut request = post("/v1/chat/completions", r#"{"model":"m"}"#);
        request.headers_mut().remove("authorization");
        for (name, value) in lines {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let answer = stage.send(request);
        if let Some(message) = message {
            assert_eq!(
                answer.error(),
                (401, "invalid_api_key".to_owned()),
                "{lines:?}"
            );
            assert!(answer.text().contains(message), "{}", answer.text());
            continue;
        }
        assert_eq!(answer.status, 200, "{lines:?}: {}", answer.text());
        let calls = stage.ports.upstream().requests();
        let headers = &calls.last().unwrap().head.headers;
        assert_eq!(headers["authorization"], "Bearer a-1");
        assert!(
            ["x-api-key", "api-key", "x-goog-api-key"]
                .iter()
                .all(|name| !headers.contains_key(*name))
        );
    }
}
