//! Bifrost: a custom provider for each upstream, named by the prefix of the model.
//!
//! The suite calls it with `--model-prefix conf-{upstream}/`. Failover is a field of the request there (`fallbacks`),
//! which no client of the suite sends.

use serde_json::{Map, Value, json};

use super::UPSTREAM_KEY;
use crate::dialect::{Dialect, UPSTREAMS};

/// Its `config.json`, without a database.
pub fn document(port: u16) -> Value {
    let providers: Map<String, Value> = UPSTREAMS
        .iter()
        .map(|upstream| (format!("conf-{upstream}"), provider(port, *upstream)))
        .collect();
    json!({
        "client": {"drop_excess_requests": false, "enable_logging": false},
        "providers": providers,
        "config_store": {"enabled": false},
    })
}

fn provider(port: u16, upstream: Dialect) -> Value {
    let kind = match upstream {
        Dialect::Messages => "anthropic",
        _ => "openai",
    };
    let has = |dialect: Dialect| upstream == dialect;
    json!({
        "keys": [{"name": "scripted", "value": UPSTREAM_KEY, "models": ["*"], "weight": 1.0}],
        // It adds the version itself.
        "network_config": {
            "base_url": format!("http://127.0.0.1:{port}/{upstream}"),
            "max_retries": 0,
        },
        "custom_provider_config": {
            "base_provider_type": kind,
            "allowed_requests": {
                "chat_completion": !has(Dialect::Responses),
                "chat_completion_stream": !has(Dialect::Responses),
                "responses": !has(Dialect::Chat),
                "responses_stream": !has(Dialect::Chat),
                "count_tokens": !has(Dialect::Chat),
            },
        },
    })
}
