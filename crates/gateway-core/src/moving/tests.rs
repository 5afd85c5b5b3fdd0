//! What real-shaped files become. Databases that `SQLite` itself wrote are read in the testkit.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::plan::{ChannelPlan, NoteCode};
use super::*;

const LITELLM: &[u8] = include_bytes!("fixtures/litellm.yaml");
const NEW_API: &[u8] = include_bytes!("fixtures/new_api.json");

fn read_file(file: &[u8]) -> MovePlan {
    read(file, None, &BTreeMap::new()).unwrap()
}

fn notes(channel: &ChannelPlan) -> Vec<(NoteCode, &str)> {
    let notes = channel.notes.iter();
    notes
        .map(|note| (note.code, note.subject.as_str()))
        .collect()
}

fn keys(channel: &ChannelPlan) -> Vec<(&str, bool)> {
    let keys = channel.keys.iter();
    keys.map(|key| (key.secret.expose().as_str(), key.enabled))
        .collect()
}

#[test]
fn an_answer_of_new_api_becomes_channels() {
    let plan = read_file(NEW_API);
    assert_eq!(plan.source, MoveSource::NewApi);
    let [openai, deepseek, azure, suno, fork, gemini] = &plan.channels[..] else {
        panic!("six channels, not {}", plan.channels.len());
    };
    assert_eq!(
        json!(openai.members),
        json!({"provider": "openai", "base_url": "https://api.openai.com/v1", "enabled": true, "priority": 0, "weight": 15,
            "models": ["gpt-4o", "gpt-4o-mini"], "model_map": {"gpt-4o": "gpt-4o-2024-11-20"},
            "tags": ["prod", "default", "vip"], "headers": {"openai-organization": "org-7", "x-team": "a"}})
    );
    // The API leaves the keys out.
    assert!(openai.keys.is_empty());
    assert_eq!(
        notes(openai),
        [
            (NoteCode::KeyMissing, ""),
            (NoteCode::Groups, "default, vip"),
            (NoteCode::SettingIgnored, "header_override.x-key"),
            (NoteCode::SettingIgnored, "status_code_mapping"),
        ]
    );
    assert_eq!(
        keys(deepseek),
        [("sk-deep-one-000000", true), ("sk-deep-two-000000", false)]
    );
    assert_eq!(
        (&deepseek.members["priority"], &deepseek.members["weight"]),
        (&json!(1), &json!(10))
    );
    assert!(deepseek.notes.is_empty(), "{:?}", deepseek.notes);
    assert_eq!(
        azure.members["azure"],
        json!({"api_version": "2024-06-01", "deployments": {"gpt-3.5-turbo": "gpt-35-turbo", "gpt-4.1": "my-41"}})
    );
    assert_eq!(azure.members["enabled"], false);
    assert_eq!(notes(azure), [(NoteCode::AutoDisabled, "")]);
    assert_eq!(notes(suno), [(NoteCode::UnsupportedType, "Suno")]);
    assert_eq!(notes(fork), [(NoteCode::UnknownType, "999")]);
    assert_eq!(gemini.members["priority"], 2);
    assert_eq!(
        gemini.members["base_url"],
        "https://generativelanguage.googleapis.com/v1beta/openai"
    );
    assert_eq!(
        notes(gemini),
        [
            (NoteCode::Compatible, ""),
            (NoteCode::NoModels, ""),
            (NoteCode::Disabled, ""),
        ]
    );
    assert_eq!(gemini.members["enabled"], false);
}

