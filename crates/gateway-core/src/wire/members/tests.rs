//! Edits in place: what changes, what must not, and that hostile bodies are rejected.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn edited(body: &str, edits: &[MemberEdit<'_>]) -> Option<String> {
    let members = Members::parse(body.as_bytes()).unwrap();
    members
        .rewrite(edits)
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn only_the_edited_value_changes() {
    let body =
        " {\"a\" : 1.0 ,\n \"model\": \"gpt\\u002d4o\", \"n\":12345678901234567890,\"e\":1e3 } ";
    let members = Members::parse(body.as_bytes()).unwrap();
    assert_eq!(members.string("model").as_deref(), Some("gpt-4o"));
    assert_eq!(
        edited(body, &[MemberEdit::Set("model", "\"x\"".into())]).as_deref(),
        Some(" {\"a\" : 1.0 ,\n \"model\": \"x\", \"n\":12345678901234567890,\"e\":1e3 } ")
    );
}

#[test]
fn unchanged_is_none() {
    assert_eq!(
        edited(
            "{\"model\":\"x\"}",
            &[
                MemberEdit::Set("model", "\"x\"".into()),
                MemberEdit::Remove("y")
            ]
        ),
        None
    );
}

#[test]
fn members_can_be_removed_and_appended() {
    let body = "{\"a\":1,\"b\":{\"a\":2},\"c\":[3]}";
    assert_eq!(
        edited(body, &[MemberEdit::Remove("a")]).as_deref(),
        Some("{\"b\":{\"a\":2},\"c\":[3]}")
    );
    assert_eq!(
        edited(body, &[MemberEdit::Remove("c"), MemberEdit::Remove("a")]).as_deref(),
        Some("{\"b\":{\"a\":2}}")
    );
    assert_eq!(
        edited("{ }", &[MemberEdit::Set("x\"y", "true".into())]).as_deref(),
        Some("{\"x\\\"y\":true }")
    );
    assert_eq!(
        edited("{\"a\":1}", &[MemberEdit::Remove("a")]).as_deref(),
        Some("{}")
    );
}

