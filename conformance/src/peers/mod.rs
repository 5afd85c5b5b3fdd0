//! Other gateways: what they are configured with, and their results side by side. Owns their names.
//!
//! Configurations are written from the projects' public documentation and hold no credential but the suite's own.

pub mod bifrost;
pub mod litellm;
pub mod marks;
pub mod portkey;
pub mod table;

use serde_json::Value;

use crate::case::Case;
use crate::config;
use crate::dialect::Dialect;

/// What each upstream is called with; the scripted upstreams accept any credential.
const UPSTREAM_KEY: &str = "sk-upstream-conformance";

/// The names that `config --for` knows.
pub const NAMES: [&str; 4] = ["gateway", "litellm", "portkey", "bifrost"];

/// The configuration for a gateway of [`NAMES`].
pub fn document(name: &str, cases: &[Case], port: u16, key: &str) -> Option<Value> {
    match name {
        "gateway" => Some(config::document(cases, port, key)),
        "litellm" => Some(litellm::document(cases, port, key)),
        "portkey" => Some(portkey::document(port)),
        "bifrost" => Some(bifrost::document(port)),
        _ => None,
    }
}

/// The base URL of an upstream, with its version.
fn base(port: u16, upstream: Dialect) -> String {
    format!("http://127.0.0.1:{port}/{upstream}/v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_configuration_that_names_all_upstreams() {
        let cases = crate::cases::all();
        for name in NAMES {
            let text = document(name, &cases, 9123, "sk-a").unwrap().to_string();
            for upstream in crate::dialect::UPSTREAMS {
                let base = format!("http://127.0.0.1:9123/{upstream}");
                assert!(text.contains(&base), "{name}: {base}");
            }
        }
        assert_eq!(document("other", &cases, 1, "sk-a"), None);
    }
}
