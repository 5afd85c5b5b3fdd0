//! Contents: roles, parts, files, calls with their results, and reasoning state.

use super::*;

/// A request with these contents.
fn contents(list: &str) -> String {
    format!(r#"{{"contents":[{list}]}}"#)
}

fn user(parts: &str) -> String {
    contents(&format!(r#"{{"role":"user","parts":[{parts}]}}"#))
}

#[test]
fn roles_and_texts() {
    let body = contents(
        r#"{"parts":[{"text":"a"},{"text":""},{"text":"b"}]},{"role":"model","parts":[{"text":"He"},{"text":"llo"},{"text":""},{"text":"!"}]},{"role":"model","parts":[{"text":"More"}]},{"role":"user","parts":[]},{"role":"user","parts":[{"text":"c\n"}]}"#,
    );
    let expected = ["user a|b", "model Hello!", "model More", "user c\n"];
    assert_eq!(items(&body), expected);
    let rows = [
        (r#"{"contents":[]}"#, "contents"),
        ("{}", "contents"),
        (r#"{"contents":"hi"}"#, "contents"),
        (r#"{"contents":["hi"]}"#, "contents[0]"),
        (
            r#"{"contents":[{"role":"system","parts":[]}]}"#,
            "contents[0].role",
        ),
        (
            r#"{"contents":[{"parts":[{"text":7}]}]}"#,
            "contents[0].parts[0].text",
        ),
        (r#"{"contents":[{"parts":["x"]}]}"#, "contents[0].parts[0]"),
        (
            r#"{"contents":[{"parts":[{"hologram":{}}]}]}"#,
            "contents[0].parts[0]",
        ),
    ];
    for (body, param) in rows {
        assert_eq!(refused(body).0, param, "{body}");
    }
}

#[test]
fn instructions_are_texts() {
    let rows: [(&str, &[&str]); 4] = [
        (
            r#""systemInstruction":{"parts":[{"text":"a"},{"text":""},{"text":"b"}]}"#,
            &["a", "b"],
        ),
        (
            r#""system_instruction":{"role":"system","parts":{"text":"a"}}"#,
            &["a"],
        ),
        (r#""systemInstruction":"a""#, &["a"]),
        (r#""systemInstruction":{}"#, &[]),
    ];
    for (members, expected) in rows {
        let body = with(members);
        let read = conversation(&body);
        let found: Vec<_> = read.instructions.iter().map(|it| &*it.text).collect();
        assert_eq!(found, expected, "{members}");
    }
}

#[test]
fn files_of_the_user() {
    let rows = [
        (
            r#"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#,
            "user image image/png:AA==",
        ),
        (
            r#"{"inline_data":{"mime_type":"application/pdf","data":"AA==","display_name":"x.pdf"}}"#,
            "user document application/pdf:AA== x.pdf",
        ),
        (
            r#"{"inlineData":{"mimeType":"text/csv","data":"AA=="}}"#,
            "user document text/csv:AA== -",
        ),
        (
            r#"{"inlineData":{"mimeType":"audio/mpeg","data":"AA=="}}"#,
            "user audio mp3:AA==",
        ),
        (
            r#"{"inlineData":{"mimeType":"audio/x-wav;rate=16000","data":"AA=="}}"#,
            "user audio wav:AA==",
        ),
        (
            r#"{"fileData":{"mimeType":"image/png","fileUri":"https://x/y"}}"#,
            "user image https://x/y",
        ),
        (
            r#"{"file_data":{"file_uri":"https://x/y.JPG?z=.pdf"}}"#,
            "user image https://x/y.JPG?z=.pdf",
        ),
        (
            r#"{"fileData":{"fileUri":"https://x/y.pdf","mimeType":"application/pdf"}}"#,
            "user document https://x/y.pdf -",
        ),
    ];
    for (part, expected) in rows {
        assert_eq!(items(&user(part)), [expected], "{part}");
    }
    let rows = [
        (
            r#"{"inlineData":{"mimeType":"video/mp4","data":"AA=="}}"#,
            "inlineData",
        ),
        (
            r#"{"inlineData":{"mimeType":"image/png"}}"#,
            "inlineData.data",
        ),
        (r#"{"inlineData":{"data":"AA=="}}"#, "inlineData.mimeType"),
        (r#"{"inlineData":"AA=="}"#, "inlineData"),
        (
            r#"{"fileData":{"mimeType":"image/png","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/x"}}"#,
            "fileData.fileUri",
        ),
        (
            r#"{"fileData":{"mimeType":"image/png","fileUri":"gs://bucket/x.png"}}"#,
            "fileData.fileUri",
        ),
        (r#"{"fileData":{"fileUri":"files/x"}}"#, "fileData.fileUri"),
        (
            r#"{"fileData":{"fileUri":"https://youtu.be/x"}}"#,
            "fileData.mimeType",
        ),
        (
            r#"{"fileData":{"mimeType":"video/mp4","fileUri":"https://x/y"}}"#,
            "fileData.mimeType",
        ),
    ];
    for (part, member) in rows {
        let param = format!("contents[0].parts[0].{member}");
        assert_eq!(refused(&user(part)).0, param, "{part}");
    }
    for made in [
        r#"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#,
        r#"{"fileData":{"mimeType":"image/png","fileUri":"https://x/y.png"}}"#,
    ] {
        let body = contents(&format!(r#"{{"role":"model","parts":[{made}]}}"#));
        let (param, message) = refused(&body);
        assert_eq!(param, "contents[0].parts[0]");
        assert!(message.contains("a file that a model made"), "{message}");
    }
}

#[test]
fn types_of_files_have_the_names_of_other_dialects() {
    for (media_type, format) in [
        ("audio/mpeg", "mp3"),
        ("audio/mpga", "mp3"),
        ("audio/wave", "wav"),
        ("audio/x-flac", "flac"),
        ("audio/mp4", "m4a"),
        ("audio/x-m4a", "m4a"),
        ("audio/ogg", "ogg"),
    ] {
        let part = format!(r#"{{"inlineData":{{"mimeType":"{media_type}","data":"AA=="}}}}"#);
        let expected = format!("user audio {format}:AA==");
        assert_eq!(items(&user(&part)), [expected], "{media_type}");
    }
    for (name, kind) in [
        ("a.png", "image"),
        ("a.WEBP", "image"),
        ("a.pdf", "document"),
        ("a.txt", "document"),
        ("a.md", "document"),
        ("a.html?x=.png", "document"),
    ] {
        let part = format!(r#"{{"fileData":{{"fileUri":"https://x/{name}"}}}}"#);
        let found = items(&user(&part));
        assert!(found[0].starts_with(&format!("user {kind} ")), "{found:?}");
    }
}

#[test]
fn traces_of_googles_tools_are_text_or_left_out() {
    let body = contents(
        r#"{"role":"model","parts":[{"executableCode":{"language":"PYTHON","code":"print(1)"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}},{"toolCall":{"id":"x"}},{"toolResponse":{"id":"x"}},{"text":"One."}]}"#,
    );
    assert_eq!(
        items(&body),
        ["model ```python\nprint(1)\n```\n```\n1\n```\nOne."]
    );
}

#[test]
fn calls_and_results_are_paired_by_id_or_by_name_and_order() {
    let call = |id: &str, name: &str| {
        format!(r#"{{"functionCall":{{{id}"name":"{name}","args":{{"n":1.0}}}}}}"#)
    };
    let result = |id: &str, name: &str, text: &str| {
        format!(
            r#"{{"functionResponse":{{{id}"name":"{name}","response":{{"output":"{text}"}}}}}}"#
        )
    };
    let given = contents(&format!(
        r#"{{"role":"model","parts":[{},{}]}},{{"role":"user","parts":[{},{},{{"text":"go on"}}]}}"#,
        call(r#""id":"a","#, "f"),
        call(r#""id":"b","#, "f"),
        result(r#""id":"b","#, "f", "2"),
        result(r#""id":"a","#, "f", "1"),
    ));
    let expected = [
        r#"call a f {"n":1.0}"#,
        r#"call b f {"n":1.0}"#,
        "result b 2",
        "result a 1",
        "user go on",
    ];
    assert_eq!(items(&given), expected);
    // Older clients.
    let named = contents(&format!(
        r#"{{"role":"model","parts":[{},{},{}]}},{{"role":"function","parts":[{},{},{}]}}"#,
        call("", "f"),
        call("", "g"),
        call("", "f"),
        result("", "f", "1"),
        result("", "f", "3"),
        result("", "g", "2"),
    ));
    let found = items(&named);
    let id = |line: &String| line.split(' ').nth(1).unwrap().to_owned();
    let ids: Vec<String> = found.iter().map(id).collect();
    assert_eq!(ids[..3], [&*ids[3], &ids[5], &ids[4]]);
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    assert_eq!(items(&named), found);
}

#[test]
fn results_without_ids_belong_to_the_models_last_turn() {
    let call = r#"{"role":"model","parts":[{"functionCall":{"name":"f"}}]}"#;
    let result = |text: &str| {
        format!(r#"{{"functionResponse":{{"name":"f","response":{{"output":"{text}"}}}}}}"#)
    };
    let results = |list: &[String]| {
        let list = list.join(",");
        format!(r#"{{"role":"function","parts":[{list}]}}"#)
    };
    let id = |line: &String| line.split(' ').nth(1).unwrap().to_owned();
    // Clients that send one content for each chunk of a stream: all of them are one turn.
    let one_turn = contents(&[call, call, &results(&[result("1"), result("2")])].join(","));
    let ids: Vec<String> = items(&one_turn).iter().map(id).collect();
    assert_eq!(ids[..2], ids[2..]);
    assert_ne!(ids[0], ids[1]);
    // A call that never had a result, and a later one that has.
    let user = r#"{"role":"user","parts":[{"text":"again"}]}"#;
    let two_turns = contents(&[call, user, call, &results(&[result("2")])].join(","));
    let found = items(&two_turns);
    assert_eq!(id(&found[2]), id(&found[3]));
    assert_ne!(id(&found[0]), id(&found[3]));
}

#[test]
fn calls_need_a_name_and_an_object() {
    let model = |part: &str| contents(&format!(r#"{{"role":"model","parts":[{part}]}}"#));
    let bare = items(&model(r#"{"function_call":{"id":"a","name":"f"}}"#));
    assert_eq!(bare, ["call a f "]);
    let rows = [
        (
            model(r#"{"functionCall":{"args":{}}}"#),
            "functionCall.name",
        ),
        (
            model(r#"{"functionCall":{"name":"f","args":"{}"}}"#),
            "functionCall.args",
        ),
        (user(r#"{"functionCall":{"name":"f"}}"#), "functionCall"),
        (
            user(r#"{"functionResponse":{"name":"f","response":"x"}}"#),
            "functionResponse.response",
        ),
    ];
    for (body, member) in rows {
        let param = format!("contents[0].parts[0].{member}");
        assert_eq!(refused(&body).0, param, "{body}");
    }
}

#[test]
fn results_are_text_by_googles_convention() {
    let rows = [
        (r#"{"output":"a\nb"}"#, "result c a\nb"),
        (r#"{"result":"a"}"#, "result c a"),
        (r#"{"result":{"a":1.0}}"#, r#"result c {"a":1.0}"#),
        (r#"{"error":"no"}"#, "result! c no"),
        (r#"{"error":{"code":1}}"#, r#"result! c {"code":1}"#),
        (
            r#"{"output":"a","error":""}"#,
            r#"result c {"output":"a","error":""}"#,
        ),
        (
            r#"{"output":"a","error":"no"}"#,
            r#"result! c {"output":"a","error":"no"}"#,
        ),
        (r#"{"temperature":20}"#, r#"result c {"temperature":20}"#),
        (r#"{"output":""}"#, "result c "),
        ("{}", "result c {}"),
        ("null", "result c "),
    ];
    for (response, expected) in rows {
        let body = contents(&format!(
            r#"{{"role":"model","parts":[{{"functionCall":{{"id":"c","name":"f"}}}}]}},{{"role":"user","parts":[{{"functionResponse":{{"id":"c","name":"f","response":{response}}}}}]}}"#
        ));
        assert_eq!(items(&body)[1], expected, "{response}");
    }
    let images = contents(
        r#"{"role":"model","parts":[{"functionCall":{"id":"c","name":"f"}}]},{"role":"user","parts":[{"functionResponse":{"id":"c","name":"f","response":{"output":"seen"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}]}"#,
    );
    assert_eq!(items(&images)[1], "result c seen|image image/png:AA==");
}

#[test]
fn reasoning_state_is_found_wherever_a_client_kept_it() {
    let ours = signature::of_state(&state(), &key());
    let model = |parts: &str| {
        let parts = parts.replace("OURS", &ours);
        contents(&format!(r#"{{"role":"model","parts":[{parts}]}}"#))
    };
    let call = r#""functionCall":{"id":"c","name":"f","args":{}}"#;
    let rows: [(String, &[&str]); 8] = [
        (
            r#"{"text":"Hm","thought":true},{"text":"m.","thought":true},{"text":"Hi","thoughtSignature":"OURS"}"#.to_owned(),
            &["thought Hmm.+state", "model Hi"],
        ),
        (
            format!(r#"{{"text":"Hm","thought":true}},{{{call},"thought_signature":"OURS"}}"#),
            &["thought Hm+state", "call c f {}"],
        ),
        // A client that leaves thoughts out.
        (
            format!(r#"{{{call},"thoughtSignature":"OURS"}}"#),
            &["thought +state", "call c f {}"],
        ),
        (
            r#"{"text":"A","thought":true},{"text":"","thought":true,"thoughtSignature":"OURS"},{"text":"B","thought":true},{"text":"Hi","thoughtSignature":"OURS"}"#.to_owned(),
            &["thought A+state", "thought B+state", "model Hi"],
        ),
        (
            r#"{"text":"Hi"},{"text":"","thoughtSignature":"OURS"}"#.to_owned(),
            &["model Hi", "thought +state"],
        ),
        // Google's own signatures, and the word that switches their check off, mean nothing elsewhere.
        (
            format!(r#"{{"text":"Hm","thought":true,"thoughtSignature":"CpYBAdHtim8="}},{{{call},"thoughtSignature":"skip_thought_signature_validator"}}"#),
            &["thought Hm", "call c f {}"],
        ),
        (r#"{"thoughtSignature":"CpYBAdHtim8="}"#.to_owned(), &[]),
        (r#"{"thought":true,"text":""}"#.to_owned(), &[]),
    ];
    for (parts, expected) in rows {
        assert_eq!(items(&model(&parts)), expected, "{parts}");
    }
    let body = model(&format!(r#"{{{call},"thoughtSignature":"OURS"}}"#));
    let read = conversation(&body);
    let Some(Item::Reasoning(reasoning)) = read.items.first() else {
        panic!("no reasoning");
    };
    assert_eq!(reasoning.state, Some(state()));
    let other = super::read(body.as_bytes(), false, &EnvelopeKey::derive(b"other")).unwrap();
    assert_eq!(other.items.len(), 1);
}