#[test]
fn a_member_can_be_renamed_and_keeps_its_value_and_its_place() {
    let rename = |body: &str, edits: &[MemberEdit<'_>]| edited(body, edits).unwrap();
    assert_eq!(
        rename(
            "{ \"x\":1 ,\n \"max\\u005ftokens\" : 1.0e2, \"y\" :2}",
            &[MemberEdit::Rename("max_tokens", "a\"b")]
        ),
        "{ \"x\":1 ,\n \"a\\\"b\" : 1.0e2, \"y\" :2}"
    );
    assert_eq!(
        rename(
            "{\"x\":1, \"max_tokens\":2}",
            &[
                MemberEdit::Remove("x"),
                MemberEdit::Rename("max_tokens", "n")
            ]
        ),
        "{ \"n\":2}"
    );
    assert_eq!(edited("{\"x\":1}", &[MemberEdit::Rename("y", "z")]), None);
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let members = Members::parse(b"{\"model\":\"a\",\"model\":\"b\"}").unwrap();
    assert_eq!(members.string("model").as_deref(), Some("b"));
    assert_eq!(
        edited(
            "{\"model\":\"a\",\"model\":\"b\"}",
            &[MemberEdit::Set("model", "\"c\"".into())]
        )
        .as_deref(),
        Some("{\"model\":\"c\",\"model\":\"c\"}")
    );
}

#[test]
fn a_member_that_is_there_twice_is_set_twice_even_if_the_last_is_right_already() {
    assert_eq!(
        edited(
            "{\"model\":\"a\",\"model\":\"b\"}",
            &[MemberEdit::Set("model", "\"b\"".into())]
        )
        .as_deref(),
        Some("{\"model\":\"b\",\"model\":\"b\"}")
    );
}

#[test]
fn anything_else_is_refused() {
    for body in [
        "",
        "[]",
        "\"x\"",
        "{\"a\":}",
        "{\"a\":1} x",
        "{\"a\":1",
        "\u{feff}{}",
    ] {
        assert!(Members::parse(body.as_bytes()).is_err(), "{body:?}");
    }
    assert!(Members::parse(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn absurd_shapes_are_refused_before_they_take_memory() {
    let many = |count: usize| format!("{{\"model\":\"m\",{}\"b\":1}}", "\"\":1,".repeat(count));
    assert!(Members::parse(many(MAX_MEMBERS - 2).as_bytes()).is_ok());
    for body in [
        many(MAX_MEMBERS - 1),
        many(1_000_000),
        format!("{{\"a\":{}", "{\"a\":".repeat(100_000)),
        format!("{{\"a\":{}", "9".repeat(100_000)),
        "{\"\\ud800\":1}".to_owned(),
    ] {
        let refused = Members::parse(body.as_bytes()).unwrap_err();
        assert!(matches!(refused, Unreadable::Ambiguous(_)), "{refused:?}");
    }
    // Members of members are not kept, however many there are.
    let inner = format!("{{\"a\":{}}}", many(100_000));
    assert!(Members::parse(inner.as_bytes()).is_ok());
}

#[test]
fn a_long_text_is_decoded_only_if_that_takes_no_memory() {
    let of = |text: &str| {
        let body = format!("{{\"user\":\"{text}\"}}");
        let members = Members::parse(body.as_bytes()).unwrap();
        members.string("user").map(|text| text.len())
    };
    assert_eq!(of(&"x".repeat(1 << 20)), Some(1 << 20));
    assert_eq!(of(&"\\n".repeat(100)), Some(100));
    assert_eq!(of(&"\\n".repeat(1 << 20)), None);
    assert_eq!(of("\\ud800"), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-e]{1,2}|.{0,4}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::hash_map("[a-e]{1,2}|.{0,4}", any_json(), 0..8)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn edits_mean_the_same_as_on_a_parsed_object(
        object in any_object(),
        set in "[a-e]{1,2}",
        removed in "[a-e]{1,2}",
        renamed in "[a-e]{1,2}",
        value in any_json(),
        pretty: bool,
    ) {
        prop_assume!(set != removed && renamed != set && renamed != removed);
        let text = if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            serde_json::to_string(&object).unwrap()
        };
        let members = Members::parse(text.as_bytes()).unwrap();
        let edits = [
            MemberEdit::Set(&set, value.to_string().into()),
            MemberEdit::Remove(&removed),
            MemberEdit::Rename(&renamed, "other name"),
        ];
        let edited = members.rewrite(&edits).unwrap_or_else(|| text.clone().into_bytes());
        let mut expected = object;
        expected.insert(set, value);
        expected.remove(&removed);
        if let Some(value) = expected.remove(&renamed) {
            expected.insert("other name".to_owned(), value);
        }
        prop_assert_eq!(serde_json::from_slice::<Map<String, Value>>(&edited).unwrap(), expected);
    }

    #[test]
    fn no_bytes_whatever_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(members) = Members::parse(&bytes) {
            let _ = members.rewrite(&[
                MemberEdit::Set("model", "1".into()),
                MemberEdit::Remove("a"),
                MemberEdit::Rename("b", "c"),
            ]);
        }
    }

    #[test]
    fn untouched_members_keep_their_bytes_and_a_second_edit_changes_nothing(
        members in prop::collection::vec(("[a-c]", any_text()), 0..6),
        set in "[a-c]",
        removed in "[a-c]",
        space in "[ \\n\\r\\t]{0,2}",
    ) {
        prop_assume!(set != removed);
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}{space}"))
            .collect();
        let text = format!("{space}{{{}{space}}}{space}", members.join(","));
        let before = Members::parse(text.as_bytes()).unwrap();
        let edits = [MemberEdit::Set(&set, "1.50".into()), MemberEdit::Remove(&removed)];
        let edited = before.rewrite(&edits).unwrap_or_else(|| text.clone().into_bytes());
        let after = Members::parse(&edited).unwrap();
        let untouched = |members: &Members<'_>| -> Vec<(String, String)> {
            let others = members.iter().filter(|(name, _)| *name != set && *name != removed);
            others.map(|(name, raw)| (name.into_owned(), raw.to_owned())).collect()
        };
        prop_assert_eq!(untouched(&after), untouched(&before));
        prop_assert_eq!((after.raw(&set), after.count(&removed)), (Some("1.50"), 0));
        prop_assert_eq!(after.rewrite(&edits), None);
    }
}

/// JSON in spellings that no serializer would choose.
fn any_text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "12345678901234567890",
        "1E+2",
        "-0.0",
        "\"\\u0061,}\\\"\"",
        "{ \"a\" : [ 1 , 2 ] , \"b\":{} }",
        "[]",
        "null",
    ])
}
