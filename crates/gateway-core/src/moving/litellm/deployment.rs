//! One entry of `model_list`. Owns what each of its parameters means here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::providers::{self, Vendor, VendorApi};
use super::{Environment, members};
use crate::config::bounds::{MAX_RANK, MAX_TIMEOUT_MS};
use crate::moving::plan::{ChannelPlan, MoveNote, NoteCode, UpstreamKeyPlan};
use crate::secret::Secret;

/// The version of Azure's API that `LiteLLM` uses for models without one.
const AZURE_VERSION: &str = "2024-10-21";
/// Parameters that were read, say how the old gateway works, or name secrets of other providers.
const READ: [&str; 22] = [
    "model",
    "custom_llm_provider",
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "organization",
    "extra_headers",
    "weight",
    "rpm",
    "tpm",
    "order",
    "timeout",
    "stream_timeout",
    "max_retries",
    "input_cost_per_token",
    "output_cost_per_token",
    "drop_params",
    "mock_response",
    "tags",
    "region_name",
    "use_in_pass_through",
];
/// Parameters of requests, which become defaults.
const REQUEST_PARAMS: [&str; 9] = [
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "reasoning_effort",
];

/// An entry that may share a channel with others.
pub struct Deployment {
    /// The client's name of the model.
    pub model: String,
    /// The upstream's.
    pub upstream: String,
    /// Its key, if it has one; `Err`: the variable without a value.
    pub key: Result<Option<String>, String>,
    /// Its rate or weight, by which `LiteLLM` shares requests.
    pub share: Option<u64>,
    /// What is different here.
    pub notes: Vec<MoveNote>,
    api: Option<VendorApi>,
    provider: String,
    members: Map<String, Value>,
    version: Option<String>,
}

impl Deployment {
    /// Reads an entry; `None` if it names no model.
    pub fn read(entry: &Value, environment: &mut Environment<'_>) -> Option<Self> {
        let model = entry.get("model_name")?.as_str()?.trim();
        let params = members(entry, "litellm_params")?;
        let target = params.get("model")?.as_str()?.trim();
        let text = |name: &str| params.get(name).and_then(Value::as_str);
        let mut deployment = Self {
            model: model.to_owned(),
            upstream: target.to_owned(),
            key: Ok(None),
            share: None,
            notes: Vec::new(),
            api: None,
            provider: String::new(),
            members: Map::new(),
            version: None,
        };
        let (vendor, upstream) = match providers::find(target, text("custom_llm_provider")) {
            Ok(found) => found,
            Err(name) => {
                name.clone_into(&mut deployment.provider);
                deployment.note(NoteCode::UnsupportedType, name);
                return Some(deployment);
            }
        };
        upstream.clone_into(&mut deployment.upstream);
        (*vendor.names.first()?).clone_into(&mut deployment.provider);
        deployment.api = Some(vendor.api);
        let base = text("api_base").or_else(|| text("base_url"));
        deployment.read_address(vendor, base, environment);
        deployment.read_key(vendor, text("api_key"), environment);
        if vendor.api == VendorApi::Azure {
            let version = text("api_version").unwrap_or(AZURE_VERSION);
            let version = environment.value(version);
            deployment.version = Some(version.unwrap_or_else(|_| AZURE_VERSION.to_owned()));
        }
        deployment.read_headers(params, environment);
        deployment.read_times(params);
        deployment.read_share(params);
        deployment.read_params(params);
        Some(deployment)
    }

    fn note(&mut self, code: NoteCode, subject: impl Into<String>) {
        self.notes.push(MoveNote::new(code, subject));
    }

    fn set(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    fn read_address(
        &mut self,
        vendor: &Vendor,
        base: Option<&str>,
        environment: &mut Environment<'_>,
    ) {
        let provider = match vendor.api {
            VendorApi::Azure => "azure",
            VendorApi::Anthropic => "anthropic",
            _ => "openai",
        };
        self.set("provider", json!(provider));
        if vendor.api == VendorApi::Compatible {
            self.note(NoteCode::Compatible, "");
        }
        match base.map(|base| environment.value(base)) {
            Some(Ok(base)) if !base.is_empty() => {
                let base = providers::base_url(vendor.api, &base);
                self.set("base_url", json!(base));
            }
            Some(Err(variable)) => self.note(NoteCode::BaseUrlVariable, variable),
            _ if vendor.base_url.is_empty() => self.note(NoteCode::BaseUrlMissing, ""),
            _ => self.set("base_url", json!(vendor.base_url)),
        }
    }

    /// Without a key of its own, an entry uses the provider's variable, unless its address is another one.
    fn read_key(&mut self, vendor: &Vendor, key: Option<&str>, environment: &mut Environment<'_>) {
        self.key = match key {
            Some(key) => environment.value(key).map(Some),
            None if vendor.variable.is_empty() => Ok(None),
            None => environment.variable(vendor.variable).map(Some),
        };
        if let Err(variable) = &self.key {
            let variable = variable.clone();
            self.note(NoteCode::KeyVariable, variable);
        }
        let is_invalid = |key: &Option<String>| {
            let key = key.as_deref();
            key.is_some_and(|key| {
                key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic())
            })
        };
        if self.key.as_ref().is_ok_and(is_invalid) {
            self.key = Ok(None);
            self.note(NoteCode::KeyInvalid, "1");
        }
    }

