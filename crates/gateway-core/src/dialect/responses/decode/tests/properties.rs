//! Properties of reading: nothing panics, and what is written is read back.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::answer::AnswerContext;
use crate::dialect::answer_event::AnswerEncoder as _;
use crate::dialect::responses::ResponsesEncoder;

proptest! {
    #[test]
    fn nothing_panics(index in 0_u64..3, kind in "(response\\.)?(output_item\\.(added|done)|output_text\\.(delta|done)|completed|function_call_arguments\\.delta)", delta in "\\PC{0,4}", item in "(message|function_call|reasoning|x)", name in "f?") {
        let data = json!({"type": kind, "output_index": index, "delta": delta, "text": delta, "item": {"type": item, "name": name, "arguments": 7, "content": delta}, "response": {"output": [7, {"type": item}]}});
        let mut decoder = ResponsesDecoder::new(origin());
        for data in [data.to_string(), delta, data.to_string()] {
            let _ = decoder.event(data.as_bytes(), &mut |_| {});
        }
        let _ = decoder.finish(&mut |_| {});
    }

    #[test]
    fn what_the_encoder_writes_is_read_back(list in proptest::collection::vec((0_usize..3, "[a-z\u{e4}\n]{1,5}"), 1..12)) {
        let mut encoder = ResponsesEncoder::new(AnswerContext::default());
        let mut output = Vec::new();
        let mut sent = Answer::default();
        let mut events = vec![AnswerEvent::Start { id: "resp_1".into() }];
        for (index, (kind, text)) in list.iter().enumerate() {
            match kind {
                0 => events.extend([AnswerEvent::Text(text.as_str().into()), AnswerEvent::BlockEnd]),
                1 => events.extend([AnswerEvent::Reasoning(text.as_str().into()), AnswerEvent::BlockEnd]),
                _ => events.extend([
                    AnswerEvent::CallStart { index, id: format!("c{index}").into(), name: "f".into() },
                    AnswerEvent::CallArguments { index, json: text.as_str().into() },
                    AnswerEvent::CallEnd { index },
                ]),
            }
        }
        let has_calls = list.iter().any(|(kind, _)| *kind == 2);
        events.push(AnswerEvent::Finish { reason: StopReason::Stop.with_calls(has_calls), sequence: None });
        events.push(AnswerEvent::End);
        for event in events {
            sent.take_in(event.clone());
            encoder.event(event, &mut output);
        }
        let text = String::from_utf8(output).unwrap();
        let data: Vec<String> = text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect();
        let (read, _) = decoded(&data).unwrap();
        let shown = |answer: &Answer| -> Vec<String> {
            let blocks = answer.blocks.iter().map(|block| match block {
                Block::Call { id, arguments, .. } => format!("{id}:{arguments}"),
                other => format!("{other:?}"),
            });
            blocks.collect()
        };
        prop_assert_eq!(shown(&read), shown(&sent));
        prop_assert_eq!(read.reason, sent.reason);
    }
}
