//! Requests that name no model: who answers them, and what is sent.

use gateway_core::config::model::{ChannelConfig, Document};
use gateway_testkit::fakes::FakeReply;

use super::setup::*;

const MODERATION: &str = r#"{"input":"x"}"#;

/// A channel that serves every model, one that serves `omni`, and a default for moderations if there is one.
fn document(default: Option<&str>, key_models: &[&str]) -> Document {
    let named = ChannelConfig {
        models: vec!["omni".to_owned()],
        ..channel("named", 1)
    };
    let mut key = client_key();
    key.models = key_models.iter().map(|model| (*model).to_owned()).collect();
    let mut document = Document {
        channels: vec![channel("all", 1), named],
        keys: vec![key],
        ..Document::default()
    };
    document.channels[0].priority = 1;
    document.settings.default_models = default
        .map(|model| ("moderations".to_owned(), model.to_owned()))
        .into_iter()
        .collect();
    document
}

fn answered(document: &Document, path: &str, body: &str) -> (Stage, Answer) {
    let stage = Stage::with(document);
    stage.upstream(|_| FakeReply::json(200, r#"{"results":[]}"#));
    let answer = stage.send(post(path, body));
    (stage, answer)
}

#[test]
fn the_default_model_of_the_operation_is_added() {
    for (body, sent) in [
        (MODERATION, r#"{"input":"x","model":"omni"}"#),
        (
            r#"{"model":null,"input":"x"}"#,
            r#"{"model":"omni","input":"x"}"#,
        ),
        (
            r#"{"model":"","input":"x"}"#,
            r#"{"model":"omni","input":"x"}"#,
        ),
        (
            r#"{"model":"other","input":"x"}"#,
            r#"{"model":"other","input":"x"}"#,
        ),
    ] {
        let (stage, answer) = answered(&document(Some("omni"), &[]), "/v1/moderations", body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let calls = stage.ports.upstream().requests();
        assert_eq!((calls.len(), &calls[0].body[..]), (1, sent.as_bytes()));
        let by = if sent.contains("omni") {
            "named"
        } else {
            "all"
        };
        assert_eq!(host(&calls[0]), by);
    }
}

#[test]
fn a_default_model_goes_by_the_upstreams_name_for_it() {
    let mut document = document(Some("alias"), &[]);
    let map = [("alias".to_owned(), "omni-2".to_owned())];
    document.channels[1].model_map.extend(map);
    let (stage, _) = answered(&document, "/v1/moderations", MODERATION);
    assert_eq!(
        stage.ports.upstream().requests()[0].body,
        r#"{"input":"x","model":"omni-2"}"#
    );
}

#[test]
fn without_a_default_a_channel_that_serves_every_model_gets_the_body_as_it_is() {
    for (path, body) in [
        ("/v1/moderations", MODERATION),
        (
            "/v1/images/generations",
            r#"{"prompt":"a cat", "model":null}"#,
        ),
        ("/v1/responses", r#"{"prompt":{"id":"pmpt_1"}, "n":1.0}"#),
    ] {
        let (stage, answer) = answered(&document(None, &[]), path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let calls = stage.ports.upstream().requests();
        assert_eq!(
            (host(&calls[0]), &calls[0].body[..]),
            ("all", body.as_bytes())
        );
    }
}

#[test]
fn where_the_model_is_needed_the_error_says_what_to_set() {
    let mut no_one = document(None, &[]);
    no_one.channels.remove(0);
    for (document, path, body) in [
        (&no_one, "moderations", MODERATION),
        (&document(None, &["omni"]), "moderations", MODERATION),
        (
            &document(None, &[]),
            "chat/completions",
            r#"{"messages":[]}"#,
        ),
        (&document(None, &[]), "responses", r#"{"input":"x"}"#),
        (&document(None, &[]), "embeddings", MODERATION),
    ] {
        let (stage, answer) = answered(document, &format!("/v1/{path}"), body);
        assert_eq!(answer.error(), (400, "model_required".to_owned()), "{path}");
        assert!(
            answer.text().contains("settings.default_models"),
            "{}",
            answer.text()
        );
        assert!(stage.calls().is_empty());
    }
    let mut azure = azure(Some("2024-10-21"));
    azure.azure = Some(gateway_core::upstream::provider::Azure {
        api_version: Some("2024-10-21".to_owned()),
        ..Default::default()
    });
    no_one.channels.push(azure);
    let (_, answer) = answered(&no_one, "/v1/moderations", MODERATION);
    assert!(
        [400, 503].contains(&answer.status),
        "its paths name a deployment"
    );
}

#[test]
fn a_key_with_a_list_of_models_may_use_a_default_of_its_list_only() {
    let status = |default, models: &[&str]| {
        let (stage, answer) = answered(&document(default, models), "/v1/moderations", MODERATION);
        (answer.status, stage.calls().len())
    };
    assert_eq!(status(Some("omni"), &["omni"]), (200, 1));
    assert_eq!(status(Some("omni"), &["other"]), (404, 0));
    assert_eq!(status(None, &["other"]), (400, 0));
}

#[test]
fn a_form_without_a_model_gets_the_default_as_a_field() {
    let mut document = document(None, &[]);
    let default = ("images/edits".to_owned(), "omni".to_owned());
    document.settings.default_models.extend([default]);
    let stage = Stage::with(&document);
    stage.upstream(|_| FakeReply::json(200, r#"{"data":[]}"#));
    let image = "--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n\0\r\n--B--\r\n";
    let send = |path: &str| {
        let mut request = post(path, image);
        let content_type = "multipart/form-data; boundary=B".parse().unwrap();
        request.headers_mut().insert("content-type", content_type);
        stage.send(request).status
    };
    assert_eq!(
        (send("/v1/images/edits"), send("/v1/images/variations")),
        (200, 200)
    );
    let calls = stage.ports.upstream().requests();
    let model = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nomni\r\n";
    assert_eq!(calls[0].body, format!("{model}{image}"));
    assert_eq!(
        (host(&calls[1]), &calls[1].body[..]),
        ("all", image.as_bytes())
    );
}
