//! The configuration of the gateway that this suite lives beside: three channels and a key. Owns its JSON, written from
//! the gateway's public documentation.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::case::Case;
use crate::dialect::{Dialect, UPSTREAMS};

/// The credential that each upstream channel has; the scripted upstreams accept any.
const UPSTREAM_KEY: &str = "sk-upstream-conformance";

/// The models of one upstream, in the order of the cases that use them.
pub fn models(cases: &[Case], upstream: Dialect) -> Vec<String> {
    let uses = |case: &Case| case.steps.iter().any(|step| step.upstream == upstream);
    let numbered = cases.iter().enumerate().filter(|(_, case)| uses(case));
    numbered
        .map(|(index, _)| upstream.model(index + 1))
        .collect()
}

/// The whole document for upstreams on a port and a client's key.
pub fn document(cases: &[Case], port: u16, key: &str) -> Value {
    let channels = UPSTREAMS.map(|upstream| {
        let provider = match upstream {
            Dialect::Messages => "anthropic",
            _ => "openai",
        };
        json!({
            "id": format!("ch_{upstream}"),
            "name": format!("Scripted {upstream}"),
            "provider": provider,
            "base_url": format!("http://127.0.0.1:{port}/{upstream}/v1"),
            "keys": [{"id": format!("uk_{upstream}"), "key": UPSTREAM_KEY}],
            "models": models(cases, upstream),
            "dialects": [upstream.name()],
        })
    });
    let mut hash = String::new();
    for byte in Sha256::digest(key.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    json!({
        "version": 1,
        "channels": channels,
        "keys": [{"id": "ck_conformance", "name": "conformance", "hash": hash}],
        "settings": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn every_model_of_every_case_is_served_by_the_channel_of_its_dialect() {
        let cases = cases::all();
        let document = document(&cases, 9100, "sk-a");
        let hash = "a4a6d307ad00fa67176e1099fdbc4f4a09bb527a7f24718a5030f2f173d11f7f";
        assert_eq!(document["keys"][0]["hash"], hash);
        for (index, case) in cases.iter().enumerate() {
            for step in &case.steps {
                let at = UPSTREAMS.iter().position(|other| *other == step.upstream);
                let models = &document["channels"][at.unwrap()]["models"];
                let model = json!(step.upstream.model(index + 1));
                assert!(models.as_array().unwrap().contains(&model), "{model}");
            }
        }
    }
}