#[test]
fn rows_of_several_statements_become_channels_and_client_keys() {
    let key = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL";
    let rows = format!(
        r#"[{{"id":7,"type":8,"key":"k1","status":1,"name":"","weight":0,"base_url":"http://10.0.0.1:8080","models":"","group":"default","priority":0}}]
        [{{"id":1,"user_id":2,"key":"{key}","status":1,"name":"app","expired_time":1893456000,"remain_quota":1250000,"unlimited_quota":0,"models":"a,b","subnet":"10.0.0.0/8"}},
         {{"id":2,"user_id":1,"key":"abcd**********wxyz","status":2,"name":"","expired_time":-1,"remain_quota":0,"unlimited_quota":1,"models":null,"subnet":""}},
         {{"id":3,"user_id":1,"key":"{key}x","status":4,"name":"gone","expired_time":-1,"remain_quota":-3,"unlimited_quota":0}},
         {{"id":4,"user_id":1,"key":"{key}y","status":1,"name":"deleted","unlimited_quota":1,"deleted_at":"2026-01-01"}}]
        [{{"group":"default","model":"m2","channel_id":7,"enabled":1}},{{"group":"default","model":"m1","channel_id":7,"enabled":1}}]
        [{{"id":1,"username":"root"}},{{"id":2,"username":"ann"}}]"#
    );
    let plan = read_file(rows.as_bytes());
    assert_eq!(plan.source, MoveSource::OneApi);
    let channel = &plan.channels[0];
    assert_eq!(channel.name, "Channel 7");
    assert_eq!(
        json!(channel.members),
        json!({"provider": "openai", "base_url": "http://10.0.0.1:8080/v1", "enabled": true, "priority": 0, "models": ["m1", "m2"]})
    );
    let [app, masked, gone] = &plan.keys[..] else {
        panic!("three keys, not {}", plan.keys.len());
    };
    assert_eq!(
        app.secret.as_ref().unwrap().expose(),
        &format!("sk-{key}"),
        "as clients send it"
    );
    assert_eq!(app.models, ["a", "b"]);
    assert_eq!(app.tags, ["ann"]);
    assert_eq!(app.expires_at.unwrap().0, 1_893_456_000_000);
    let texts: Vec<String> = app.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "The remaining quota of $2.50 is not taken over: limits here are per minute, day or month.",
            "It could only be used from 10.0.0.0/8; keys are not bound to addresses here.",
        ]
    );
    assert!(masked.secret.is_none() && !masked.enabled);
    assert_eq!(masked.notes[0].code, NoteCode::ClientKeyHidden);
    assert_eq!(masked.expires_at, None);
    assert!(!gone.enabled);
    assert_eq!(gone.notes[0].code, NoteCode::Exhausted);
    let codes: Vec<NoteCode> = plan.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, [NoteCode::Accounts, NoteCode::Deleted]);
}

#[test]
fn a_configuration_of_litellm_becomes_channels_and_aliases() {
    let given = BTreeMap::from([("AZURE_API_KEY_EU".to_owned(), "eu-0123456789".to_owned())]);
    let plan = read(LITELLM, None, &given).unwrap();
    assert_eq!(plan.source, MoveSource::Litellm);
    let names: Vec<&str> = plan.channels.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "azure (eu.openai.azure.com)",
            "azure (gpt-4o)",
            "anthropic (api.anthropic.com)",
            "groq (api.groq.com)",
            "openai (api.openai.com)",
            "ollama (ollama)",
            "bedrock (titan)",
            "openai (vllm)",
        ]
    );
    let [eu, ca, claude, groq, wildcard, local, bedrock, vllm] = &plan.channels[..] else {
        panic!("eight channels");
    };
    assert_eq!(
        json!(eu.members),
        json!({"provider": "azure", "base_url": "https://eu.openai.azure.com", "models": ["gpt-4o"], "weight": 1000,
            "azure": {"api_version": "2024-10-21", "deployments": {"gpt-4o": "gpt-4o-eu"}}})
    );
    assert_eq!(keys(eu), [("eu-0123456789", true)]);
    assert_eq!(notes(eu), [(NoteCode::RateIgnored, "rpm 6000")]);
    assert_eq!(
        notes(ca)[..2],
        [
            (NoteCode::BaseUrlVariable, "AZURE_API_BASE_CA"),
            (NoteCode::KeyVariable, "AZURE_API_KEY_CA"),
        ]
    );
    assert_eq!(ca.members["weight"], 250);
    assert_eq!(
        json!(claude.members),
        json!({"provider": "anthropic", "base_url": "https://api.anthropic.com/v1", "first_byte_timeout_ms": 300_000,
            "default_params": {"max_tokens": 4096}, "models": ["claude-haiku", "claude-sonnet"],
            "model_map": {"claude-haiku": "claude-haiku-4-5", "claude-sonnet": "claude-sonnet-4-5"}})
    );
    assert_eq!(claude.keys.len(), 1);
    assert_eq!(
        keys(groq),
        [
            ("gsk_first_0123456789", true),
            ("gsk_second_0123456789", true)
        ]
    );
    assert_eq!(
        (&wildcard.members["models"], &wildcard.members["model_map"]),
        (&json!([]), &json!({"openai/*": "*"}))
    );
    assert_eq!(local.members["base_url"], "http://ollama:11434/v1");
    assert!(local.keys.is_empty() && local.notes.is_empty());
    assert_eq!(notes(bedrock), [(NoteCode::UnsupportedType, "bedrock")]);
    assert_eq!(notes(vllm), [(NoteCode::SettingIgnored, "dimensions")]);
    let aliases: Vec<_> = plan
        .aliases
        .iter()
        .map(|alias| (alias.name.as_str(), alias.models.join(" ")))
        .collect();
    assert_eq!(
        aliases,
        [
            ("claude-sonnet", "claude-sonnet gpt-4o fast".to_owned()),
            ("gpt-4", "gpt-4o".to_owned()),
            ("hidden", "fast".to_owned()),
        ]
    );
    assert_eq!(
        plan.variables,
        [
            ("AZURE_API_BASE_CA".to_owned(), false),
            ("AZURE_API_KEY_CA".to_owned(), false),
            ("AZURE_API_KEY_EU".to_owned(), true),
        ]
    );
    let codes: Vec<NoteCode> = plan.notes.iter().map(|note| note.code).collect();
    assert!(codes.contains(&NoteCode::MasterKey) && codes.contains(&NoteCode::VirtualKeys));
}

