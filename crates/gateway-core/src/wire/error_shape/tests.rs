//! Golden cases: one real payload per shape.

use proptest::prelude::*;

use super::*;

fn check(
    status: u16,
    body: &str,
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) {
    let error = normalise(StatusCode::from_u16(status).unwrap(), body.as_bytes());
    let expected = ErrorBody {
        message: message.to_owned(),
        kind: kind.to_owned(),
        param: param.map(str::to_owned),
        code: code.map(str::to_owned),
    };
    assert_eq!(error.body, expected, "{body}");
}

#[test]
fn every_shape_gets_four_members() {
    check(
        400,
        r#"{"error":{"message":"Bad","type":"invalid_request_error","param":"messages","code":"x"}}"#,
        "Bad",
        "invalid_request_error",
        Some("messages"),
        Some("x"),
    );
    check(
        402,
        r#"{"error":{"code":402,"message":"No credits"}}"#,
        "No credits",
        "invalid_request_error",
        None,
        Some("402"),
    );
    check(
        502,
        r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"overloaded"}}}"#,
        "Provider returned error: overloaded",
        "server_error",
        None,
        Some("502"),
    );
    check(
        429,
        r#"{"status":429,"title":"Too Many Requests"}"#,
        "Too Many Requests",
        "requests",
        None,
        None,
    );
    check(
        404,
        r#"{"status":404,"title":"Not Found","detail":"Function 'x': Not found for account 'y'"}"#,
        "Not Found: Function 'x': Not found for account 'y'",
        "invalid_request_error",
        None,
        None,
    );
    check(
        422,
        r#"{"detail":[{"loc":["body","messages"],"msg":"field required","type":"value_error.missing"}]}"#,
        "body.messages: field required",
        "invalid_request_error",
        Some("messages"),
        None,
    );
    check(
        401,
        r#"{"detail":"Unauthorized"}"#,
        "Unauthorized",
        "invalid_request_error",
        None,
        None,
    );
    check(
        500,
        "upstream exploded",
        "upstream exploded",
        "server_error",
        None,
        None,
    );
    check(
        503,
        "<html>x</html>",
        "The upstream answered 503 (Service Unavailable) without a message.",
        "server_error",
        None,
        None,
    );
    check(
        500,
        "",
        "The upstream answered 500 (Internal Server Error) without a message.",
        "server_error",
        None,
        None,
    );
    check(
        400,
        r#"[{"error":{"code":400,"message":"from an array","status":"INVALID_ARGUMENT"}}]"#,
        "from an array",
        "invalid_request_error",
        None,
        Some("400"),
    );
}

