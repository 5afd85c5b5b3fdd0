//! Answers for Messages clients. Every stream goes through a reader that knows the strict grammar.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::answer::Answer;
use crate::dialect::answer_event::{BadAnswer, Citation, WebResult};
use crate::dialect::envelope::{Origin, ReasoningState, StateContent};
use crate::dialect::registry::{DeclaredKind, DeclaredTool};
use crate::upstream::provider::Provider;

mod order;

fn context() -> AnswerContext {
    AnswerContext {
        model: "claude-x".to_owned(),
        request_id: "req_1".to_owned(),
        ..AnswerContext::default()
    }
}

fn parsed(output: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(output).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: ").unwrap(), data["type"]);
        data
    });
    events.collect()
}

/// Puts a stream together as clients do, and checks the grammar meanwhile.
fn message(events: &[Value]) -> Value {
    let mut message = events[0]["message"].clone();
    assert_eq!(events[0]["type"], "message_start");
    assert_eq!(message["content"], json!([]));
    assert!(
        message["usage"]["input_tokens"].is_u64() && message["usage"]["output_tokens"].is_u64()
    );
    let mut blocks: Vec<Value> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    let mut is_open = false;
    for event in &events[1..events.len() - 2] {
        let index = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(!is_open && index == blocks.len(), "{event}");
                is_open = true;
                blocks.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_stop" => {
                assert!(is_open && index + 1 == blocks.len(), "{event}");
                is_open = false;
            }
            "content_block_delta" => {
                assert!(is_open && index + 1 == blocks.len(), "{event}");
                let block = blocks.last_mut().unwrap();
                let delta = &event["delta"];
                let mut add = |member: &str| {
                    let joined = format!(
                        "{}{}",
                        block[member].as_str().unwrap(),
                        delta[member].as_str().unwrap()
                    );
                    block[member] = json!(joined);
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add("text"),
                    "thinking_delta" => add("thinking"),
                    "signature_delta" => add("signature"),
                    "input_json_delta" => {
                        inputs[index].push_str(delta["partial_json"].as_str().unwrap());
                    }
                    "citations_delta" => {
                        let mut list = block["citations"].as_array().cloned().unwrap_or_default();
                        list.push(delta["citation"].clone());
                        block["citations"] = json!(list);
                    }
                    other => panic!("{other}"),
                }
            }
            other => panic!("{other}"),
        }
    }
    assert!(!is_open);
    for (block, input) in blocks.iter_mut().zip(inputs) {
        if !input.is_empty() {
            block["input"] =
                serde_json::from_str(&input).unwrap_or_else(|_| json!({"broken": input}));
        }
    }
    let [.., delta, stop] = events else { panic!() };
    assert_eq!(delta["type"], "message_delta");
    assert_eq!(stop["type"], "message_stop");
    message["content"] = json!(blocks);
    message["stop_reason"] = delta["delta"]["stop_reason"].clone();
    message["stop_sequence"] = delta["delta"]["stop_sequence"].clone();
    message["usage"] = delta["usage"].clone();
    message
}

