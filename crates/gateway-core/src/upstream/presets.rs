//! What is known of providers: their hosts, the dialects they speak, and their quirks, as the vendors documented them in
//! November 2026. Owns the data, one row each. The panel's presets (`admin-ui/web/src/channels/presets.ts`) have the base
//! URLs; a test keeps both in step.
//!
//! What is doubtful is left out: a wrong entry does more harm than a missing one, since dialects are learnt and optional
//! members are not sent to unknown servers. The setting `quirks` of a channel overrides every entry.

use super::provider::Provider;
pub use super::quirks::PresetId;
use super::quirks::{
    CallIdForm, EffortBound, MaxTokensMember, Quirks, ReasoningForm, ReasoningMember,
};
use crate::wire::dialect::Dialect;

/// What is known of a provider.
#[derive(Debug)]
pub struct Preset {
    /// Its name.
    pub id: PresetId,
    /// The ends of its host names.
    pub hosts: &'static [&'static str],
    /// The dialects that it speaks under its usual base URL; `None`: they differ between versions, and are learnt.
    pub dialects: Option<&'static [Dialect]>,
    /// Whether each call to its hosts requires a key.
    pub needs_key: bool,
    /// Its differences.
    pub quirks: Quirks,
    /// The differences of models; the first row that has a model applies.
    pub models: &'static [ModelRow],
}

/// What is known of some models of a provider.
#[derive(Debug)]
pub struct ModelRow {
    /// The beginnings of their names, without the part before `/`.
    pub names: &'static [&'static str],
    /// Their differences.
    pub quirks: Quirks,
    /// The efforts between the least and the highest that they do not know.
    pub missing_efforts: &'static [EffortBound],
}

const NONE: Quirks = Quirks::NONE;
/// OpenAI's own chat completions, which Azure has as well.
const OPENAI: Quirks = Quirks {
    max_tokens_param: Some(MaxTokensMember::MaxCompletionTokens),
    developer_role: Some(true),
    prompt_cache_key: Some(true),
    openai_hints: Some(true),
    ..NONE
};
/// Servers that render whatever template a model has: many have room for instructions at the beginning only.
const TEMPLATED: Quirks = Quirks {
    late_system: Some(false),
    ..NONE
};

/// Models that accept an effort of reasoning from `min` to `max`, except for those in `missing`.
const fn efforts(
    names: &'static [&'static str],
    min: EffortBound,
    max: EffortBound,
    missing: &'static [EffortBound],
) -> ModelRow {
    ModelRow {
        names,
        quirks: Quirks {
            thinking: Some(ReasoningForm::Effort),
            min_effort: Some(min),
            max_effort: Some(max),
            ..NONE
        },
        missing_efforts: missing,
    }
}

