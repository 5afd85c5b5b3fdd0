//! Portkey's open gateway: it has no configuration of its own, clients send it in the header `x-portkey-config`.

use serde_json::{Value, json};

use super::{UPSTREAM_KEY, base};
use crate::dialect::Dialect;
use crate::route::Route;

/// The value of the header: the model's name chooses the upstream, or a fallback over two.
pub fn document(port: u16) -> Value {
    let (mut targets, mut conditions) = (Vec::new(), Vec::new());
    for route in Route::all() {
        let name = route.to_string();
        targets.push(match route.second {
            None => target(port, &name, route.first),
            Some(second) => json!({
                "name": name,
                "strategy": {"mode": "fallback"},
                "targets": [target(port, "first", route.first), target(port, "second", second)],
            }),
        });
        let models = json!({"$regex": format!("^conf-{name}-[0-9]+$")});
        conditions.push(json!({"query": {"params.model": models}, "then": name}));
    }
    json!({
        "strategy": {"mode": "conditional", "conditions": conditions, "default": "chat"},
        "targets": targets,
    })
}

fn target(port: u16, name: &str, upstream: Dialect) -> Value {
    let provider = match upstream {
        Dialect::Messages => "anthropic",
        _ => "openai",
    };
    json!({
        "name": name,
        "provider": provider,
        "custom_host": base(port, upstream),
        "api_key": UPSTREAM_KEY,
    })
}
