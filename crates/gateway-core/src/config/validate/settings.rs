//! The rules of the gateway's own settings. Owns their ranges; a setting that is left out has its default.

use serde_json::Value;

use super::channel::MAX_TIMEOUT_MS;
use super::{Problems, default_models, join, price};
use crate::config::model::Settings;
use crate::config::network::Network;
use crate::problem::ProblemKind;
use crate::units::MIB;

const MAX_ATTEMPTS: u64 = 100;
const MIN_REQUEST_BYTES: usize = 1024;
/// A body is held twice, as it came and as it goes; `memory` has room for one of this size.
const MAX_REQUEST_BYTES: usize = 64 * MIB;
/// A log that is shorter shows nothing; a longer one takes gigabytes.
const LOG_ROWS: (u64, u64) = (1_000, 10_000_000);
/// Networks of proxies: far more than stand in front of one gateway.
const MAX_PROXIES: usize = 100;
/// Ten years.
const MAX_LOG_DAYS: u64 = 3_650;

/// Reads the settings of a document. What cannot be taken is added to `problems` and has its default.
pub fn read(value: &Value, problems: &mut Problems) -> Settings {
    let mut settings = Settings::default();
    let Some(members) = problems.object("settings", value) else {
        return settings;
    };
    for (name, value) in members {
        let path = join("settings", name);
        if name == "prices" {
            settings.prices = price::table(&path, value, problems).unwrap_or_default();
            continue;
        }
        if name == "default_models" {
            settings.default_models = default_models::read(&path, value, problems);
            continue;
        }
        if name == "trusted_proxies" {
            settings.trusted_proxies = proxies(&path, value, problems);
            continue;
        }
        let mut integer = |least, most| problems.integer(&path, value, least, most);
        match name.as_str() {
            "max_attempts" => {
                if let Some(count) = integer(1, MAX_ATTEMPTS) {
                    settings.max_attempts = u32::try_from(count).unwrap_or(settings.max_attempts);
                }
            }
            "total_timeout_ms" => {
                let time = integer(1, MAX_TIMEOUT_MS);
                settings.total_timeout_ms = time.unwrap_or(settings.total_timeout_ms);
            }
            "max_request_bytes" => {
                if let Some(bytes) = integer(MIN_REQUEST_BYTES as u64, MAX_REQUEST_BYTES as u64) {
                    settings.max_request_bytes =
                        usize::try_from(bytes).unwrap_or(settings.max_request_bytes);
                }
            }
            "session_affinity" => {
                let is_on = problems.boolean(&path, value);
                settings.session_affinity = is_on.unwrap_or(settings.session_affinity);
            }
            "ledger" => {
                let is_on = problems.boolean(&path, value);
                settings.ledger = is_on.unwrap_or(settings.ledger);
            }
            "request_log_rows" => {
                let rows = integer(LOG_ROWS.0, LOG_ROWS.1);
                settings.request_log_rows = rows.unwrap_or(settings.request_log_rows);
            }
            "request_log_days" => {
                let days = integer(1, MAX_LOG_DAYS);
                settings.request_log_days = days.unwrap_or(settings.request_log_days);
            }
            _ => problems.unknown("settings", name),
        }
    }
    settings
}

fn proxies(path: &str, value: &Value, problems: &mut Problems) -> Vec<Network> {
    let mut networks = Vec::new();
    let items = problems.array(path, value, MAX_PROXIES).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let network = item.as_str().and_then(|text| text.trim().parse().ok());
        match network {
            Some(network) if networks.contains(&network) => {}
            Some(network) => networks.push(network),
            None => problems.add(format!("{path}[{index}]"), ProblemKind::InvalidNetwork),
        }
    }
    networks
}