fn encoded(events: &[AnswerEvent<'_>], context: AnswerContext) -> Vec<Value> {
    let mut encoder = MessagesEncoder::new(context);
    let mut output = Vec::new();
    for event in events {
        encoder.event(event.clone(), &mut output);
    }
    parsed(&output)
}

fn whole(events: &[AnswerEvent<'_>]) -> Result<Value, BadAnswer> {
    let mut answer = Answer::default();
    for event in events {
        answer.take_in(event.clone());
    }
    let body = encode_whole(&answer, &context())?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn with_end(content: Vec<AnswerEvent<'_>>, reason: StopReason) -> Vec<AnswerEvent<'_>> {
    let mut events = vec![AnswerEvent::Start { id: "up".into() }];
    events.extend(content);
    events.push(AnswerEvent::Finish {
        reason,
        sequence: None,
    });
    events.push(AnswerEvent::End);
    events
}

fn answered(content: Vec<AnswerEvent<'_>>, reason: StopReason) -> Value {
    let events = with_end(content, reason);
    let streamed = message(&encoded(&events, context()));
    assert_eq!(whole(&events).as_ref(), Ok(&streamed));
    streamed
}

fn text(text: &str) -> AnswerEvent<'_> {
    AnswerEvent::Text(text.into())
}

fn call<'a>(index: usize, id: &'a str, name: &'a str) -> AnswerEvent<'a> {
    AnswerEvent::CallStart {
        index,
        id: id.into(),
        name: name.into(),
    }
}

fn arguments(index: usize, json: &str) -> AnswerEvent<'_> {
    AnswerEvent::CallArguments {
        index,
        json: json.into(),
    }
}

fn state() -> ReasoningState {
    ReasoningState {
        origin: Origin {
            provider: Provider::OpenAi,
            channel: "c".to_owned(),
        },
        content: StateContent::Encrypted {
            id: "rs_1".to_owned(),
            content: "gAAA".to_owned(),
        },
    }
}

fn contents(message: &Value) -> Vec<String> {
    let blocks = message["content"].as_array().unwrap().iter();
    let shown = blocks.map(|block| match block["type"].as_str().unwrap() {
        "text" => format!("text {}", block["text"].as_str().unwrap()),
        "thinking" => format!("thinking {}", block["thinking"].as_str().unwrap()),
        "tool_use" => format!(
            "{} {} {}",
            block["id"].as_str().unwrap(),
            block["name"].as_str().unwrap(),
            block["input"]
        ),
        other => other.to_owned(),
    });
    shown.collect()
}

#[test]
fn calls_without_arguments_are_empty_objects() {
    // Case 10.
    let message = answered(
        vec![call(0, "a", "f"), AnswerEvent::CallEnd { index: 0 }],
        StopReason::Stop,
    );
    assert_eq!(contents(&message), ["a f {}"]);
    // Case 4: the calls win over the reason.
    assert_eq!(message["stop_reason"], "tool_use");
    // Clients put the input together from the deltas alone.
    let events = with_end(
        vec![call(0, "a", "f"), AnswerEvent::CallEnd { index: 0 }],
        StopReason::Stop,
    );
    let events = encoded(&events, context());
    let delta = json!({"type": "input_json_delta", "partial_json": "{}"});
    assert_eq!(events[2]["delta"], delta);
}

#[test]
fn ids_fit_and_names_are_the_clients() {
    // Case 11.
    let mut context = context();
    let wire = context.registry.wire_name(DeclaredTool {
        kind: DeclaredKind::Function,
        name: "my tool".to_owned(),
        namespace: None,
    });
    let events = with_end(
        vec![
            call(0, "functions.Bash:0", &wire),
            AnswerEvent::CallEnd { index: 0 },
            call(1, "functions.Bash:0", "f"),
            AnswerEvent::CallEnd { index: 1 },
            call(2, "", "f"),
        ],
        StopReason::Calls,
    );
    let message = message(&encoded(&events, context));
    let ids: Vec<_> = (0..3)
        .map(|at| message["content"][at]["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids[0], ids::call_id("functions.Bash:0"));
    assert!(ids.iter().all(|id| ids::is_plain(id)));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    assert_eq!(message["content"][0]["name"], "my tool");
    let id_of = |id: &str| message_id(id, &self::context());
    assert_eq!(id_of("msg_01"), "msg_01");
    assert_eq!(id_of(""), "msg_req_1");
    assert!(ids::is_plain(&id_of("chat cmpl/ä")));
}

#[test]
fn state_travels_in_signatures() {
    let content = vec![
        AnswerEvent::Reasoning("hm".into()),
        AnswerEvent::ReasoningState(state()),
        AnswerEvent::ReasoningState(state()),
        text("a"),
    ];
    let message = answered(content, StopReason::Stop);
    assert_eq!(contents(&message), ["thinking hm", "thinking ", "text a"]);
    for at in 0..2 {
        let envelope = message["content"][at]["signature"].as_str().unwrap();
        assert_eq!(context().envelope.open(envelope), Some(state()));
    }
}

#[test]
fn refusals_citations_and_searches_are_shown() {
    let content = vec![
        AnswerEvent::WebSearch {
            id: "ws_1".into(),
            query: "q".into(),
            results: vec![WebResult {
                url: "https://x".into(),
                title: "T".into(),
            }],
        },
        text("a"),
        AnswerEvent::Citation(Citation {
            url: "https://x".into(),
            title: "T".into(),
        }),
        AnswerEvent::Refusal("no".into()),
    ];
    let message = answered(content, StopReason::Stop);
    assert_eq!(
        contents(&message),
        [
            "server_tool_use",
            "web_search_tool_result",
            "text a",
            "text no"
        ]
    );
    let blocks = &message["content"];
    assert_eq!(blocks[0]["input"], json!({"query": "q"}));
    assert_eq!(blocks[0]["id"], blocks[1]["tool_use_id"]);
    let id = blocks[0]["id"]
        .as_str()
        .unwrap()
        .strip_prefix("srvtoolu_")
        .unwrap();
    assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(blocks[1]["content"][0]["url"], "https://x");
    assert_eq!(blocks[2]["citations"][0]["url"], "https://x");
    assert_eq!(message["stop_reason"], "refusal");
    assert_eq!(
        message["usage"]["server_tool_use"]["web_search_requests"],
        1
    );
}

#[test]
fn ids_of_searches_have_anthropics_form() {
    for (id, is_kept) in [
        ("srvtoolu_01_aB", true),
        ("srvtoolu_01-aB", false),
        ("srvtoolu_", false),
        ("ws_1", false),
        ("", false),
    ] {
        let fitted = blocks::server_call_id(id);
        assert_eq!(fitted == id, is_kept, "{id}");
        assert_eq!(blocks::server_call_id(&fitted), fitted);
    }
}

#[test]
fn empty_texts_and_refusals_are_no_blocks() {
    let message = answered(
        vec![
            text(""),
            AnswerEvent::BlockEnd,
            AnswerEvent::Refusal("".into()),
        ],
        StopReason::Stop,
    );
    assert_eq!(message["content"], json!([]));
    assert_eq!(message["stop_reason"], "end_turn");
}

#[test]
fn stop_reasons_and_usage_come_once_at_the_end() {
    let rows = [
        (StopReason::Stop, None, "end_turn", Value::Null),
        (StopReason::Stop, Some("X"), "stop_sequence", json!("X")),
        (StopReason::Length, Some("X"), "max_tokens", Value::Null),
        (StopReason::Filtered, None, "refusal", Value::Null),
        (StopReason::Paused, None, "pause_turn", Value::Null),
    ];
    for (reason, sequence, word, expected) in rows {
        let usage = Usage {
            prompt_tokens: 125,
            cached_tokens: 100,
            cache_write_tokens: 20,
            completion_tokens: 3,
            ..Usage::default()
        };
        // Case 6: usage before the reason, and a second reason.
        let events = [
            AnswerEvent::Start { id: "up".into() },
            text("a"),
            AnswerEvent::Usage(usage),
            AnswerEvent::Finish {
                reason,
                sequence: sequence.map(Into::into),
            },
            AnswerEvent::Usage(Usage::default()),
            AnswerEvent::End,
            AnswerEvent::End,
            text("late"),
        ];
        let streamed = message(&encoded(&events, context()));
        assert_eq!(streamed["stop_reason"], word);
        assert_eq!(streamed["stop_sequence"], expected);
        let usage = json!({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 3});
        assert_eq!(streamed["usage"], usage);
        assert_eq!(whole(&events[..6]), Ok(streamed));
    }
}

#[test]
fn a_failure_replaces_the_end() {
    // Case 9.
    let failed = |kind, code| {
        let mut encoder = MessagesEncoder::new(context());
        let mut output = Vec::new();
        encoder.event(AnswerEvent::Start { id: "".into() }, &mut output);
        encoder.event(text("half"), &mut output);
        let failure = StreamFailure {
            kind,
            code,
            message: "It broke.",
        };
        encoder.fail(&failure, &mut output);
        encoder.event(AnswerEvent::End, &mut output);
        encoder.fail(&failure, &mut output);
        let events = parsed(&output);
        assert_eq!(events.len(), 4);
        assert_eq!(events[3]["error"]["message"], "It broke.");
        events[3]["error"]["type"].as_str().unwrap().to_owned()
    };
    assert_eq!(failed("server_error", "stream_incomplete"), "api_error");
    assert_eq!(failed("overloaded_error", ""), "overloaded_error");
    assert_eq!(
        failed("server_error", "server_is_overloaded"),
        "overloaded_error"
    );
    assert_eq!(failed("tokens", "rate_limit_exceeded"), "rate_limit_error");
}

#[test]
fn no_end_without_the_upstreams() {
    let events = with_end(vec![text("a")], StopReason::Stop);
    let seen = encoded(&events[..events.len() - 1], context());
    let last = seen.last().unwrap();
    assert_eq!(last["type"], "content_block_stop");
    assert_eq!(answered(Vec::new(), StopReason::Stop)["content"], json!([]));
}

/// What happens in a random answer: which call or block goes on.
fn steps() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0..6_u8, 0..4_u8), 0..40)
}

proptest! {
    #[test]
    fn any_answer_follows_the_grammar_and_loses_nothing(steps in steps(), calls in prop::collection::vec("[a-z\\\\\"{}]{0,8}", 0..4)) {
        let whole_arguments: Vec<String> = calls.iter().map(|text| json!({"k": text, "n": [{}]}).to_string()).collect();
        let mut given = vec![0_usize; calls.len()];
        let mut starts = 0;
        let mut content = Vec::new();
        for (kind, which) in steps {
            match kind {
                0 => content.push(text("t")),
                1 => content.push(AnswerEvent::Reasoning("r".into())),
                2 => content.push(AnswerEvent::BlockEnd),
                3 if starts < calls.len() => {
                    content.push(AnswerEvent::CallStart { index: starts, id: format!("id{starts}").into(), name: "f".into() });
                    starts += 1;
                }
                _ => {
                    let at = usize::from(which);
                    let Some(all) = whole_arguments.get(at).filter(|_| at < starts) else { continue };
                    let end = (given[at] + 3).min(all.len());
                    if let Some(piece) = all.get(given[at]..end).filter(|piece| !piece.is_empty()) {
                        content.push(arguments(at, piece));
                        given[at] = end;
                    }
                }
            }
        }
        for at in 0..starts {
            if given[at] < whole_arguments[at].len() {
                content.push(arguments(at, &whole_arguments[at][given[at]..]));
            }
            content.push(AnswerEvent::CallEnd { index: at });
        }
        let events = with_end(content, StopReason::Stop);
        let streamed = message(&encoded(&events, context()));
        let inputs: Vec<String> = streamed["content"].as_array().unwrap().iter()
            .filter(|block| block["type"] == "tool_use").map(|block| block["input"].to_string()).collect();
        prop_assert_eq!(&inputs[..], &whole_arguments[..starts]);
        prop_assert_eq!(whole(&events), Ok(streamed));
    }
}
