//! What the demo's gateway is configured with: channels, prices, and the client keys of some people. Owns the JSON that
//! is sent to the admin API.

use serde_json::{Value, json};

use super::services::Service;

/// A person or program with a client key, and what it sends.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The key's name.
    pub name: &'static str,
    /// The key's tags.
    pub tags: &'static [&'static str],
    /// Models that the key may use; empty: all.
    pub models: &'static [&'static str],
    /// The model that it usually asks for.
    pub model: &'static str,
    /// Where it sends its requests.
    pub path: &'static str,
    /// Whether it streams.
    pub stream: bool,
    /// The smallest and the largest number of characters of its prompts.
    pub prompt: (u64, u64),
    /// Its part of the traffic.
    pub weight: u64,
}

/// Everybody who uses the demo. The first one's key is given to the reader.
pub const CLIENTS: [Client; 6] = [
    Client {
        name: "Ana – laptop",
        tags: &["ana", "web team"],
        models: &[],
        model: "gpt-4o",
        path: "/v1/chat/completions",
        stream: true,
        prompt: (200, 6_000),
        weight: 5,
    },
    Client {
        name: "Ben – Claude Code",
        tags: &["ben", "web team"],
        models: &[],
        model: "claude-sonnet-4",
        path: "/v1/messages",
        stream: true,
        prompt: (4_000, 24_000),
        weight: 4,
    },
    Client {
        name: "CI pipeline",
        tags: &["platform team"],
        models: &["gpt-4o-mini", "text-embedding-3-small"],
        model: "gpt-4o-mini",
        path: "/v1/chat/completions",
        stream: false,
        prompt: (800, 9_000),
        weight: 6,
    },
    Client {
        name: "Support bot",
        tags: &["support"],
        models: &["gpt-4o-mini"],
        model: "gpt-4o-mini",
        path: "/v1/chat/completions",
        stream: true,
        prompt: (300, 2_500),
        weight: 6,
    },
    Client {
        name: "Search index",
        tags: &["platform team"],
        models: &["text-embedding-3-small"],
        model: "text-embedding-3-small",
        path: "/v1/embeddings",
        stream: false,
        prompt: (1_000, 8_000),
        weight: 3,
    },
    Client {
        name: "Chen – contractor",
        tags: &["chen", "web team"],
        models: &["llama-3.3-70b"],
        model: "llama-3.3-70b",
        path: "/v1/chat/completions",
        stream: true,
        prompt: (200, 3_000),
        weight: 2,
    },
];

/// The one with a limit per minute, which it reaches now and then.
pub const LIMITED: usize = 3;
/// The one that sometimes asks for a model that it may not use.
pub const RESTRICTED: usize = 5;

/// The client key of somebody, as it is created. `soon`: a time in the near future, in RFC 3339.
pub fn client_key(index: usize, soon: &str) -> Value {
    let client = CLIENTS[index];
    let mut key = json!({"name": client.name, "tags": client.tags, "models": client.models});
    match client.name {
        "CI pipeline" => {
            key["limits"] = json!({"requests_per_minute": 60, "daily_budget_micro_usd": 200_000});
        }
        "Support bot" => {
            key["limits"] = json!({"requests_per_minute": 6, "tokens_per_day": 2_000_000});
        }
        "Ben – Claude Code" => key["limits"] = json!({"monthly_budget_micro_usd": 20_000_000}),
        "Chen – contractor" => key["expires_at"] = soon.into(),
        _ => {}
    }
    key
}

/// All channels: two that work, one whose service is down, and one that still needs its key. `origin` is where the
/// services listen.
pub fn channels(origin: &str) -> Vec<Value> {
    let url = |service: Service| format!("{origin}/{}/v1", service.name());
    vec![
        json!({
            "name": "Swift Cloud", "base_url": url(Service::Swift), "tags": ["production"], "dialects": ["chat"],
            "keys": ["sk-demo-swift-3f1c9a7e02", "sk-demo-swift-b84d0e5561"], "weight": 3,
            "models": Service::Swift.models(), "model_map": {"claude-sonnet-4": "gpt-4o"},
        }),
        json!({
            "name": "Steady GPUs", "base_url": url(Service::Steady), "tags": ["production", "own hardware"],
            "keys": ["demo-steady-71aa20c4"], "weight": 1, "dialects": ["chat"],
            "models": Service::Steady.models(),
            "model_map": {"gpt-4o-mini": "llama-3.3-70b", "claude-sonnet-4": "llama-3.3-70b"},
        }),
        json!({
            "name": "Shaky Hosting", "base_url": url(Service::Shaky), "tags": ["trial"], "weight": 1,
            "keys": ["demo-shaky-0c93bb17"], "models": Service::Shaky.models(), "dialects": ["chat"],
        }),
        json!({
            "name": "OpenRouter", "base_url": "https://openrouter.ai/api/v1", "keys": [], "priority": 1,
            "models": ["gpt-4o", "gpt-4o-mini", "llama-3.3-70b"],
        }),
    ]
}

/// Micro-dollars per million tokens.
pub fn prices() -> Value {
    json!({
        "gpt-4o": {"prompt": 2_500_000, "cached": 1_250_000, "completion": 10_000_000},
        "gpt-4o-mini": {"prompt": 150_000, "cached": 75_000, "completion": 600_000},
        "claude-sonnet-4": {"prompt": 3_000_000, "cached": 300_000, "completion": 15_000_000},
        "llama-3.3-70b": {"prompt": 120_000, "cached": null, "completion": 300_000},
        "text-embedding-3-small": {"prompt": 20_000, "cached": null, "completion": 0},
    })
}
