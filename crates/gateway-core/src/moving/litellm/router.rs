//! What `LiteLLM`'s router and its other settings say. Owns aliases and fallbacks, which are aliases here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::members;
use crate::config::bounds::MAX_ALIAS_MODELS;
use crate::moving::plan::{AliasPlan, MoveNote, MovePlan, NoteCode};

/// Fallbacks for certain errors only.
const SPECIAL: [&str; 2] = ["context_window_fallbacks", "content_policy_fallbacks"];
/// Settings that change what a request does, and have no counterpart.
const IGNORED: [(&str, &str); 6] = [
    ("litellm_settings", "drop_params"),
    ("litellm_settings", "cache"),
    ("litellm_settings", "success_callback"),
    ("litellm_settings", "callbacks"),
    ("litellm_settings", "default_fallbacks"),
    ("router_settings", "routing_strategy"),
];

/// Adds aliases and notes.
pub fn read(config: &Value, plan: &mut MovePlan) {
    let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sections = ["router_settings", "litellm_settings"];
    for section in sections.iter().filter_map(|name| members(config, name)) {
        let named = section.get("model_group_alias").and_then(Value::as_object);
        for (name, target) in named.into_iter().flatten() {
            let model = target.as_str().or_else(|| target.get("model")?.as_str());
            match model {
                Some(model) => {
                    aliases.insert(name.clone(), vec![model.to_owned()]);
                }
                None => plan.notes.push(MoveNote::new(NoteCode::AliasInvalid, name)),
            }
        }
    }
    for section in sections.iter().filter_map(|name| members(config, name)) {
        let chains = section.get("fallbacks").and_then(Value::as_array);
        let chains = chains.into_iter().flatten().filter_map(Value::as_object);
        for (name, models) in chains.flatten() {
            let next = models.as_array().into_iter().flatten();
            let next: Vec<&str> = next.filter_map(Value::as_str).collect();
            if next.is_empty() || name == "*" {
                plan.notes.push(MoveNote::new(
                    NoteCode::SettingIgnored,
                    format!("fallbacks.{name}"),
                ));
                continue;
            }
            // The model itself is tried first.
            let chain = aliases
                .entry(name.clone())
                .or_insert_with(|| vec![name.clone()]);
            for model in next {
                if chain.len() < MAX_ALIAS_MODELS && !chain.iter().any(|it| it == model) {
                    chain.push(model.to_owned());
                }
            }
        }
        for name in SPECIAL.iter().filter(|name| is_set(section.get(**name))) {
            plan.notes
                .push(MoveNote::new(NoteCode::SettingIgnored, *name));
        }
    }
    let aliases = aliases.into_iter();
    plan.aliases = aliases
        .map(|(name, models)| AliasPlan { name, models })
        .collect();
    for (section, name) in IGNORED {
        if is_set(members(config, section).and_then(|members| members.get(name))) {
            let name = format!("{section}.{name}");
            plan.notes
                .push(MoveNote::new(NoteCode::SettingIgnored, name));
        }
    }
    let general = members(config, "general_settings");
    let has = |name| is_set(general.and_then(|general| general.get(name)));
    if has("master_key") {
        plan.notes.push(MoveNote::new(NoteCode::MasterKey, ""));
    }
    plan.notes.push(MoveNote::new(NoteCode::VirtualKeys, ""));
}

fn is_set(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}
