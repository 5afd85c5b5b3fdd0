//! Servers that are careless: calls that are not numbered, repeated or unnamed ones, and events behind the end.

use super::*;

#[test]
fn what_is_behind_the_end_is_ignored_and_an_id_may_be_missing() {
    let events = [
        " ".to_owned(),
        r#"{"choices":[{"delta":{"content":"a"}}]}"#.to_owned(),
        done(),
        delta(r#"{"content":"late"}"#),
        "not JSON".to_owned(),
    ];
    let lines = streamed(&events).unwrap();
    assert_eq!(lines, ["start ", "text a", "finish Stop", "end"]);
}

#[test]
fn a_call_goes_on_until_another_one_begins() {
    let rows: [CallRow; 2] = [
        (
            "its name and id are repeated behind its arguments",
            vec![
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#),
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"\n"}}"#),
            ],
            &[
                "call 0 x f",
                "arguments 0 {}",
                "arguments 0 \n",
                "call end 0",
            ],
        ),
        (
            "white space follows its end",
            vec![
                call(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#),
                call(r#"{"index":1,"id":"y","function":{"name":"g","arguments":"{}"}}"#),
                call(r#"{"index":0,"function":{"arguments":" \n"}}"#),
            ],
            &[
                "call 0 x f",
                "arguments 0 {}",
                "call end 0",
                "call 1 y g",
                "arguments 1 {}",
                "call end 1",
            ],
        ),
    ];
    check_calls(rows);
}

#[test]
fn a_second_call_with_the_same_index_begins_where_the_arguments_of_the_first_are_whole() {
    for (arguments, is_whole) in [
        ("{", false),
        ("{}", true),
        (r#"{"a":[1,{"b":2}]"#, false),
        (r#"{"a":[1,{"b":2}]}"#, true),
        (r#"{"a":"}"#, false),
        (r#"{"a":"}""#, false),
        (r#"{"a":"}"}"#, true),
        (r#"{"a":"\"}"#, false),
        (r#"{"a":"\"}"}"#, true),
        (r#"{"a":"\\"}"#, true),
    ] {
        let first = json_call("x", arguments);
        let events = [first, json_call("y", "{}"), done()];
        let lines = streamed(&events).unwrap();
        let calls = lines.iter().filter(|line| line.starts_with("call end"));
        assert_eq!(calls.count() == 2, is_whole, "{arguments}");
    }
}

fn json_call(id: &str, arguments: &str) -> String {
    let arguments = serde_json::Value::from(arguments);
    call(&format!(
        r#"{{"index":0,"id":"{id}","function":{{"name":"f","arguments":{arguments}}}}}"#
    ))
}

#[test]
fn a_call_without_a_name_is_an_error_unless_it_has_nothing() {
    let with = |json: &str| streamed(&[delta(r#"{"content":"a"}"#), call(json), done()]);
    assert!(with(r#"{"index":0,"function":{"arguments":"{}"}}"#).is_err());
    assert!(with(r#"{"index":0,"id":"x"}"#).is_err());
    let empty = with(r#"{"index":0,"id":"","function":{"name":"","arguments":""}}"#);
    assert_eq!(
        empty.unwrap(),
        ["start c", "text a", "finish Stop", "end"],
        "no call"
    );
}

#[test]
fn no_answer_has_endless_calls() {
    let with = |count: usize| {
        let named = r#"{"id":"x","function":{"name":"f","arguments":"{}"}}"#;
        let calls = vec![named; count].join(",");
        gathered(&format!(
            r#"{{"choices":[{{"message":{{"tool_calls":[{calls}]}}}}]}}"#
        ))
    };
    assert_eq!(with(1024).unwrap().blocks.len(), 1024);
    assert!(with(1025).is_err());
}