/// All of them.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: PresetId::OpenAi,
        hosts: &["api.openai.com"],
        dialects: Some(&[Dialect::Chat, Dialect::Responses]),
        needs_key: true,
        quirks: OPENAI,
        models: &[],
    },
    Preset {
        id: PresetId::Azure,
        // By the kind of the channel, since its hosts are the customers'.
        hosts: &[],
        dialects: None,
        needs_key: true,
        quirks: OPENAI,
        models: &[],
    },
    Preset {
        id: PresetId::Anthropic,
        hosts: &["api.anthropic.com"],
        dialects: None,
        needs_key: true,
        quirks: Quirks {
            web_search: Some(true),
            ..NONE
        },
        models: &[],
    },
    Preset {
        // Members that the model's provider does not know are left out there.
        id: PresetId::OpenRouter,
        hosts: &["openrouter.ai"],
        dialects: Some(&[Dialect::Chat, Dialect::Responses, Dialect::Messages]),
        needs_key: true,
        quirks: Quirks {
            thinking: Some(ReasoningForm::Effort),
            max_effort: Some(EffortBound::Max),
            reasoning_param: Some(ReasoningMember::Reasoning),
            top_k: Some(true),
            prompt_cache_key: Some(true),
            openai_hints: Some(true),
            ..NONE
        },
        models: &[],
    },
    Preset {
        // Rejects unknown members.
        id: PresetId::Nvidia,
        hosts: &["integrate.api.nvidia.com"],
        dialects: None,
        needs_key: true,
        quirks: TEMPLATED,
        models: &[],
    },
    Preset {
        // Its list of unsupported members has no others that a translation writes.
        id: PresetId::Groq,
        hosts: &["api.groq.com"],
        dialects: None,
        needs_key: true,
        quirks: Quirks {
            max_tokens_param: Some(MaxTokensMember::MaxCompletionTokens),
            ..NONE
        },
        models: &[],
    },
    Preset {
        // Demands the reasoning of turns with calls back. Every step of effort is accepted and mapped to its three.
        id: PresetId::DeepSeek,
        hosts: &["api.deepseek.com"],
        dialects: None,
        needs_key: true,
        quirks: Quirks {
            thinking: Some(ReasoningForm::Effort),
            min_effort: Some(EffortBound::Low),
            max_effort: Some(EffortBound::Max),
            reasoning_param: Some(ReasoningMember::ReasoningContent),
            ..NONE
        },
        models: &[],
    },
    Preset {
        // Rejects unknown members.
        id: PresetId::Gemini,
        hosts: &["generativelanguage.googleapis.com"],
        dialects: Some(&[Dialect::Chat]),
        needs_key: true,
        quirks: Quirks {
            thinking: Some(ReasoningForm::Effort),
            min_effort: Some(EffortBound::Minimal),
            max_effort: Some(EffortBound::High),
            parallel_tool_calls: Some(false),
            ..NONE
        },
        models: &[],
    },
    Preset {
        // An effort is an error for models that do not think, so only models that are known get one.
        id: PresetId::Ollama,
        hosts: &["ollama.com"],
        dialects: None,
        needs_key: true,
        quirks: Quirks {
            reasoning_param: Some(ReasoningMember::Reasoning),
            ..TEMPLATED
        },
        models: &[],
    },
    Preset {
        id: PresetId::Vllm,
        hosts: &[],
        dialects: None,
        needs_key: false,
        quirks: Quirks {
            thinking: Some(ReasoningForm::Effort),
            min_effort: Some(EffortBound::Low),
            max_effort: Some(EffortBound::High),
            reasoning_param: Some(ReasoningMember::Reasoning),
            top_k: Some(true),
            ..TEMPLATED
        },
        models: &[],
    },
    Preset {
        // Demands the reasoning of turns with calls back.
        id: PresetId::Moonshot,
        hosts: &["api.moonshot.ai", "api.moonshot.cn"],
        dialects: None,
        needs_key: true,
        quirks: Quirks {
            reasoning_param: Some(ReasoningMember::ReasoningContent),
            max_tokens_param: Some(MaxTokensMember::MaxCompletionTokens),
            strict_tools: Some(false),
            prompt_cache_key: Some(true),
            ..NONE
        },
        models: &[
            // Efforts that it does not know are ignored without an error: it reasons as much as it can.
            ModelRow {
                names: &["kimi-k3"],
                quirks: Quirks {
                    thinking: Some(ReasoningForm::Effort),
                    min_effort: Some(EffortBound::Low),
                    max_effort: Some(EffortBound::Max),
                    sampling: Some(false),
                    ..NONE
                },
                missing_efforts: &[EffortBound::Medium, EffortBound::Xhigh],
            },
            ModelRow {
                names: &["kimi-"],
                quirks: Quirks {
                    sampling: Some(false),
                    ..NONE
                },
                missing_efforts: &[],
            },
        ],
    },
    Preset {
        // Workspaces have hosts of their own below the last.
        id: PresetId::Qwen,
        hosts: &[
            "dashscope.aliyuncs.com",
            "dashscope-intl.aliyuncs.com",
            "dashscope-us.aliyuncs.com",
            "maas.aliyuncs.com",
        ],
        dialects: None,
        needs_key: true,
        quirks: Quirks {
            reasoning_param: Some(ReasoningMember::ReasoningContent),
            ..NONE
        },
        models: &[],
    },
    Preset {
        // Rejects unknown members; the last event of a stream has the usage anyway.
        id: PresetId::Mistral,
        hosts: &["api.mistral.ai"],
        dialects: Some(&[Dialect::Chat]),
        needs_key: true,
        quirks: Quirks {
            call_ids: Some(CallIdForm::NineAlphanumerics),
            prefill: Some(false),
            seed: Some(false),
            stream_options: Some(false),
            prompt_cache_key: Some(true),
            ..NONE
        },
        models: &[
            efforts(
                &[
                    "mistral-small-latest",
                    "mistral-small-2603",
                    "mistral-medium-3-5",
                ],
                EffortBound::None,
                EffortBound::High,
                &[EffortBound::Minimal, EffortBound::Low, EffortBound::Medium],
            ),
            efforts(
                &["mistral-large-4"],
                EffortBound::Low,
                EffortBound::High,
                &[],
            ),
        ],
    },
    Preset {
        // Its `/v1/messages` is deprecated, and its chat completions have no reasoning (docs.x.ai, "Legacy & Deprecated"
        // and "Comparison with Chat Completions API"). Models without a row reject an effort.
        id: PresetId::Xai,
        hosts: &["api.x.ai"],
        dialects: Some(&[Dialect::Chat, Dialect::Responses]),
        needs_key: true,
        quirks: NONE,
        models: &[
            efforts(
                &["grok-3-mini"],
                EffortBound::Low,
                EffortBound::High,
                &[EffortBound::Medium],
            ),
            efforts(
                &["grok-4.3"],
                EffortBound::None,
                EffortBound::High,
                &[EffortBound::Minimal],
            ),
            efforts(&["grok-4.5"], EffortBound::Low, EffortBound::High, &[]),
            efforts(
                &["grok-4.6", "grok-4.7"],
                EffortBound::Low,
                EffortBound::Xhigh,
                &[],
            ),
        ],
    },
];

