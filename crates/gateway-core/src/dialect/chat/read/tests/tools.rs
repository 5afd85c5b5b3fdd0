//! Tests of a Chat client's tools and its choice among them.

use super::*;

/// One line per tool.
fn lines(read: &Conversation<'_>) -> Vec<String> {
    let line = |tool: &Tool<'_>| match tool {
        Tool::Function(function) => format!(
            "{} {:?} {:?} {:?}{}",
            function.name,
            function.description.as_deref().unwrap_or_default(),
            function.parameters.as_deref().unwrap_or_default(),
            function.strict,
            function.cache_control.map_or("", RawValue::get),
        ),
        Tool::Hosted(hosted) => format!("{:?} {}", hosted.kind, hosted.declared),
    };
    read.tools.iter().map(line).collect()
}

fn named(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

fn with_tools(tools: &Value, more: Value) -> Result<Conversation<'static>, Untranslatable> {
    let mut request = json!({"messages": [], "tools": tools});
    if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
        request.extend(more);
    }
    conversation(&request)
}

#[test]
fn every_form_of_a_tool_is_read() {
    let read = with_tools(
        &json!([
            {"type": "function", "cache_control": {"type": "ephemeral"}, "function":
                {"name": "f", "description": "d", "strict": true, "parameters": {"type": "object"}}},
            {"function": {"name": "g", "parameters": null}},
            {"type": "function", "name": "flat", "parameters": {}},
            {"type": "function", "function": {"name": "a b"}},
            {"type": "web_search_preview"},
            {"type": "code_interpreter"},
        ]),
        json!({"functions": [{"name": "old"}], "web_search_options": {}}),
    )
    .unwrap();
    let fitted = crate::dialect::ids::fit("a b", 64);
    let expected = [
        r#"f "d" "{\"type\":\"object\"}" Some(true){"type":"ephemeral"}"#.to_owned(),
        r#"g "" "" None"#.to_owned(),
        r#"flat "" "{}" None"#.to_owned(),
        format!(r#"{fitted} "" "" None"#),
        "WebSearch web_search_preview".to_owned(),
        "Other code_interpreter".to_owned(),
        r#"old "" "" None"#.to_owned(),
        "WebSearch web_search_options".to_owned(),
    ];
    assert_eq!(lines(&read), expected);
    assert_eq!(read.registry.client_name(&fitted), "a b");
    assert!(matches!(&read.tools[4], Tool::Hosted(hosted) if hosted.kind == HostedKind::WebSearch));
}

#[test]
fn a_custom_tool_is_a_function_with_one_text() {
    let grammar = json!({"syntax": "lark", "definition": "start: \"a\"\n"});
    let nested = json!({"type": "grammar", "grammar": grammar});
    let flat = json!({"type": "grammar", "syntax": "lark", "definition": "start: \"a\"\n"});
    for format in [nested, flat] {
        let tools = json!([{"type": "custom", "custom": {"name": "patch", "description": "d", "format": format}}]);
        let read = with_tools(
            &tools,
            json!({"tool_choice": {"type": "custom", "custom": {"name": "patch"}}}),
        )
        .unwrap();
        let Tool::Function(function) = &read.tools[0] else {
            panic!("{:?}", read.tools);
        };
        let described = "d\n\n`input` must match this grammar:\n```lark\nstart: \"a\"\n```";
        assert_eq!(function.description.as_deref(), Some(described));
        let schema: Value = serde_json::from_str(function.parameters.as_deref().unwrap()).unwrap();
        assert_eq!(schema["required"], json!(["input"]));
        assert_eq!(read.tool_choice, Some(ToolChoice::Function("patch".into())));
        assert_eq!(
            read.registry.declared("patch").unwrap().kind,
            DeclaredKind::Custom
        );
    }
}

#[test]
fn every_form_of_a_choice_is_read() {
    let function = |name: &'static str| ToolChoice::Function(name.into());
    let rows = [
        (json!({"tool_choice": "auto"}), ToolChoice::Auto),
        (json!({"tool_choice": "required"}), ToolChoice::Required),
        (
            json!({"tool_choice": "none", "function_call": "auto"}),
            ToolChoice::None,
        ),
        (json!({"tool_choice": named("f")}), function("f")),
        (
            json!({"tool_choice": {"type": "function", "name": "f"}}),
            function("f"),
        ),
        (
            json!({"tool_choice": {"type": "web_search"}}),
            ToolChoice::Hosted("web_search".into()),
        ),
        (json!({"function_call": "none"}), ToolChoice::None),
        (json!({"function_call": {"name": "f"}}), function("f")),
    ];
    for (choice, expected) in rows {
        let read = with_tools(&json!([named("f")]), choice.clone()).unwrap();
        assert_eq!(read.tool_choice, Some(expected), "{choice}");
    }
}

#[test]
fn allowed_tools_are_the_only_ones() {
    let tools = json!([named("f"), named("g"), {"type": "web_search"}, {"type": "custom", "custom": {"name": "p"}}]);
    let allowed = |mode: Value, tools: Value| json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}});
    let rows = [
        (json!("auto"), json!([named("g")]), ToolChoice::Auto, 1),
        (
            Value::Null,
            json!([named("g"), {"type": "web_search"}]),
            ToolChoice::Auto,
            2,
        ),
        (
            json!("required"),
            json!([named("f"), {"type": "custom", "custom": {"name": "p"}}, named("unknown")]),
            ToolChoice::Required,
            2,
        ),
    ];
    for (mode, list, expected, count) in rows {
        let read = with_tools(&tools, allowed(mode, list.clone())).unwrap();
        assert_eq!(read.tool_choice, Some(expected));
        assert_eq!(read.tools.len(), count, "{list}");
    }
}

#[test]
fn what_is_no_tool_or_choice_is_rejected_by_its_path() {
    let tools = json!([named("f")]);
    let allowed = |allowed: Value| json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}});
    let rows = [
        (json!({}), json!({}), "tools"),
        (json!([7]), json!({}), "tools[0]"),
        (
            json!([{"type": "function"}]),
            json!({}),
            "tools[0].function",
        ),
        (json!([{"type": "custom"}]), json!({}), "tools[0].custom"),
        (
            json!([named("f"), named("")]),
            json!({}),
            "tools[1].function.name",
        ),
        (
            json!([{"function": {"name": "f", "parameters": []}}]),
            json!({}),
            "tools[0].function.parameters",
        ),
        (
            json!([{"function": {"name": "f", "strict": "no"}}]),
            json!({}),
            "tools[0].function.strict",
        ),
        (
            tools.clone(),
            json!({"functions": [{}]}),
            "functions[0].name",
        ),
        (
            tools.clone(),
            json!({"tool_choice": "maybe"}),
            "tool_choice",
        ),
        (
            tools.clone(),
            json!({"tool_choice": {"type": "function"}}),
            "tool_choice.function.name",
        ),
        (
            tools.clone(),
            json!({"function_call": {}}),
            "function_call.name",
        ),
        (
            tools.clone(),
            allowed(json!({})),
            "tool_choice.allowed_tools.tools",
        ),
        (
            tools.clone(),
            allowed(json!({"tools": [7]})),
            "tool_choice.allowed_tools.tools[0]",
        ),
        (
            tools,
            allowed(json!({"tools": [], "mode": "maybe"})),
            "tool_choice.allowed_tools.mode",
        ),
    ];
    for (tools, more, param) in rows {
        let error = with_tools(&tools, more).unwrap_err();
        assert_eq!(error.param, param);
    }
}
