//! The forms that items, files and choices may have.

use super::*;

fn refused(body: &serde_json::Value) -> String {
    with(body, |read| read.unwrap_err().param.into_owned())
}

#[test]
fn files_are_read_with_the_type_of_their_name() {
    let user = |file: serde_json::Value| json!([{"role": "user", "content": [file]}]);
    for (name, media_type) in [
        ("a.pdf", "application/pdf"),
        ("a.txt", "text/plain"),
        ("a.LOG", "text/plain"),
        ("a.md", "text/markdown"),
        ("a.csv", "text/csv"),
        ("a.html", "text/html"),
        ("a.htm", "text/html"),
        ("a.json", "application/json"),
        ("a", "application/pdf"),
    ] {
        let file = json!({"type": "input_file", "filename": name, "file_data": "QQ=="});
        let expected = format!("user file Some({name:?}) data:{media_type};base64,QQ==");
        assert_eq!(input(&user(file)), [expected]);
    }
    let data = "data:text/x;base64,QQ==";
    let stated = json!({"type": "input_file", "filename": "a.txt", "file_data": data});
    let expected = format!("user file Some(\"a.txt\") {data}");
    assert_eq!(input(&user(stated)), [expected]);
    for (file, member) in [
        (json!({"file_id": "f"}), "file_id"),
        (json!({}), "file_data"),
        (json!({"file_data": "data:x"}), "file_data"),
        (json!({"file_url": "ftp://x"}), "file_url"),
    ] {
        let mut file = file;
        file["type"] = json!("input_file");
        let body = json!({"input": user(file)});
        let param = format!("input[0].content[0].{member}");
        assert_eq!(refused(&body), param, "{body}");
    }
}

#[test]
fn unusual_items_are_read() {
    let shell = |output: serde_json::Value| json!([{"type": "shell_call_output", "call_id": "c", "output": [output]}]);
    let exit = |code: i64| json!({"type": "exit", "exit_code": code});
    let rows = [
        (
            json!([{"type": "agent_message", "content": [
                {"type": "input_text", "text": "a"}, {"type": "encrypted_content", "encrypted_content": "g"}]}]),
            "user a",
        ),
        (
            json!([{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}]),
            "user no",
        ),
        (
            json!([{"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}}]),
            "call c f {\"a\":1}",
        ),
        (
            json!([{"type": "function_call", "id": "fc_1", "name": "f", "arguments": "{}"}]),
            "call fc_1 f {}",
        ),
        (
            shell(json!({"stdout": "o", "outcome": exit(0)})),
            "result c o",
        ),
        (shell(json!({"stdout": "o"})), "result c o"),
        (shell(json!({"outcome": exit(1)})), "result c Exit code: 1"),
    ];
    for (items, expected) in rows {
        assert_eq!(input(&items), [expected], "{items}");
    }
    let image = json!({"type": "input_image", "image_url": "https://x"});
    let body = json!({"input": [{"role": "assistant", "content": [image]}]});
    assert_eq!(refused(&body), "input[0].content[0]");
    let body = json!({"input": [{"type": "additional_tools", "tools": []}, {"type": "new"}]});
    with(&body, |read| {
        assert_eq!(read.unwrap().dropped, ["input[1]"]);
    });
}

#[test]
fn calls_of_the_history_have_names_that_every_upstream_accepts() {
    let called = json!({"type": "function_call", "call_id": "c", "name": "a.b", "arguments": "{}"});
    with(&json!({"input": [called]}), |read| {
        let conversation = read.unwrap();
        let Some(Item::Call(call)) = conversation.items.first() else {
            panic!("{conversation:?}")
        };
        assert!(crate::dialect::ids::is_plain(&call.name), "{}", call.name);
        assert_eq!(conversation.registry.client_name(&call.name), "a.b");
    });
}

#[test]
fn choices_of_built_in_tools_and_of_names_in_namespaces_are_read() {
    let function = |name: &'static str| ToolChoice::Function(name.into());
    let search = || json!({"type": "web_search"});
    let named = |namespace: &str| json!({"type": "function", "name": "g", "namespace": namespace});
    let shell = || json!({"type": "local_shell"});
    let patch = || json!({"type": "apply_patch"});
    let rows = [
        (search(), named("n"), function("n__g")),
        (search(), named("other"), function("g")),
        (shell(), shell(), function("local_shell")),
        (patch(), patch(), function("apply_patch")),
        // Not declared.
        (search(), shell(), function("local_shell")),
        (search(), patch(), function("apply_patch")),
        (
            search(),
            json!({"type": "shell"}),
            ToolChoice::Hosted("shell".into()),
        ),
    ];
    for (declared, choice, expected) in rows {
        let space =
            json!({"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]});
        let body = json!({"input": "x", "tools": [space, declared], "tool_choice": choice});
        with(&body, |read| {
            assert_eq!(read.unwrap().tool_choice, Some(expected), "{body}");
        });
    }
}

#[test]
fn formats_and_names_of_users_are_read() {
    let format = |kind: &str| json!({"input": "x", "text": {"format": {"type": kind}}});
    with(&format("text"), |read| {
        assert!(read.unwrap().format.is_none());
    });
    with(&format("json_object"), |read| {
        let format = read.unwrap().format;
        assert!(matches!(format, Some(OutputFormat::JsonObject)));
    });
    assert_eq!(refused(&format("grammar")), "text.format.type");
    for (body, expected) in [
        (json!({"input": "x", "safety_identifier": "s"}), Some("s")),
        (
            json!({"input": "x", "safety_identifier": "s", "user": "u"}),
            Some("u"),
        ),
        (json!({"input": "x"}), None),
    ] {
        with(&body, |read| {
            assert_eq!(read.unwrap().user.as_deref(), expected, "{body}");
        });
    }
}