/// The preset of a channel: the one that it names, else the one of its kind or of its host.
pub fn of(provider: Provider, host: &str, named: Option<PresetId>) -> Option<&'static Preset> {
    let is_of = |suffix: &&str| {
        let rest = host.strip_suffix(*suffix);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let azure = (provider == Provider::Azure).then_some(PresetId::Azure);
    match named.or(azure) {
        Some(id) => PRESETS.iter().find(|preset| preset.id == id),
        None => PRESETS.iter().find(|preset| preset.hosts.iter().any(is_of)),
    }
}

/// Whether nothing at this host answers without a key, as far as that is known. A server elsewhere may do without one, or
/// add one, whatever it is configured as.
pub fn needs_key(provider: Provider, host: &str) -> bool {
    if provider == Provider::Azure {
        return host.ends_with(AZURE_HOSTS);
    }
    of(provider, host, None).is_some_and(|preset| preset.needs_key)
}

/// Where Azure's resources are.
const AZURE_HOSTS: &str = ".azure.com";

impl Preset {
    /// The row of a model, by its name without the part before `/`.
    pub fn of_model(&self, name: &str) -> Option<&'static ModelRow> {
        let begins = |row: &&ModelRow| row.names.iter().any(|prefix| name.starts_with(prefix));
        self.models.iter().find(begins)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use url::Url;

    use super::*;

    #[test]
    fn hosts_and_kinds_and_names_find_their_preset() {
        let id = |provider, host, named| of(provider, host, named).map(|preset| preset.id);
        let openai = Provider::OpenAi;
        assert_eq!(id(openai, "api.openai.com", None), Some(PresetId::OpenAi));
        assert_eq!(
            id(openai, "eu.api.openai.com", None),
            Some(PresetId::OpenAi)
        );
        assert_eq!(id(openai, "notapi.openai.com.evil", None), None);
        assert_eq!(id(openai, "xapi.openai.com", None), None);
        assert_eq!(
            id(Provider::Azure, "r.openai.azure.com", None),
            Some(PresetId::Azure)
        );
        let workspace = "ws-1.ap-southeast-1.maas.aliyuncs.com";
        assert_eq!(id(openai, workspace, None), Some(PresetId::Qwen));
        let named = Some(PresetId::Vllm);
        assert_eq!(id(openai, "api.openai.com", named), named);
        assert_eq!(id(openai, "127.0.0.1", named), named);
    }

    #[test]
    fn only_the_hosts_of_providers_need_a_key() {
        for (provider, host, expected) in [
            (Provider::OpenAi, "api.openai.com", true),
            (Provider::OpenAi, "ollama.com", true),
            (Provider::Anthropic, "api.anthropic.com", true),
            (Provider::Azure, "r.openai.azure.com", true),
            (Provider::OpenAi, "127.0.0.1", false),
            (Provider::OpenAi, "gateway.example", false),
            (Provider::Anthropic, "proxy.example", false),
            (Provider::Azure, "apim.example", false),
        ] {
            assert_eq!(needs_key(provider, host), expected, "{host}");
        }
    }

    #[test]
    fn every_name_has_one_row() {
        let rows: BTreeSet<String> = PRESETS
            .iter()
            .map(|preset| {
                serde_json::to_value(preset.id)
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(rows.len(), PRESETS.len());
        assert!(PresetId::NAMES.iter().all(|name| rows.contains(*name)));
        assert_eq!(PresetId::NAMES.len(), PRESETS.len());
    }

    #[test]
    fn the_panel_offers_each_preset_with_a_host_of_the_table() {
        const PANEL: &str = include_str!("../../../../admin-ui/web/src/channels/presets.ts");
        for name in PresetId::NAMES {
            assert!(
                PANEL.contains(&format!("\"{name}\"")),
                "the panel lacks {name}"
            );
        }
        let texts = PANEL.split('"').filter(|text| text.starts_with("http"));
        let mut found = BTreeSet::new();
        for url in texts {
            let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
            let preset = of(Provider::OpenAi, &host, None);
            let is_own = host == "127.0.0.1" || host.ends_with(".azure.com");
            assert!(preset.is_some() || is_own, "the table lacks {url}");
            found.extend(preset.map(|preset| format!("{:?}", preset.id)));
        }
        for preset in PRESETS
            .iter()
            .filter(|preset| preset.id != PresetId::Ollama)
        {
            let id = format!("{:?}", preset.id);
            assert!(
                preset.hosts.is_empty() || found.contains(&id),
                "the panel lacks {id}"
            );
        }
    }
}
