//! The configuration of the gateway that this suite lives beside: six channels and a key. Owns its JSON, written from
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

/// The models that an upstream serves at once, or (`is_second`) when another one fails.
fn served(cases: &[Case], upstream: Dialect, is_second: bool) -> Vec<String> {
    let serves = |route: &Route| {
        if is_second {
            route.second == Some(upstream)
        } else {
            route.first == upstream
        }
    };
    let routes = Route::all().into_iter().filter(serves);
    routes.flat_map(|route| models(cases, route)).collect()
}

/// The whole document for upstreams on a port and a client's key.
pub fn document(cases: &[Case], port: u16, key: &str) -> Value {
    let places = [false, true].into_iter();
    let channels = places.flat_map(|is_second| UPSTREAMS.map(|upstream| (upstream, is_second)));
    let channels: Vec<Value> = channels
        .map(|(upstream, is_second)| {
            let provider = match upstream {
                Dialect::Messages => "anthropic",
                _ => "openai",
            };
            let place = if is_second { "_second" } else { "" };
            json!({
                "id": format!("ch_{upstream}{place}"),
                "name": format!("Scripted {upstream}{}", if is_second { ", second" } else { "" }),
                "provider": provider,
                "base_url": format!("http://127.0.0.1:{port}/{upstream}/v1"),
                "keys": [{"id": format!("uk_{upstream}{place}"), "key": UPSTREAM_KEY}],
                "models": served(cases, upstream, is_second),
                "priority": u8::from(is_second),
                "dialects": [upstream.name()],
            })
        })
        .collect();
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
                let model = json!(step.route.model(index + 1));
                let serves = |id: String| {
                    let channels = document["channels"].as_array().unwrap();
                    let channel = channels.iter().find(|channel| channel["id"] == id).unwrap();
                    channel["models"].as_array().unwrap().contains(&model)
                };
                assert!(serves(format!("ch_{}", step.route.first)), "{model}");
                if let Some(second) = step.route.second {
                    assert!(serves(format!("ch_{second}_second")), "{model}");
                }
            }
        }
    }
}
