//! Edits of JSON objects in place: the result is JSON, what was not edited keeps its bytes, and a second time
//! changes nothing.
//!
//! The input's first line names the member that is set, the second the one that is removed, the rest is the body.
#![no_main]

use std::borrow::Cow;

use gateway_core::wire::members::{MemberEdit, Members, quoted};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const VALUE: &str = "{\"include_usage\":true}";

fn lines(input: &[u8]) -> Option<(&str, &str, &[u8])> {
    let mut parts = input.splitn(3, |byte| *byte == b'\n');
    let mut name = || std::str::from_utf8(parts.next()?).ok();
    let (set, removed) = (name()?, name()?);
    Some((set, removed, parts.next()?))
}

fn untouched<'a>(members: &Members<'a>, names: [&str; 2]) -> Vec<(Cow<'a, str>, &'a str)> {
    let others = members
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_ref()));
    others.collect()
}

fuzz_target!(|input: &[u8]| {
    let Some((set, removed, body)) = lines(input) else {
        return;
    };
    let Ok(members) = Members::parse(body) else {
        return;
    };
    if set == removed {
        return;
    }
    let _ = (members.string(set), members.count(removed));
    let edits = [
        MemberEdit::Set(set, VALUE.into()),
        MemberEdit::Remove(removed),
    ];
    let edited = members.rewrite(&edits).unwrap_or_else(|| body.to_vec());
    let after = Members::parse(&edited).expect("an edited object is an object");
    assert_eq!(
        untouched(&after, [set, removed]),
        untouched(&members, [set, removed])
    );
    assert!(after.iter().all(|(name, raw)| name != set || raw == VALUE));
    assert!(after.count(set) >= 1 && after.count(removed) == 0);
    assert_eq!(after.rewrite(&edits), None);
    // The general parser rejects deep nesting, which this one need not read.
    if let Ok(before) = serde_json::from_slice::<Map<String, Value>>(body) {
        let mut expected = before;
        expected.insert(set.to_owned(), serde_json::json!({"include_usage": true}));
        expected.remove(removed);
        let seen: Map<String, Value> = serde_json::from_slice(&edited).expect("it is JSON");
        assert_eq!(seen, expected);
    }
    assert_eq!(
        serde_json::from_str::<String>(&quoted(set)).ok().as_deref(),
        Some(set)
    );
});
