//! `LiteLLM`'s proxy: a deployment for each model, and a fallback for each model that needs one.

use serde_json::{Value, json};

use super::{UPSTREAM_KEY, base};
use crate::case::Case;
use crate::config::models;
use crate::dialect::Dialect;
use crate::route::Route;

/// Its configuration file; JSON is YAML too.
pub fn document(cases: &[Case], port: u16, key: &str) -> Value {
    let mut deployments = Vec::new();
    let mut fallbacks = Vec::new();
    for route in Route::all() {
        for model in models(cases, route) {
            deployments.push(deployment(port, route.first, &model, &model));
            if let Some(second) = route.second {
                // What it knows of a model holds for all deployments of one name, so that the second has its own.
                let name = format!("second-{model}");
                deployments.push(deployment(port, second, &name, &name));
                fallbacks.push(json!({model: [name]}));
            }
        }
    }
    json!({
        "model_list": deployments,
        "router_settings": {"num_retries": 0, "fallbacks": fallbacks},
        "litellm_settings": {"num_retries": 0},
        "general_settings": {"master_key": key},
    })
}

fn deployment(port: u16, upstream: Dialect, name: &str, model: &str) -> Value {
    let (provider, base, extra) = match upstream {
        // It adds the version itself.
        Dialect::Messages => (
            "anthropic",
            format!("http://127.0.0.1:{port}/{upstream}"),
            None,
        ),
        _ => ("openai", base(port, upstream), Some(upstream)),
    };
    let mut params = json!({
        "model": format!("{provider}/{model}"),
        "api_base": base,
        "api_key": UPSTREAM_KEY,
    });
    let mut info = json!({});
    match extra {
        Some(Dialect::Chat) => params["use_chat_completions_api"] = json!(true),
        Some(_) => info["mode"] = json!("responses"),
        None => {}
    }
    json!({"model_name": name, "litellm_params": params, "model_info": info})
}
