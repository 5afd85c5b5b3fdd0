//! Calls and their results.

use super::*;

fn call<'a>(id: &'a str, name: &'a str) -> Item<'a> {
    Item::Call(Call {
        id: id.into(),
        name: name.into(),
        arguments: "{}".into(),
    })
}

fn result<'a>(id: &'a str, text: &'a str) -> Item<'a> {
    Item::Result(CallResult {
        id: id.into(),
        parts: vec![Part::Text(Text::plain(text))],
        is_error: false,
    })
}

fn user(text: &str) -> Item<'_> {
    Item::User(vec![Part::Text(Text::plain(text))])
}

fn said(text: &str) -> Item<'_> {
    Item::AssistantText(text.into())
}

fn parts_text(parts: &[Part<'_>]) -> String {
    let texts = parts.iter().map(|part| match part {
        Part::Text(text) => text.text.to_string(),
        _ => "[file]".to_owned(),
    });
    texts.collect::<Vec<_>>().join("|")
}

/// One line per turn.
fn shown(items: Vec<Item<'_>>) -> Vec<String> {
    let show = |turn: &Turn<'_>| match turn {
        Turn::System(text) => format!("system {}", text.text),
        Turn::User { results, parts } => {
            let results: Vec<String> = results
                .iter()
                .map(|it| {
                    format!(
                        "{}={}{}",
                        it.id,
                        it.text(),
                        if it.is_error { "!" } else { "" }
                    )
                })
                .collect();
            format!("user [{}] {}", results.join(","), parts_text(parts))
        }
        Turn::Assistant(items) => {
            let items = items.iter().map(|item| match item {
                Item::Call(call) => format!("{}:{}", call.id, call.name),
                Item::AssistantText(text) => format!("{text:?}"),
                _ => "?".to_owned(),
            });
            format!("assistant {}", items.collect::<Vec<_>>().join(","))
        }
    };
    of_items(items, CallIdForm::Plain)
        .iter()
        .map(show)
        .collect()
}

#[test]
fn results_follow_their_calls_in_the_order_of_the_calls() {
    let turns = shown(vec![
        user("hi"),
        call("a", "f"),
        call("b", "g"),
        call("c", "h"),
        result("c", "3"),
        result("a", "1"),
        result("b", "2"),
        user("and"),
        user("more"),
    ]);
    let expected = [
        "user [] hi",
        "assistant a:f,b:g,c:h",
        "user [a=1,b=2,c=3] and|more",
    ];
    assert_eq!(turns, expected);
}

#[test]
fn text_between_calls_and_results_joins_the_turn_of_the_calls() {
    let turns = shown(vec![
        call("a", "f"),
        call("b", "g"),
        said("wait"),
        result("a", "1"),
        result("b", "2"),
        said("done"),
    ]);
    let expected = [
        r#"assistant a:f,b:g,"wait""#,
        "user [a=1,b=2] ",
        r#"assistant "done""#,
    ];
    assert_eq!(turns, expected);
}

#[test]
fn what_has_no_counterpart_is_made_up_or_becomes_text() {
    let turns = shown(vec![
        result("z", "lost"),
        result("a", "early"),
        user("hi"),
        call("a", "f"),
        user("never mind"),
        result("a", "late"),
        call("b", "g"),
    ]);
    let expected = [
        "user [] Tool result: lost|Tool result: early|hi",
        "assistant a:f",
        "user [a=late] never mind",
        "assistant b:g",
        "user [b=No result!] ",
    ];
    assert_eq!(turns, expected);
}

#[test]
fn equal_and_missing_ids_of_one_turn_are_kept_apart() {
    let turns = shown(vec![
        call("a", "f"),
        call("a", "g"),
        call("", "h"),
        result("a", "1"),
        result("", "3"),
        result("a", "2"),
    ]);
    let second = ids::made_call_id("a", 1);
    let third = ids::made_call_id("", 2);
    assert_eq!(turns[0], format!("assistant a:f,{second}:g,{third}:h"));
    assert_eq!(turns[1], format!("user [a=1,{second}=2,{third}=3] "));
}

#[test]
fn system_messages_stay_where_they_are() {
    let turns = shown(vec![user("1"), Item::System(Text::plain("s")), user("2")]);
    assert_eq!(turns, ["user [] 1", "system s", "user [] 2"]);
}

#[test]
fn mistrals_ids_have_nine_characters() {
    let items = vec![call("toolu_01ABC", "f"), result("toolu_01ABC", "1")];
    let turns = of_items(items, CallIdForm::NineAlphanumerics);
    let [Turn::Assistant(calls), Turn::User { results, .. }] = &turns[..] else {
        panic!("{turns:?}");
    };
    let Item::Call(call) = &calls[0] else {
        panic!()
    };
    assert_eq!(call.id, results[0].id);
    assert!(call.id.len() == 9 && call.id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
}
