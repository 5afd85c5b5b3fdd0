//! How fragments join, and how much of them is held.

use super::*;

fn joined(texts: Texts, fragments: &[&str]) -> String {
    let mut object = GrowingObject::default();
    let mut budget = Budget::default();
    for fragment in fragments {
        object.join_all(fragment, texts, &mut budget).unwrap();
    }
    let mut out = String::new();
    object.write(&mut out);
    out
}

#[test]
fn fragments_join_by_their_kind() {
    let rows: &[(&[&str], &str)] = &[
        (&[r#"{"a":"x\n"}"#, r#"{"a":"y"}"#], r#"{"a":"x\ny"}"#),
        (
            &[r#"{"a":null}"#, r#"{"a":"y"}"#, r#"{"a":null}"#],
            r#"{"a":"y"}"#,
        ),
        (
            &[r#"{"a":[1.0, 2]}"#, r#"{"a":[]}"#, r#"{"a":[3]}"#],
            r#"{"a":[1.0, 2,3]}"#,
        ),
        (&[r#"{"a":1}"#, r#"{"a":1e400}"#], r#"{"a":1e400}"#),
        (
            &[
                r#"{"audio":{"id":"x","data":"AA"}}"#,
                r#"{"audio":{"id":"x","data":"BB"}}"#,
            ],
            r#"{"audio":{"id":"x","data":"AABB"}}"#,
        ),
        // Half a character in each fragment.
        (
            &[r#"{"a":"\ud83d"}"#, r#"{"a":"\ude00"}"#],
            r#"{"a":"\ud83d\ude00"}"#,
        ),
        // Mistral: thoughts as a part of the content, then text.
        (
            &[
                r#"{"content":[{"type":"thinking"}]}"#,
                r#"{"content":"a"}"#,
                r#"{"content":"b"}"#,
            ],
            r#"{"content":[{"type":"thinking"},{"type":"text","text":"ab"}]}"#,
        ),
        (
            &[
                r#"{"content":"a"}"#,
                r#"{"content":[{"type":"x"}]}"#,
                r#"{"content":[2]}"#,
            ],
            r#"{"content":[{"type":"text","text":"a"},{"type":"x"},2]}"#,
        ),
    ];
    for (fragments, expected) in rows {
        assert_eq!(
            joined(Texts::Continue, fragments),
            *expected,
            "{fragments:?}"
        );
    }
    let replaced = joined(
        Texts::Replace,
        &[r#"{"a":"x","b":{"c":1}}"#, r#"{"a":"y","b":{}}"#],
    );
    assert_eq!(replaced, r#"{"a":"y","b":{"c":1}}"#);
}

#[test]
fn calls_are_joined_whatever_numbers_they_have() {
    let rows: &[(&[&str], &[&str])] = &[
        // The usual form, interleaved.
        (
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#,
                r#"[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{"}}]"#,
                r#"[{"index":0,"function":{"arguments":"{\"x\":"}},{"index":1,"function":{"arguments":"}"}}]"#,
                r#"[{"index":0,"id":"","function":{"name":"","arguments":"1}"}}]"#,
            ],
            &[
                r#""name":"f","arguments":"{\"x\":1}""#,
                r#""name":"g","arguments":"{}""#,
            ],
        ),
        // All with the same number.
        (
            &[
                r#"[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":0,"id":"b","function":{"name":"g","arguments":"{"}}]"#,
                r#"[{"index":0,"function":{"arguments":"}"}}]"#,
            ],
            &[
                r#""name":"f","arguments":"{}""#,
                r#""name":"g","arguments":"{}""#,
            ],
        ),
        // Without any.
        (
            &[
                r#"[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":"{"}}]"#,
                r#"[{"function":{"arguments":"}"}}]"#,
            ],
            &[
                r#""name":"f","arguments":"{}""#,
                r#""name":"g","arguments":"{}""#,
            ],
        ),
    ];
    for (fragments, expected) in rows {
        let deltas: Vec<String> = fragments
            .iter()
            .map(|list| format!(r#"{{"tool_calls":{list}}}"#))
            .collect();
        let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
        let whole = joined(Texts::Continue, &deltas);
        let functions = whole.matches("\"function\":").count();
        assert_eq!(functions, expected.len(), "{whole}");
        for part in *expected {
            assert!(whole.contains(part), "{part} in {whole}");
        }
    }
}

#[test]
fn what_grows_without_end_is_refused() {
    let mut budget = Budget::default();
    let mut object = GrowingObject::default();
    let long = format!("\"{}\"", "x".repeat(1000));
    let mut join = || object.join("a", &long, Texts::Continue, &mut budget);
    assert!((0..5000).any(|_| join().is_err()));
    let mut object = GrowingObject::default();
    let mut budget = Budget::default();
    let mut join =
        |number: usize| object.join(&number.to_string(), "1", Texts::Replace, &mut budget);
    assert!((0..=MAX_PARTS).any(|number| join(number).is_err()));
    // Nesting is no recursion.
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let mut object = GrowingObject::default();
    object
        .join("x", &deep, Texts::Continue, &mut Budget::default())
        .unwrap();
}
