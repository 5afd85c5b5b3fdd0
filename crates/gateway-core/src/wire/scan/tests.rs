//! The same texts are JSON as for the general parser, but for depth and length, which are bounded here.

use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::HashMap;

use super::*;

fn read(text: &str) -> Result<Vec<(&str, &str)>, Fault> {
    let mut list = Vec::new();
    object(text, |found| {
        list.push((&text[found.name], &text[found.value]));
        Some(())
    })?;
    Ok(list)
}

#[test]
fn members_are_found_where_they_are() {
    assert_eq!(read("{}"), Ok(vec![]));
    assert_eq!(
        read(" {\n\"a\" : [ {\"b\":[]}, {} , 1e+5] ,\"\\u0061\":\"x\\\"}\" , \"\":-0.50}\t"),
        Ok(vec![
            ("a", "[ {\"b\":[]}, {} , 1e+5]"),
            ("\\u0061", "\"x\\\"}\""),
            ("", "-0.50"),
        ])
    );
}

#[test]
fn what_is_no_json_is_refused_where_it_goes_wrong() {
    for (text, fault) in [
        ("", Fault::EndsTooEarly),
        ("{\"a\":1", Fault::EndsTooEarly),
        ("{\"a\":\"\\u12", Fault::EndsTooEarly),
        ("[]", Fault::Unexpected(0)),
        ("{\"a\":1} x", Fault::Unexpected(8)),
        ("{\"a\":1,}", Fault::Unexpected(7)),
        ("{\"a\":[1,]}", Fault::Unexpected(8)),
        ("{\"a\":01}", Fault::Unexpected(6)),
        ("{\"a\":NaN}", Fault::Unexpected(5)),
        ("{\"a\":-Infinity}", Fault::Unexpected(6)),
        ("{\"a\":+1}", Fault::Unexpected(5)),
        ("{\"a\":.5}", Fault::Unexpected(5)),
        ("{\"a\":0x1}", Fault::Unexpected(6)),
        ("{\"a\":{]}", Fault::Unexpected(6)),
        ("{\"a\":[}}", Fault::Unexpected(6)),
        ("{\"a\":\"\n\"}", Fault::Unexpected(6)),
        ("{\"a\":\"\0\"}", Fault::Unexpected(6)),
        ("{\"a\":\"\\x\"}", Fault::Unexpected(7)),
        ("{'a':1}", Fault::Unexpected(1)),
        ("{a:1}", Fault::Unexpected(1)),
        ("{\"a\":1/*x*/}", Fault::Unexpected(6)),
        ("\u{feff}{}", Fault::Unexpected(0)),
        ("{\u{a0}}", Fault::Unexpected(1)),
    ] {
        assert_eq!(read(text), Err(fault), "{text:?}");
    }
}

#[test]
fn depth_and_numbers_are_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| {
        format!(
            "{{\"a\":{}1{}}}",
            "{\"b\":".repeat(depth),
            "}".repeat(depth)
        )
    };
    assert!(read(&nested(MAX_DEPTH)).is_ok() && read(&objects(MAX_DEPTH)).is_ok());
    assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(Fault::TooDeep));
    assert_eq!(read(&objects(MAX_DEPTH + 1)), Err(Fault::TooDeep));
    assert_eq!(
        read(&format!("{{\"a\":{}", "[".repeat(1 << 20))),
        Err(Fault::TooDeep)
    );
    let number = |digits: usize| format!("{{\"a\":{}}}", "1".repeat(digits));
    assert!(read(&number(MAX_NUMBER_BYTES)).is_ok());
    assert_eq!(read(&number(MAX_NUMBER_BYTES + 1)), Err(Fault::LongNumber));
}

#[test]
fn escapes_are_decoded_and_lone_surrogates_are_seen() {
    let decoded = |spelled| Unescaped::of(spelled).collect::<Option<String>>();
    assert_eq!(decoded("\\u006dod\\u0065l").as_deref(), Some("model"));
    assert_eq!(
        decoded("\\ud83d\\ude00 \\/\\\"\\n\u{e9}").as_deref(),
        Some("\u{1f600} /\"\n\u{e9}")
    );
    for lone in [
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\n",
        "\\ud83d\\u0041",
        "\\ud83d\\ud83d\\ude00",
    ] {
        assert_eq!(decoded(lone), None, "{lone}");
    }
}

proptest! {
    #[test]
    fn the_general_parser_reads_the_same(
        pieces in prop::collection::vec(
            "[{}\\[\\],:]| |\"a\"|\"\\\\u00e9\\\\n\"|\"[a-z\u{e9}\u{1}\"\\\\]{0,20}\"|-?[0-9]{1,2}|1\\.5|2[eE][+-]?1|true|null|\"b\":",
            0..12,
        ),
    ) {
        let inner = pieces.concat();
        for text in [format!("{{{inner}}}"), format!("{{\"a\":[{inner}]}}"), inner] {
            let general: Result<HashMap<String, &RawValue>, _> = serde_json::from_str(&text);
            match (read(&text), general) {
                (Ok(list), Ok(map)) => {
                    for (name, value) in list {
                        let name: String = serde_json::from_str(&format!("\"{name}\"")).unwrap();
                        prop_assert!(map.contains_key(&name));
                        prop_assert!(serde_json::from_str::<&RawValue>(value).is_ok());
                    }
                }
                (Err(_), Err(_)) => {}
                (mine, general) => prop_assert!(false, "{text:?}: {mine:?}, {general:?}"),
            }
        }
    }

    #[test]
    fn strings_are_decoded_as_the_general_parser_does(spelled in "([a-z\u{e9}]|\\\\[\"nu/\\\\]|\\\\u[dD][89abcdefAB][0-9a-f]{2}|\\\\u00[46][0-9a-f]){0,8}") {
        let text = format!("\"{spelled}\"");
        if read(&format!("{{\"a\":{text}}}")).is_ok() {
            let decoded = Unescaped::of(&spelled).collect::<Option<String>>();
            prop_assert_eq!(decoded, serde_json::from_str::<String>(&text).ok());
        }
    }
}
