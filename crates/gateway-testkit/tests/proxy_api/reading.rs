//! Bodies that another parser could read in another way never reach an upstream.

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, Document};
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

/// A key that may use `allowed` only, and a channel that serves every model and drops a parameter.
fn stage() -> Stage {
    let mut key = client_key();
    key.models = vec!["allowed".to_owned()];
    let stage = Stage::with(&Document {
        channels: vec![ChannelConfig {
            drop_params: vec!["thinking".to_owned()],
            ..channel("a", 1)
        }],
        keys: vec![key],
        ..Document::default()
    });
    stage.upstream(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"message":{"content":"hi"}}],"text":"x"}"#,
        )
    });
    stage
}

fn send(stage: &Stage, path: &str, types: &[&str], body: impl Into<Bytes>) -> Answer {
    let mut request = post(path, "").map(|_| body.into());
    request.headers_mut().remove("content-type");
    for value in types {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append("content-type", value);
    }
    stage.send(request)
}

#[test]
fn members_that_look_alike_are_ambiguous() {
    let stage = stage();
    for body in [
        r#"{"model":"allowed","Model":"forbidden"}"#,
        r#"{"MODEL":"forbidden","model":"allowed"}"#,
        r#"{"model":"allowed","\u004dodel":"forbidden"}"#,
        r#"{"model":"allowed","model":"allowed"}"#,
        r#"{"model":"allowed","model\u0000":"forbidden"}"#,
        r#"{"model":"allowed","Stream":true}"#,
        "{\"model\":\"allowed\",\"\u{17f}tream\":true}",
        r#"{"model":"allowed","stream":true,"stream":false}"#,
        r#"{"model":"allowed","stream":"true"}"#,
        r#"{"model":"allowed","stream":1}"#,
        r#"{"model":"allowed","Stream_Options":{}}"#,
        r#"{"model":"allowed","stream_options":{"include_usage":true,"include_usage":false}}"#,
        r#"{"model":"allowed","stream_options":{"Include_Usage":true}}"#,
        r#"{"model":"allowed","Thinking":{}}"#,
        r#"{"model":"allowed","prompt_cache_key":"a","prompt_cache_key":"b"}"#,
        r#"{"model":"allowed\ud800"}"#,
        r#"{"model":"allowed\u0000"}"#,
        r#"{"model":"allowed","mod\udc00el":"forbidden"}"#,
    ] {
        let answer = stage.chat(body);
        assert_eq!(answer.error(), (400, "ambiguous_body".to_owned()), "{body}");
    }
    for body in [
        r#"{"model":"allowed","stream":NaN}"#,
        r#"{"model":"allowed","x":-Infinity}"#,
        "\u{feff}{\"model\":\"allowed\"}",
        "{\"model\":\"allowed\"}{\"model\":\"forbidden\"}",
        "{\"model\":\"allowed\",\"x\":\"\0\"}",
        "{\"model\":\"allowed\",\"x\":\"\u{1}\"}",
        "{\"model\":\"allowed\"/*,\"model\":\"forbidden\"*/}",
        "{'model':'allowed'}",
    ] {
        let answer = stage.chat(body);
        assert_eq!(answer.error(), (400, "invalid_json".to_owned()), "{body}");
    }
    assert!(stage.calls().is_empty());
    for body in [
        r#"{"m\u006fdel":"allowed","x":{"Model":"a","model":"b"},"messages":[{"content":"\ud800 Model"}]}"#,
        r#"{"stream":null,"model":"\u0061llowed","x":1,"x":2,"stream_options":null}"#,
    ] {
        assert_eq!(stage.chat(body).status, 200, "{body}");
        assert_eq!(stage.ports.upstream().requests().last().unwrap().body, body);
    }
}