#[test]
fn a_numeric_code_inside_a_good_status_is_the_status() {
    let error = normalise(
        StatusCode::OK,
        br#"{"error":{"code":429,"message":"slow down"}}"#,
    );
    assert_eq!(error.status, Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(error.body.kind, "requests");
    let quoted = normalise(
        StatusCode::OK,
        br#"{"error":{"code":"429","message":"slow down"}}"#,
    );
    assert_eq!(quoted.status, Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(
        normalise(StatusCode::OK, br#"{"error":{"code":12,"message":"x"}}"#).status,
        None
    );
}

#[test]
fn an_answer_is_never_a_message() {
    let half = r#"{"id":"c","choices":[{"message":{"content":"WORDS"},"finish_reason":"error"}]}"#;
    let bodies = [
        half.to_owned(),
        half.replace("}]}", "}]").repeat(2),
        format!("[{half}]"),
        half[..half.len() - 3].to_owned(),
        format!("\u{feff} {}", &half[..half.len() - 3]),
        r#"{"error":{},"choices":[{"text":"WORDS"}]}"#.to_owned(),
        r#"{"error":{"code":502},"choices":[{"text":"WORDS"}]}"#.to_owned(),
        r#"{"message":{"content":"WORDS"}}"#.to_owned(),
        r#"{"detail":[{"loc":["body","messages"],"input":"WORDS"}]}"#.to_owned(),
        r#"{"error":{"message":{"content":"WORDS"}}}"#.to_owned(),
        r#"{"type":"response.failed","response":{"output":[{"text":"WORDS"}],"error":null}}"#
            .to_owned(),
        r#""WORDS"#.to_owned(),
        format!("data: {half}\n\n"),
        "data: {\"choices\":[{\"delta\":{\"content\":\"WORDS\"}}]}\n\ndata: [DONE]\n\n".to_owned(),
        format!("{}{half}", " ".repeat(70_000)),
    ];
    for body in bodies {
        for status in [200, 400, 429, 502] {
            let found = normalise(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert!(
                !found.body.message.contains("WORDS"),
                "{status} {body}: {found:?}"
            );
            assert!(!found.body.message.is_empty());
        }
    }
}

#[test]
fn messages_are_found_in_odd_places() {
    check(
        200,
        r#"{"choices":[{"delta":{}},{"error":{"message":"second"}}],"error":{}}"#,
        "second",
        "server_error",
        None,
        None,
    );
    check(
        200,
        r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"},"choices":null}"#,
        "insufficient balance",
        "server_error",
        None,
        None,
    );
    check(
        500,
        "data: {\"error\":{\"message\":\"in an event\",\"type\":\"x\"}}\n\n",
        "in an event",
        "x",
        None,
        None,
    );
    check(
        400,
        r#""just a string""#,
        "just a string",
        "invalid_request_error",
        None,
        None,
    );
    check(
        400,
        r#"{"detail":["a","b"]}"#,
        "a; b",
        "invalid_request_error",
        None,
        None,
    );
    // Data that looks like events again is not parsed recursively.
    let deep = "data: ".repeat(20_000);
    let _ = normalise(StatusCode::BAD_REQUEST, deep.as_bytes());
}

#[test]
fn messages_are_bounded() {
    let error = normalise(StatusCode::BAD_REQUEST, "é".repeat(1_000_000).as_bytes());
    assert_eq!(error.body.message.chars().count(), MAX_MESSAGE_CHARS + 1);
}

#[test]
fn a_page_is_known_by_its_title() {
    let message = |body: &str| {
        let status = StatusCode::BAD_GATEWAY;
        normalise(status, body.as_bytes()).body.message
    };
    assert_eq!(
        message("<html><head><title>\n api | 502:\n  Bad gateway </title></head>"),
        "The upstream answered 502 with a web page: api | 502: Bad gateway"
    );
    let untitled = "The upstream answered 502 (Bad Gateway) without a message.";
    assert_eq!(message("<html><title> </title>"), untitled);
    assert_eq!(message("<html><title>never ends"), untitled);
}

fn any_member() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            " \n",
            "429",
            "error",
            "invalid_request_error",
            "a:b"
        ])
        .prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        (1_000_usize..3_000).prop_map(|length| Value::from("é".repeat(length))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop::sample::select(vec![
            "error",
            "message",
            "type",
            "param",
            "code",
            "detail",
            "loc",
            "msg",
            "title",
            "status",
            "metadata",
            "raw",
            "flagged_input",
            "choices",
            "response",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_shape_becomes_four_bounded_members(
        value in any_member(),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        status in 100_u16..1000,
    ) {
        let status = StatusCode::from_u16(status).unwrap();
        for body in [value.to_string().into_bytes(), bytes] {
            let error = normalise(status, &body).body;
            prop_assert!(!error.message.trim().is_empty() && !error.kind.trim().is_empty());
            prop_assert!(error.message.chars().count() <= MAX_MESSAGE_CHARS + 1);
            for word in [Some(&error.kind), error.param.as_ref(), error.code.as_ref()] {
                let length = word.map_or(1, |word| word.chars().count());
                prop_assert!((1..=MAX_WORD_CHARS + 1).contains(&length));
            }
            let json = serde_json::to_value(&error).unwrap();
            prop_assert_eq!(json.as_object().map(serde_json::Map::len), Some(4));
        }
    }
}