    fn read_headers(&mut self, params: &Map<String, Value>, environment: &mut Environment<'_>) {
        let mut headers = Map::new();
        let own = params.get("extra_headers").and_then(Value::as_object);
        for (name, value) in own.into_iter().flatten() {
            match value.as_str().map(|text| environment.value(text)) {
                Some(Ok(text)) => {
                    headers.insert(name.to_lowercase(), text.into());
                }
                _ => self.note(NoteCode::SettingIgnored, format!("extra_headers.{name}")),
            }
        }
        let organization = params.get("organization").and_then(Value::as_str);
        if let Some(Ok(organization)) = organization.map(|text| environment.value(text)) {
            headers.insert("openai-organization".to_owned(), organization.into());
        }
        if !headers.is_empty() {
            self.set("headers", headers.into());
        }
    }

    fn read_times(&mut self, params: &Map<String, Value>) {
        let milliseconds = |name: &str| {
            let seconds = params.get(name)?.as_f64()?;
            let ms = std::time::Duration::try_from_secs_f64(seconds).ok()?;
            let ms = u64::try_from(ms.as_millis()).ok()?;
            (1..=MAX_TIMEOUT_MS).contains(&ms).then_some(ms)
        };
        if let Some(ms) = milliseconds("stream_timeout").or_else(|| milliseconds("timeout")) {
            self.set("first_byte_timeout_ms", json!(ms));
        }
        let order = params.get("order").and_then(Value::as_u64);
        if let Some(order) = order.filter(|order| *order <= MAX_RANK) {
            self.set("priority", json!(order));
        }
    }

    /// A weight comes before requests per minute, and those before tokens.
    fn read_share(&mut self, params: &Map<String, Value>) {
        let number = |name: &str| {
            let value = params.get(name)?;
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            number.filter(|number| *number > 0)
        };
        let weight = number("weight");
        let rates = ["rpm", "tpm"].map(|name| (name, number(name)));
        self.share = rates
            .iter()
            .fold(weight, |share, (_, rate)| share.or(*rate));
        for (name, rate) in rates {
            if let Some(rate) = rate {
                self.note(NoteCode::RateIgnored, format!("{name} {rate}"));
            }
        }
    }

    fn read_params(&mut self, params: &Map<String, Value>) {
        let mut defaults = Map::new();
        for (name, value) in params {
            if value.is_null() || READ.contains(&name.as_str()) {
                continue;
            }
            if REQUEST_PARAMS.contains(&name.as_str()) {
                self.note(NoteCode::ParamsDefault, name);
                defaults.insert(name.clone(), value.clone());
            } else {
                self.note(NoteCode::SettingIgnored, name);
            }
        }
        if !defaults.is_empty() {
            self.set("default_params", defaults.into());
        }
    }

    /// Whether another entry differs in its key and its model at most.
    pub fn is_like(&self, other: &Self) -> bool {
        self.api.is_some()
            && self.provider == other.provider
            && self.members == other.members
            && self.version == other.version
            && self.share == other.share
            && self.blocks() == other.blocks()
    }

    fn blocks(&self) -> Option<&MoveNote> {
        self.notes.iter().find(|note| note.code.blocks())
    }

    /// The channel of entries with these models; `most` is the largest share of all.
    pub fn into_channel(
        self,
        index: usize,
        most: u64,
        models: &BTreeMap<String, String>,
    ) -> ChannelPlan {
        let mut members = self.members;
        let is_azure = self.api == Some(VendorApi::Azure);
        // One entry for everything: here a list without entries.
        let names: Vec<&String> = models.keys().filter(|name| !name.contains('*')).collect();
        let mapped: BTreeMap<&String, &String> = models
            .iter()
            .filter(|(name, upstream)| name != upstream && *name != "*")
            .collect();
        if is_azure {
            members.insert(
                "azure".to_owned(),
                json!({"api_version": self.version, "deployments": mapped}),
            );
        } else if !mapped.is_empty() {
            members.insert("model_map".to_owned(), json!(mapped));
        }
        if !models.contains_key("*") {
            members.insert("models".to_owned(), json!(names));
        }
        if let Some(share) = self.share {
            members.insert("weight".to_owned(), json!(scaled(share, most)));
        }
        ChannelPlan {
            item: format!("channels/{index}"),
            name: name(
                &self.provider,
                members.get("base_url").and_then(Value::as_str),
                &self.model,
            ),
            members,
            keys: self.key.ok().flatten().map(key).into_iter().collect(),
            notes: self.notes,
        }
    }
}

/// A key of a channel.
pub fn key(key: String) -> UpstreamKeyPlan {
    UpstreamKeyPlan {
        secret: Secret::new(key),
        enabled: true,
    }
}

/// Weights go up to a bound; rates of tokens are far above it.
fn scaled(share: u64, most: u64) -> u64 {
    if most <= MAX_RANK {
        return share;
    }
    let scaled = u128::from(share) * u128::from(MAX_RANK) / u128::from(most);
    u64::try_from(scaled).unwrap_or(MAX_RANK).max(1)
}

/// Providers have no names there: a channel is called after its provider and its host.
fn name(provider: &str, base_url: Option<&str>, model: &str) -> String {
    let host = base_url.and_then(|url| url.split_once("://"));
    let host = host.and_then(|(_, rest)| rest.split(['/', ':']).next());
    match host {
        Some(host) if !host.is_empty() => format!("{provider} ({host})"),
        _ => format!("{provider} ({model})"),
    }
}