#[test]
fn a_body_of_millions_of_members_is_refused_without_being_kept() {
    let stage = stage();
    let body = format!(
        r#"{{"model":"allowed",{}"b":1}}"#,
        r#""":1,"#.repeat(4_500_000)
    );
    assert_eq!(
        stage.chat(&body).error(),
        (400, "ambiguous_body".to_owned())
    );
    let deep = format!(r#"{{"model":"allowed","x":{}"#, "[".repeat(10_000_000));
    assert_eq!(
        stage.chat(&deep).error(),
        (400, "ambiguous_body".to_owned())
    );
}

#[test]
fn other_content_types_are_415() {
    let stage = stage();
    let json = r#"{"model":"allowed"}"#;
    for types in [
        &["application/x-www-form-urlencoded"][..],
        &["text/plain"],
        &["application/octet-stream"],
        &[""],
        &["multipart/mixed; boundary=B"],
        &["application/json; charset=utf-16"],
        &["application/json", "application/x-www-form-urlencoded"],
        &["application/json, multipart/form-data; boundary=B"],
    ] {
        for path in [
            "/v1/chat/completions",
            "/v1/audio/transcriptions",
            "/v1/messages",
        ] {
            let answer = send(&stage, path, types, json);
            assert_eq!(answer.status, 415, "{types:?}: {}", answer.text());
        }
    }
    let answer = send(
        &stage,
        "/v1/images/edits",
        &["application/x-www-form-urlencoded"],
        "model=allowed&model=forbidden",
    );
    assert_eq!(answer.error(), (415, "unsupported_media_type".to_owned()));
    assert!(stage.calls().is_empty());
    for (types, sent) in [
        (&[][..], "application/json"),
        (
            &["application/json;charset=UTF-8"],
            "application/json;charset=UTF-8",
        ),
        (&["application/json; boundary=B"], "application/json"),
    ] {
        assert_eq!(
            send(&stage, "/v1/chat/completions", types, json).status,
            200
        );
        let calls = stage.ports.upstream().requests();
        assert_eq!(calls.last().unwrap().head.headers["content-type"], sent);
    }
}

#[test]
fn forms_on_which_parsers_differ_are_ambiguous() {
    const TYPE: &str = "multipart/form-data; boundary=B";
    let stage = stage();
    let field = |head: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let allowed = field("name=\"model\"", "allowed");
    let end = "--B--\r\n";
    let refused = |content_type: &str, body: String| {
        let answer = send(
            &stage,
            "/v1/audio/transcriptions",
            &[content_type],
            body.clone(),
        );
        assert_eq!(
            answer.error(),
            (400, "ambiguous_body".to_owned()),
            "{content_type}: {body}"
        );
    };
    for second in [
        field("name=\"x\"; name=\"model\"", "forbidden"),
        field(
            "name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"",
            "forbidden",
        ),
        field("name=\"x\"; name*=utf-8''model", "forbidden"),
        field("name=\"Model\"", "forbidden"),
        field("name=\"model\"", "forbidden"),
        field("name=\"model[]\"", "forbidden"),
        field("name=\"mod%65l\"", "forbidden"),
        field("name=\"model\"; filename=\"x\"", "forbidden"),
        field("name=\"x\\\"; name=\"model\"", "forbidden"),
        field("name=\"x\"; filename=\"\\\"; name=\\\"model\"", "forbidden"),
        field(
            "name=\"x\"\r\nContent-Type: multipart/mixed; boundary=C",
            "--C\r\n",
        ),
        field("name=\"_charset_\"", "utf-16"),
        field("name=\"stream\"", "yes"),
        format!("--B--\r\n{}", field("name=\"model\"", "forbidden")),
        field(
            "name=\"x\"",
            "v\n--B\nContent-Disposition: form-data; name=\"model\"\n\nforbidden",
        ),
    ] {
        refused(TYPE, format!("{allowed}{second}{end}"));
        refused(TYPE, format!("{second}{allowed}{end}"));
    }
    let good = format!("{allowed}{end}");
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=B; boundary=C",
        "multipart/form-data; boundary*=utf-8''C; boundary=B",
        "multipart/form-data; boundary*0=B",
        "multipart/form-data; boundary=\"\\B\"",
        "multipart/form-data; boundary=B; charset=utf-16",
    ] {
        refused(content_type, good.clone());
    }
    refused(TYPE, good.replace("\r\n", "\n"));
    refused(TYPE, format!("preamble\r\n{good}"));
    assert!(stage.calls().is_empty());
    assert_eq!(
        send(&stage, "/v1/audio/transcriptions", &[TYPE], good.clone()).status,
        200
    );
    assert_eq!(stage.ports.upstream().requests()[0].body, good);
}
