//! Schemas of Gemini's requests: any schema becomes a JSON schema or is rejected; one that is a JSON schema already stays as
//! it is.
#![no_main]

use gateway_core::dialect::conversation::{OutputFormat, Tool};
use gateway_core::dialect::envelope::EnvelopeKey;
use gateway_core::dialect::gemini;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

/// The schema as the answer's, and as a function's parameters.
fn converted(schema: &str) -> Option<(String, Option<String>)> {
    let body = format!(
        r#"{{"contents":[{{"parts":[{{"text":"x"}}]}}],"generationConfig":{{"responseMimeType":"application/json","responseSchema":{schema}}},"tools":[{{"functionDeclarations":[{{"name":"f","parameters":{schema}}}]}}]}}"#
    );
    let conversation = gemini::read(body.as_bytes(), false, &EnvelopeKey::default()).ok()?;
    let parameters = conversation.tools.iter().find_map(|tool| match tool {
        Tool::Function(function) => function.parameters.clone(),
        Tool::Hosted(_) => None,
    });
    match conversation.format {
        Some(OutputFormat::Schema { schema, .. }) => Some((
            schema.get().to_owned(),
            parameters.map(|parameters| parameters.into_owned()),
        )),
        _ => None,
    }
}

fuzz_target!(|input: &[u8]| {
    // Anything else is another request, and not another schema.
    let Ok(schema) = serde_json::from_slice::<&RawValue>(input) else {
        return;
    };
    let Some((once, parameters)) = converted(schema.get()) else {
        return;
    };
    assert!(serde_json::from_str::<&RawValue>(&once).is_ok(), "{once}");
    assert!(once.len() <= 4 * input.len() + 64, "{once}");
    if let Some(parameters) = parameters {
        assert!(
            serde_json::from_str::<&RawValue>(&parameters).is_ok(),
            "{parameters}"
        );
    }
    let (twice, _) = converted(&once).expect("a JSON schema is a schema");
    assert_eq!(twice, once);
});
