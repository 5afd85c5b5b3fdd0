//! Channels that lead back to the gateway, directly or through another one: the client gets the error at once, and
//! every gateway on the way is called once.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::model::Document;
use gateway_core::proxy;
use gateway_testkit::fakes::{FakeReply, Recorded, block_on, read_body};
use http_body_util::Full;

use super::setup::*;

const CHAT: &str = r#"{"model":"m"}"#;

/// A gateway named `id` whose channels lead to `https://NAME.example/v1`, with the client key as theirs.
fn stage(id: &str, names: &[&str]) -> Rc<Stage> {
    let channels = names.iter().map(|name| {
        let mut channel = channel(name, 1);
        channel.keys[0].secret = gateway_core::config::model::StoredSecret::Clear(
            gateway_core::secret::Secret::new(KEY.to_owned()),
        );
        channel
    });
    Rc::new(Stage::with(&Document {
        channels: channels.collect(),
        keys: vec![client_key()],
        gateway_id: (!id.is_empty()).then(|| id.to_owned()),
        ..Document::default()
    }))
}

/// A call of one gateway as another gateway's request.
fn deliver(call: &Recorded, to: &Stage) -> FakeReply {
    let mut request = http::Request::new(Full::new(call.body.clone()));
    *request.method_mut() = call.head.method.clone();
    *request.uri_mut() = call.head.uri.path().parse().unwrap();
    *request.headers_mut() = call.head.headers.clone();
    let (head, body) = block_on(proxy::handle(&to.gateway, request)).into_parts();
    let body: Bytes = block_on(read_body(http::Response::new(body))).unwrap();
    FakeReply::json(head.status.as_u16(), body)
}

fn ways(stage: &Stage) -> Vec<Vec<String>> {
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let calls = stage.ports.upstream().requests();
    calls
        .iter()
        .map(|call| call.head.headers.get_all("via").iter().map(text).collect())
        .collect()
}

#[test]
fn a_gateway_that_calls_itself_says_so_after_one_call() {
    for id in ["gw_1", ""] {
        let stage = stage(id, &["a"]);
        let itself = Rc::downgrade(&stage);
        stage.upstream(move |call| deliver(call, &itself.upgrade().unwrap()));
        let answer = stage.chat(CHAT);
        assert_eq!(answer.error(), (508, "loop_detected".to_owned()));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let message = answer.json()["error"]["message"].to_string();
        assert!(
            message.contains("base URL") && message.contains("a: 508"),
            "{message}"
        );
        assert_eq!(ways(&stage).len(), 1);
    }
}

#[test]
fn two_gateways_that_call_each_other_end_as_well() {
    let (one, other) = (stage("gw_1", &["to-other"]), stage("gw_2", &["to-one"]));
    let depth = Rc::new(RefCell::new(0_u32));
    for (from, to) in [(&one, &other), (&other, &one)] {
        let (to, depth) = (Rc::downgrade(to), Rc::clone(&depth));
        from.upstream(move |call| {
            *depth.borrow_mut() += 1;
            assert!(*depth.borrow() < 5, "the loop goes on");
            deliver(call, &to.upgrade().unwrap())
        });
    }
    let answer = one.chat(CHAT);
    assert_eq!(answer.error(), (508, "loop_detected".to_owned()));
    assert_eq!(*depth.borrow(), 2);
    let (first, second) = (ways(&one), ways(&other));
    assert_eq!((first[0].len(), second[0].len()), (1, 2));
    assert_eq!(second[0][0], first[0][0], "the way so far is passed on");
    assert_ne!(second[0][1], second[0][0]);
    // Only the model at this channel is left alone: others may have another way.
    assert_eq!(one.calls().len(), 1);
    assert_eq!(one.chat(r#"{"model":"other"}"#).status, 508);
    assert_eq!(one.calls().len(), 2);
}

#[test]
fn a_way_out_is_taken() {
    let stage = stage("gw_1", &["a", "b"]);
    let itself = Rc::downgrade(&stage);
    stage.upstream(move |call| match host(call) {
        "a" => deliver(call, &itself.upgrade().unwrap()),
        _ => FakeReply::json(
            200,
            r#"{"choices":[{"message":{},"finish_reason":"stop"}]}"#,
        ),
    });
    for _ in 0..8 {
        assert_eq!(stage.chat(CHAT).status, 200);
    }
    let looped = stage.ports.upstream().requests();
    assert!(looped.iter().filter(|call| host(call) == "a").count() <= 1);
}

#[test]
fn what_the_client_came_through_is_passed_on_and_endless_ways_end() {
    let stage = stage("gw_1", &["a"]);
    stage.upstream(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"message":{},"finish_reason":"stop"}]}"#,
        )
    });
    let mut request = post("/v1/chat/completions", CHAT);
    request
        .headers_mut()
        .insert("via", "1.0 fred, 1.1 p (a, b)".parse().unwrap());
    assert_eq!(stage.send(request).status, 200);
    assert_eq!(ways(&stage)[0][0], "1.0 fred, 1.1 p (a, b)");
    let mut request = post("/v1/chat/completions", CHAT);
    for hop in 0..40 {
        request
            .headers_mut()
            .append("via", format!("1.1 hop-{hop}").parse().unwrap());
    }
    assert_eq!(
        stage.send(request).error(),
        (508, "loop_detected".to_owned())
    );
    assert_eq!(ways(&stage).len(), 1);
}
