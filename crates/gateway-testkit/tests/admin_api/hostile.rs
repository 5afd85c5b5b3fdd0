//! Inputs that are not sent by accident.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_core::admin;
use gateway_testkit::fakes::block_on;
use http::Request;
use http_body::{Body, Frame};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Gateway, PASSWORD, request};

/// A body without an announced length that never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 4096])))))
    }
}

/// A body that breaks off.
struct Broken;

impl Body for Broken {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(Some(Err("connection reset")))
    }
}

#[test]
fn bodies_are_bounded() {
    let gateway = Gateway::new();
    let mib = 1024 * 1024;
    let login = r#"{"password":"wrong one"}"#;
    let fits = login.to_owned() + &" ".repeat(mib - login.len());
    gateway
        .send(request("POST", "login", &[], fits.clone()))
        .expect_error(401, "wrong_password");
    gateway
        .send(request("POST", "login", &[], fits + " "))
        .expect_error(413, "request_too_large");
    gateway
        .send(request(
            "POST",
            "login",
            &[("content-length", "1048577")],
            "{}",
        ))
        .expect_error(413, "request_too_large");
    let endless = Request::post("/admin/api/login").body(Endless).unwrap();
    let reply = block_on(admin::handle(&gateway.ports, &gateway.settings, endless));
    assert_eq!(reply.status().as_u16(), 413);
    let broken = Request::post("/admin/api/login").body(Broken).unwrap();
    let reply = block_on(admin::handle(&gateway.ports, &gateway.settings, broken));
    assert_eq!(reply.status().as_u16(), 400);
}

#[test]
fn bodies_that_are_no_json_objects_are_refused_without_being_quoted() {
    let gateway = Gateway::new();
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"sk-secret\"",
        "{\"a\":sk-secret}",
        "{\"name\":\"\u{fffd}",
        deep.as_str(),
    ] {
        let bearer = format!("Bearer {}", gateway.token);
        let answer = gateway
            .send(request(
                "POST",
                "channels",
                &[("authorization", &bearer)],
                body.to_owned(),
            ))
            .expect_error(400, "invalid_json");
        assert!(
            !answer.message().contains("sk-secret"),
            "{}",
            answer.message()
        );
    }
    let bearer = format!("Bearer {}", gateway.token);
    gateway
        .send(request(
            "POST",
            "channels",
            &[("authorization", &bearer)],
            &b"{\"name\":\"\xff\"}"[..],
        ))
        .expect_error(400, "invalid_json");
}

#[test]
fn markup_comes_back_as_data() {
    let gateway = Gateway::new();
    let name = "<script>alert(1)</script>\"'&";
    let path = format!("channels/{}", gateway.channel(&json!({ "name": name })));
    let answer = gateway.get(&path);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.expect(200)["name"], name);
    let answer = gateway
        .call("PATCH", &path, &json!({"<img src=x onerror=alert(1)>": 1}))
        .expect_error(400, "invalid_value");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[test]
fn a_hundred_thousand_mistakes_give_a_short_answer() {
    let gateway = Gateway::new();
    let many: serde_json::Map<String, Value> = (0..50_000)
        .map(|number| (format!("m{number}"), json!(1)))
        .collect();
    let answer = gateway
        .call("POST", "channels", &Value::Object(many))
        .expect_error(400, "invalid_value");
    assert!(answer.message().len() < 2000, "{}", answer.message().len());
    assert!(answer.message().contains("more"));
    let long = json!({ "x".repeat(500_000): 1 });
    let answer = gateway
        .call("POST", "keys", &long)
        .expect_error(400, "invalid_value");
    assert!(answer.body.to_string().len() < 1000);
    let answer = gateway
        .send(request("POST", "login", &[], long.to_string()))
        .expect_error(400, "invalid_value");
    assert!(answer.body.to_string().len() < 1000);
}

#[test]
fn odd_credentials_are_no_session() {
    let gateway = Gateway::new();
    let huge = "A".repeat(200_000);
    let huge_token = format!("Bearer {huge}.{huge}");
    for (name, value) in [
        ("authorization", huge_token.as_str()),
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", "Bearer ."),
        ("cookie", "gateway_session"),
        ("cookie", "gateway_session="),
        ("cookie", ";;;=;gateway_session=.;"),
    ] {
        gateway
            .send(request("GET", "session", &[(name, value)], ""))
            .expect_error(401, "not_authenticated");
    }
    let password = "x".repeat(900_000);
    gateway.login(&password).expect_error(401, "wrong_password");
    gateway.login(PASSWORD).expect(200);
}

/// Any JSON value, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[a-z:/.@?#]{0,24}".prop_map(|text| Value::from(format!("https://{text}"))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("id|enabled|api_version|deployments|.{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const MEMBERS: [&str; 19] = [
    "name",
    "enabled",
    "provider",
    "base_url",
    "keys",
    "models",
    "model_map",
    "priority",
    "weight",
    "headers",
    "drop_params",
    "rename_params",
    "stream_usage",
    "connect_timeout_ms",
    "first_byte_timeout_ms",
    "azure",
    "prices",
    "limits",
    "expires_at",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any input is accepted or rejected with 400, and what was accepted can be read and sent back.
    #[test]
    fn any_change_is_taken_whole_or_refused(
        members in prop::collection::btree_map(prop::sample::select(&MEMBERS[..]), any_json(), 0..3),
    ) {
        let gateway = Gateway::new();
        let body: Value = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into();
        for path in [format!("channels/{}", gateway.channel(&json!({}))), {
            let key = gateway.call("POST", "keys", &json!({"name": "a"})).expect(201);
            format!("keys/{}", key["id"].as_str().unwrap())
        }] {
            let before = gateway.get(&path).expect(200);
            let answer = gateway.call("PATCH", &path, &body);
            let after = gateway.get(&path).expect(200);
            match answer.status.as_u16() {
                200 => {
                    prop_assert_eq!(&answer.body, &after);
                    let mut again = gateway.call("PATCH", &path, &after).expect(200);
                    if after.get("updated_at").is_some() {
                        again["updated_at"] = after["updated_at"].clone();
                    }
                    prop_assert_eq!(again, after);
                }
                status => {
                    prop_assert_eq!((status, answer.code()), (400, "invalid_value"), "{}", answer.body);
                    prop_assert_eq!(before, after);
                }
            }
        }
    }
}