#[test]
fn other_files_are_named_as_what_they_are() {
    let error = |file: &[u8]| read(file, None, &BTreeMap::new()).unwrap_err();
    for file in [
        &b""[..],
        b"hello",
        b"{}",
        b"[]",
        b"[1]",
        b"a: 1",
        b"\xff\xfe",
        br#"{"data":[]}"#,
    ] {
        assert_eq!(error(file), MoveError::Unknown, "{file:?}");
    }
    assert_eq!(error(b"{\"data\":\n["), MoveError::Json(2, 1));
    assert!(matches!(error(b"model_list: [1"), MoveError::Yaml(_)));
    assert_eq!(
        error(b"SQLite format 3\0"),
        MoveError::Sqlite(SqliteError::Truncated)
    );
    // A configuration in JSON is YAML too.
    let config = br#"{"model_list": [{"model_name": "m", "litellm_params": {"model": "gpt-4o"}}]}"#;
    assert_eq!(read_file(config).channels.len(), 1);
    let named = read(NEW_API, Some(MoveSource::OneApi), &BTreeMap::new()).unwrap();
    assert_eq!(named.channels[3].notes, [], "type 36 is DeepSeek there");
    let error = read(LITELLM, Some(MoveSource::NewApi), &BTreeMap::new());
    assert_eq!(error.unwrap_err(), MoveError::Unknown);
}

#[test]
fn codes_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = NoteCode::ALL
        .iter()
        .map(|code| json!(code).to_string())
        .collect();
    assert_eq!(names.len(), NoteCode::ALL.len());
    for (name, source) in MoveSource::ALL {
        assert_eq!(MoveSource::from_name(name), Some(source));
        assert_eq!(json!(source), name);
    }
}

proptest! {
    /// Whatever a file has, it is read or refused, and twice the same.
    #[test]
    fn any_change_of_a_file_is_read_or_refused(
        at in any::<proptest::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 0..12),
        is_json in any::<bool>(),
    ) {
        let mut file = if is_json { NEW_API.to_vec() } else { LITELLM.to_vec() };
        let at = at.index(file.len());
        let end = (at + with.len()).min(file.len());
        file.splice(at..end, with);
        let first = read(&file, None, &BTreeMap::new());
        let second = read(&file, None, &BTreeMap::new());
        prop_assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }

    #[test]
    fn any_bytes_after_the_header_of_a_database_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        root in prop::sample::select(vec![0x0d_u8, 0x05]),
    ) {
        let mut file = vec![0; 512];
        file[..16].copy_from_slice(b"SQLite format 3\0");
        file[16..18].copy_from_slice(&512_u16.to_be_bytes());
        file[18..20].copy_from_slice(&[1, 1]);
        file.extend_from_slice(&bytes);
        for (byte, given) in file[108..512].iter_mut().zip(&bytes) {
            *byte = *given;
        }
        file[100] = root;
        file[103..105].copy_from_slice(&[0, 3]);
        let _ = read(&file, None, &BTreeMap::new());
    }
}
