//! Bodies of bulk changes are read whole, and lists are edited without a change of what an empty one means.

use serde_json::json;

use super::*;
use crate::config::model::KeyLimits;

fn key(id: &str, models: &[&str], tags: &[&str]) -> ClientKey {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    ClientKey {
        id: id.to_owned(),
        name: id.to_owned(),
        hash: "0".repeat(64),
        hint: "sk-a…b".to_owned(),
        tags: owned(tags),
        previous: None,
        enabled: true,
        models: owned(models),
        expires_at: None,
        limits: KeyLimits::default(),
        created_at: Timestamp(0),
    }
}

fn document() -> Document {
    Document {
        keys: vec![
            key("ck_all", &[], &["a"]),
            key("ck_one", &["m1"], &[]),
            key("ck_two", &["m1", "m2"], &["a", "b"]),
        ],
        ..Document::default()
    }
}

/// The document after the change, with what was changed, or the first problem's path and code.
fn changed(body: &Value) -> Result<(Document, Vec<String>), (String, String)> {
    let mut problems = Problems::default();
    let targets = body::read::<ClientKey>(body, &mut problems);
    let mut document = document();
    let outcome = problems
        .check("bulk change")
        .and_then(|()| apply(&mut document, &targets, Timestamp(5)));
    match outcome {
        Ok(outcomes) => {
            let ids = outcomes.into_iter().map(|outcome| outcome.before.id);
            Ok((document, ids.collect()))
        }
        Err(error) => {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let first = json!(error.details[0]);
            Err((text(&first["path"]), text(&first["code"])))
        }
    }
}

fn lists(document: &Document) -> Vec<(&[String], &[String])> {
    let keys = document.keys.iter();
    keys.map(|key| (key.models.as_slice(), key.tags.as_slice()))
        .collect()
}

#[test]
fn lists_get_what_they_lack_and_lose_what_they_have() {
    let ids = json!(["ck_two", "ck_all", "ck_one"]);
    let body =
        json!({"ids": ids, "add_tags": ["b", "c"], "remove_tags": ["a"], "add_models": ["m3"]});
    let (document, ids) = changed(&body).unwrap();
    assert_eq!(ids, ["ck_two", "ck_all", "ck_one"]);
    let owned =
        |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
    let tags = owned(&["b", "c"]);
    // A key that may use all models still may.
    let expected = [owned(&[]), owned(&["m1", "m3"]), owned(&["m1", "m2", "m3"])];
    for ((models, tags_now), expected) in lists(&document).into_iter().zip(expected) {
        assert_eq!((models, tags_now), (expected.as_slice(), tags.as_slice()));
    }
}

#[test]
fn a_list_of_models_is_not_emptied_by_removing_from_it() {
    let body = json!({"ids": ["ck_two", "ck_one", "ck_all"], "remove_models": ["m1"]});
    let error = changed(&body).unwrap_err();
    assert_eq!(error, ("ids[1].models".to_owned(), "empty_list".to_owned()));
    // Said explicitly it is.
    let body = json!({"ids": ["ck_one"], "change": {"models": []}});
    assert_eq!(changed(&body).unwrap().0.keys[1].models, [""; 0]);
}

#[test]
fn what_is_as_it_should_be_is_not_changed() {
    let body = json!({"ids": ["ck_two", "ck_all"], "change": {"enabled": true}, "add_tags": ["b"]});
    assert_eq!(changed(&body).unwrap().1, ["ck_all"]);
}

#[test]
fn mistakes_name_the_place_in_the_request() {
    let many: Vec<String> = (0..=2000).map(|it| it.to_string()).collect();
    let tags: Vec<String> = (0..MAX_TAGS).map(|it| it.to_string()).collect();
    let one = json!(["ck_one"]);
    refused(&[
        (json!({}), "ids", "required"),
        (json!({"ids": []}), "ids", "empty_list"),
        (
            json!({"ids": "ck_one", "delete": true}),
            "ids",
            "wrong_type",
        ),
        (json!({"ids": many, "delete": true}), "ids", "too_many"),
        (
            json!({"ids": ["ck_one", 5], "delete": true}),
            "ids[1]",
            "invalid_text",
        ),
        (
            json!({"ids": ["ck_one", "ck_one"], "delete": true}),
            "ids[1]",
            "duplicate",
        ),
        (
            json!({"ids": ["ck_one", "ck_no"], "delete": true}),
            "ids[1]",
            "unknown_id",
        ),
        (json!({"ids": one}), "change", "required"),
        (json!({"ids": one, "delete": false}), "change", "required"),
        (json!({"ids": one, "delete": 1}), "delete", "wrong_type"),
        (json!({"ids": one, "add_tags": []}), "change", "required"),
        (
            json!({"ids": one, "delete": true, "change": {}}),
            "change",
            "not_together",
        ),
        (
            json!({"ids": one, "delete": true, "add_tags": ["x"]}),
            "add_tags",
            "not_together",
        ),
        (
            json!({"ids": one, "change": {"enabled": 1}}),
            "change.enabled",
            "wrong_type",
        ),
        (
            json!({"ids": one, "change": {"name": "x"}}),
            "change.name",
            "unknown_field",
        ),
        (
            json!({"ids": one, "change": {"id": "x"}}),
            "change.id",
            "unknown_field",
        ),
        (
            json!({"ids": one, "change": {"odd": "x"}}),
            "change.odd",
            "unknown_field",
        ),
        (json!({"ids": one, "change": []}), "change", "wrong_type"),
        (
            json!({"ids": one, "add_tags": ["a,b"]}),
            "add_tags[0]",
            "comma_in_tag",
        ),
        (
            json!({"ids": ["ck_one", "ck_all"], "add_tags": tags}),
            "ids[1].tags",
            "too_many",
        ),
    ]);
}

#[test]
fn mistakes_name_the_place_among_separate_changes() {
    let one = json!(["ck_one"]);
    refused(&[
        (json!({"changes": [], "ids": one}), "changes", "empty_list"),
        (
            json!({"changes": [{"id": "ck_one", "change": {}}], "ids": one}),
            "ids",
            "not_together",
        ),
        (
            json!({"changes": [{"id": "ck_one"}]}),
            "changes[0].change",
            "required",
        ),
        (
            json!({"changes": [{"change": {}}]}),
            "changes[0].id",
            "required",
        ),
        (json!({"changes": [5]}), "changes[0]", "wrong_type"),
        (
            json!({"changes": [{"id": "ck_no", "change": {}}]}),
            "changes[0].id",
            "unknown_id",
        ),
        (
            json!({"changes": [{"id": "ck_one", "change": {}}, {"id": "ck_one", "change": {}}]}),
            "changes[1].id",
            "duplicate",
        ),
        (
            json!({"changes": [{"id": "ck_one", "change": {"tags": ["a,b"]}}]}),
            "changes[0].change.tags[0]",
            "comma_in_tag",
        ),
    ]);
}

/// Each body is refused, with this path and code.
fn refused(cases: &[(Value, &str, &str)]) {
    for (body, path, code) in cases {
        let error = changed(body).unwrap_err();
        assert_eq!(error, ((*path).to_owned(), (*code).to_owned()), "{body}");
    }
}
