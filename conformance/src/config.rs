//! The configuration of the gateway that this suite lives beside: channels and a key. Owns its JSON, written from
//! the gateway's public documentation.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::case::Case;
use crate::dialect::{Dialect, UPSTREAMS};
use crate::route::Route;

/// The credential that each upstream channel has; the scripted upstreams accept any.
const UPSTREAM_KEY: &str = "sk-upstream-conformance";

/// The models of one route, in the order of the cases that use them.
pub fn models(cases: &[Case], route: Route) -> Vec<String> {
    let uses = |case: &Case| case.steps.iter().any(|step| step.route == route);
    let numbered = cases.iter().enumerate().filter(|(_, case)| uses(case));
    numbered.map(|(index, _)| route.model(index + 1)).collect()
}

/// The whole document for upstreams on a port and a client's key.
///
/// An upstream that fails is in cooldown for a while, so that each case that wants one to fail has its own channel for it.
pub fn document(cases: &[Case], port: u16, key: &str) -> Value {
    let mut channels = Vec::new();
    for upstream in UPSTREAMS {
        let second = Route::all().into_iter();
        let second = second.filter(|route| route.second == Some(upstream));
        let second = second.flat_map(|route| models(cases, route));
        let second: Vec<String> = second.collect();
        let id = upstream.to_string();
        channels.push(channel(
            port,
            upstream,
            &id,
            0,
            &models(cases, upstream.into()),
        ));
        channels.push(channel(port, upstream, &format!("{id}_second"), 1, &second));
    }
    for route in Route::all() {
        let first = models(cases, route);
        for model in first.into_iter().filter(|_| route.second.is_some()) {
            let id = model.replace('-', "_");
            channels.push(channel(port, route.first, &id, 0, &[model]));
        }
    }
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

fn channel(port: u16, upstream: Dialect, id: &str, priority: u8, models: &[String]) -> Value {
    let provider = match upstream {
        Dialect::Messages => "anthropic",
        _ => "openai",
    };
    json!({
        "id": format!("ch_{id}"),
        "name": format!("Scripted {id}"),
        "provider": provider,
        "base_url": format!("http://127.0.0.1:{port}/{upstream}/v1"),
        "keys": [{"id": format!("uk_{id}"), "key": UPSTREAM_KEY}],
        "models": models,
        "priority": priority,
        "dialects": [upstream.name()],
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
                let model = json!(step.route.model(index + 1));
                let serves = |id: String| {
                    let channels = document["channels"].as_array().unwrap();
                    let channel = channels.iter().find(|channel| channel["id"] == id).unwrap();
                    channel["models"].as_array().unwrap().contains(&model)
                };
                let Some(second) = step.route.second else {
                    assert!(serves(format!("ch_{}", step.route.first)), "{model}");
                    continue;
                };
                let own = step.route.model(index + 1).replace('-', "_");
                assert!(serves(format!("ch_{own}")), "{model}");
                assert!(serves(format!("ch_{second}_second")), "{model}");
            }
        }
    }
}
