//! Tools and the choice among them.

use super::*;

fn tool(tool: &Tool<'_>) -> String {
    match tool {
        Tool::Function(it) => format!(
            "{} {} {}",
            it.name,
            it.description.as_deref().unwrap_or("-"),
            it.parameters.as_deref().unwrap_or("-")
        ),
        Tool::Hosted(it) => {
            let kind = match it.kind {
                HostedKind::WebSearch => "search",
                HostedKind::Other => "other",
            };
            format!("{kind} {} {}", it.declared, it.raw.get())
        }
    }
}

fn tools(tools: &str) -> Vec<String> {
    let body = with(&format!(r#""tools":{tools}"#));
    conversation(&body).tools.iter().map(tool).collect()
}

#[test]
fn functions_and_googles_tools() {
    let rows: [(&str, &[&str]); 8] = [
        (
            r#"[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"b":{"type":"STRING"},"a":{"type":"NUMBER"}},"required":["b"]}},{"name":"g"}]}]"#,
            &[
                r#"f d {"type":"object","properties":{"b":{"type":"string"},"a":{"type":"number"}},"required":["b"]}"#,
                "g - -",
            ],
        ),
        (
            r#"{"function_declarations":{"name":"f","parameters_json_schema":{"type":"object", "x":1.0}}}"#,
            &[r#"f - {"type":"object", "x":1.0}"#],
        ),
        (
            r#"[{"functionDeclarations":[{"name":"f","behavior":"NON_BLOCKING","response":{"type":"STRING"}}],"googleSearch":{}}]"#,
            &["f - -", "search googleSearch {}"],
        ),
        (r#"[{"google_search":{}}]"#, &["search google_search {}"]),
        (
            r#"[{"googleSearchRetrieval":{"a":1}}]"#,
            &[r#"search googleSearchRetrieval {"a":1}"#],
        ),
        (
            r#"[{"codeExecution":{}},{"url_context":{}}]"#,
            &["other codeExecution {}", "other url_context {}"],
        ),
        (r#"[{"googleSearch":null}]"#, &[]),
        ("[{}]", &[]),
    ];
    for (declared, expected) in rows {
        assert_eq!(tools(declared), expected, "{declared}");
    }
}

#[test]
fn names_are_the_same_in_declarations_and_in_the_history() {
    let body = r#"{"contents":[{"role":"model","parts":[{"functionCall":{"id":"c","name":"a.b:c","args":{}}}]}],"tools":[{"functionDeclarations":[{"name":"a.b:c"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["a.b:c"]}}}"#;
    let read = conversation(body);
    let Some(Tool::Function(function)) = read.tools.first() else {
        panic!("no function");
    };
    let Some(Item::Call(call)) = read.items.first() else {
        panic!("no call");
    };
    assert_eq!(call.name, function.name);
    let choice = ToolChoice::Function(function.name.clone());
    assert_eq!(read.tool_choice, Some(choice));
    assert_eq!(read.registry.client_name(&function.name), "a.b:c");
}

#[test]
fn choices() {
    let function = |name: &'static str| ToolChoice::Function(name.into());
    let rows: [(&str, Option<ToolChoice<'_>>, &str); 11] = [
        (r#"{"mode":"AUTO"}"#, Some(ToolChoice::Auto), "fgs"),
        (r#"{"mode":"NONE"}"#, Some(ToolChoice::None), "fgs"),
        (r#"{"mode":"ANY"}"#, Some(ToolChoice::Required), "fgs"),
        (r#"{"mode":"any"}"#, Some(ToolChoice::Required), "fgs"),
        (
            r#"{"mode":"ANY","allowedFunctionNames":["g"]}"#,
            Some(function("g")),
            "fgs",
        ),
        (
            r#"{"mode":"ANY","allowed_function_names":["g","f"]}"#,
            Some(ToolChoice::Required),
            "fg",
        ),
        (
            r#"{"mode":"ANY","allowedFunctionNames":[]}"#,
            Some(ToolChoice::Required),
            "fgs",
        ),
        (r#"{"mode":"VALIDATED"}"#, Some(ToolChoice::Auto), "fgs"),
        (
            r#"{"mode":"VALIDATED","allowedFunctionNames":["f"]}"#,
            Some(ToolChoice::Auto),
            "f",
        ),
        (r#"{"mode":"MODE_UNSPECIFIED"}"#, None, "fgs"),
        ("{}", None, "fgs"),
    ];
    let request = |config: &str| {
        with(&format!(
            r#""tools":[{{"functionDeclarations":[{{"name":"f"}},{{"name":"g"}}]}},{{"googleSearch":{{}}}}],"toolConfig":{{"functionCallingConfig":{config}}}"#
        ))
    };
    for (config, choice, left) in rows {
        let body = request(config);
        let read = conversation(&body);
        assert_eq!(read.tool_choice, choice, "{config}");
        let names = read.tools.iter().map(|tool| match tool {
            Tool::Function(function) => &*function.name,
            Tool::Hosted(_) => "s",
        });
        assert_eq!(names.collect::<String>(), left, "{config}");
    }
    let place = "toolConfig.functionCallingConfig";
    let rows = [
        (r#"{"mode":"SOME"}"#, "mode"),
        (
            r#"{"mode":"ANY","allowedFunctionNames":["f","h"]}"#,
            "allowedFunctionNames[1]",
        ),
        (r#"{"mode":1}"#, "mode"),
    ];
    for (config, member) in rows {
        assert_eq!(refused(&request(config)).0, format!("{place}.{member}"));
    }
}

#[test]
fn broken_declarations_are_refused_by_name() {
    let rows = [
        (r#"["x"]"#, "tools[0]"),
        (
            r#"[{"functionDeclarations":"x"}]"#,
            "tools[0].functionDeclarations",
        ),
        (
            r#"[{},{"functionDeclarations":[{"description":"d"}]}]"#,
            "tools[1].functionDeclarations[0].name",
        ),
        (
            r#"[{"functionDeclarations":[{"name":"f","parameters":[]}]}]"#,
            "tools[0].functionDeclarations[0].parameters",
        ),
        (
            r#"[{"functionDeclarations":[{"name":"f","parametersJsonSchema":true}]}]"#,
            "tools[0].functionDeclarations[0].parametersJsonSchema",
        ),
    ];
    for (tools, param) in rows {
        assert_eq!(refused(&with(&format!(r#""tools":{tools}"#))).0, param);
    }
}
