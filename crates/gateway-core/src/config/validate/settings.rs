//! The rules of the gateway's own settings. Owns their ranges; a setting that is left out has its default.

use std::collections::BTreeMap;

use http::HeaderName;
use serde_json::{Map, Value, json};

use super::{Problems, converted, default_models, join, model_map, price};
use crate::config::bounds::{
    MAX_ATTEMPTS, MAX_LOG_DAYS, MAX_LOG_ROWS, MAX_NAME_CHARS, MAX_PROXIES, MAX_RANK,
    MAX_REQUEST_BYTES, MAX_SESSION_HEADERS, MAX_TIMEOUT_MS, MIN_LOG_ROWS, MIN_REQUEST_BYTES,
};
use crate::config::model::Settings;
use crate::config::network::Network;
use crate::problem::{ExpectedType, ProblemKind};
use crate::route::Balance;

/// Reads the settings of a document. Invalid ones are added to `problems` and have their default.
pub fn read(value: &Value, problems: &mut Problems) -> Settings {
    let members = problems.object("settings", value).into_iter().flatten();
    let valid: Map<String, Value> = members
        .filter_map(|(name, value)| Some((name.clone(), member(name, value, problems)?)))
        .collect();
    // Every member was checked, so this always succeeds.
    converted(&valid).unwrap_or_else(|_| {
        let expected = ExpectedType::Object;
        problems.add("settings", ProblemKind::WrongType { expected });
        Settings::default()
    })
}

/// The value in the form in which it is stored, if it is valid.
fn member(name: &str, value: &Value, problems: &mut Problems) -> Option<Value> {
    const BYTES: (u64, u64) = (MIN_REQUEST_BYTES as u64, MAX_REQUEST_BYTES as u64);
    let path = join("settings", name);
    let mut integer = |least, most| {
        let number = problems.integer(&path, value, least, most);
        number.map(Value::from)
    };
    match name {
        "max_attempts" => integer(1, MAX_ATTEMPTS),
        "total_timeout_ms" => integer(1, MAX_TIMEOUT_MS),
        "max_request_bytes" => integer(BYTES.0, BYTES.1),
        "request_log_rows" => integer(MIN_LOG_ROWS, MAX_LOG_ROWS),
        "request_log_days" | "response_record_days" => integer(1, MAX_LOG_DAYS),
        "audit_days" | "usage_days" => integer(0, MAX_LOG_DAYS),
        "session_affinity" | "ledger" | "log_error_details" | "responses_store"
        | "member_login" => problems.boolean(&path, value).map(Value::from),
        "balance" => Some(json!(balance(&path, value, problems)?)),
        "balance_by_priority" => Some(json!(by_priority(&path, value, problems))),
        "session_headers" => Some(json!(session_headers(&path, value, problems))),
        "prices" => Some(json!(price::table(&path, value, problems)?)),
        "default_models" => Some(json!(default_models::read(&path, value, problems))),
        "aliases" => Some(json!(model_map::aliases(&path, value, problems)?)),
        "trusted_proxies" => Some(json!(proxies(&path, value, problems))),
        _ => {
            problems.unknown("settings", name);
            None
        }
    }
}

fn balance(path: &str, value: &Value, problems: &mut Problems) -> Option<&'static str> {
    let mut names = Balance::ALL.iter().map(|(name, _)| *name);
    let known = names.find(|name| value.as_str() == Some(name));
    if known.is_none() {
        let choices = Balance::ALL.iter().map(|(name, _)| *name).collect();
        problems.add(path, ProblemKind::InvalidChoice { choices });
    }
    known
}

/// The rules of some priorities. A priority is written as in JSON, so that none can be there twice.
fn by_priority(
    path: &str,
    value: &Value,
    problems: &mut Problems,
) -> BTreeMap<String, &'static str> {
    let mut rules = BTreeMap::new();
    for (priority, value) in problems.object(path, value).into_iter().flatten() {
        let place = join(path, priority);
        let number = priority.parse::<u64>().ok();
        let number = number.filter(|number| *number <= MAX_RANK && number.to_string() == *priority);
        if number.is_none() {
            let (min, max) = (0, MAX_RANK);
            let nullable = false;
            problems.add(place, ProblemKind::OutOfRange { min, max, nullable });
        } else if let Some(rule) = balance(&place, value, problems) {
            rules.insert(priority.clone(), rule);
        }
    }
    rules
}

fn session_headers(path: &str, value: &Value, problems: &mut Problems) -> Vec<String> {
    let mut headers = Vec::new();
    let names = problems.texts(path, value, MAX_NAME_CHARS, MAX_SESSION_HEADERS);
    for (index, name) in names.unwrap_or_default().iter().enumerate() {
        // Parsed, a name is in lower case.
        match HeaderName::try_from(name) {
            Ok(header) => headers.push(header.as_str().to_owned()),
            Err(_) => problems.add(format!("{path}[{index}]"), ProblemKind::InvalidHeaderName),
        }
    }
    headers
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
