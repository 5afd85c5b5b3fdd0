//! What is known of providers and models, in the order in which it applies: the provider's row of [`presets`], the model,
//! the channel's own setting. Unknown ones get only what every server of their dialect accepts.

use super::{ReasoningForm, UpstreamTraits, openai};
use crate::config::snapshot::Channel;
use crate::dialect::effort::Effort;
use crate::dialect::envelope::Origin;
use crate::upstream::presets::PresetId;
use crate::upstream::provider::Provider;
use crate::upstream::quirks::{EffortBound, Quirks, ReasoningMember};
use crate::wire::dialect::Dialect;

/// The traits of a model at a channel that is called in `dialect`.
pub fn of(channel: &Channel, dialect: Dialect, model: &str) -> UpstreamTraits {
    let origin = Origin::of(channel);
    let mut traits = UpstreamTraits::unknown(model, origin);
    traits.has_stream_options = channel.stream_usage;
    let name = model.rsplit('/').next().unwrap_or(model);
    if let Some(preset) = channel.preset {
        apply(&mut traits, &preset.quirks);
        if let Some(model) = preset.of_model(name) {
            apply(&mut traits, &model.quirks);
            traits.missing_efforts = model.missing_efforts;
        }
        if matches!(preset.id, PresetId::OpenAi | PresetId::Azure) && openai::reasons(name) {
            traits.reasoning = ReasoningForm::Effort;
            traits.has_sampling = false;
            openai::set_efforts(&mut traits, name);
        }
    }
    if dialect == Dialect::Messages {
        claude(&mut traits, name);
    } else {
        open_models(&mut traits, name);
    }
    if dialect == Dialect::Responses {
        // Servers of Responses are OpenAI's, or follow it closely.
        traits.has_openai_hints = true;
        traits.has_cache_key = true;
        if traits.reasoning == ReasoningForm::Absent && openai::reasons(name) {
            traits.reasoning = ReasoningForm::Effort;
            openai::set_efforts(&mut traits, name);
        }
    }
    // What is configured wins over all that is known.
    apply(&mut traits, &channel.quirks);
    if channel.quirks.min_effort.is_some() || channel.quirks.max_effort.is_some() {
        traits.missing_efforts = &[];
    }
    traits
}

/// Whether a channel's upstream rejects thinking that it has not signed: Anthropic's own does, other servers of Messages
/// make such thinking themselves.
pub fn verifies_thinking(channel: &Channel) -> bool {
    channel
        .preset
        .is_some_and(|preset| preset.id == PresetId::Anthropic)
}

/// Changes the traits to what `quirks` say.
fn apply(traits: &mut UpstreamTraits, quirks: &Quirks) {
    fn set<T: Copy>(place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *place = value;
        }
    }
    set(&mut traits.reasoning, quirks.thinking);
    set(&mut traits.min_effort, quirks.min_effort.map(Effort::from));
    set(&mut traits.max_effort, quirks.max_effort.map(Effort::from));
    let member = quirks.reasoning_param.map(|member| match member {
        ReasoningMember::None => None,
        ReasoningMember::Reasoning => Some("reasoning"),
        ReasoningMember::ReasoningContent => Some("reasoning_content"),
    });
    set(&mut traits.reasoning_member, member);
    set(&mut traits.max_tokens_member, quirks.max_tokens_param);
    set(&mut traits.default_max_tokens, quirks.default_max_tokens);
    let stops = quirks.max_stop_sequences.map(usize::from);
    set(&mut traits.max_stop_sequences, stops);
    set(&mut traits.call_ids, quirks.call_ids);
    for (place, value) in [
        (&mut traits.has_developer_role, quirks.developer_role),
        (&mut traits.has_late_system, quirks.late_system),
        (&mut traits.has_prefill, quirks.prefill),
        (&mut traits.has_web_search, quirks.web_search),
        (&mut traits.has_sampling, quirks.sampling),
        (&mut traits.has_top_k, quirks.top_k),
        (&mut traits.has_seed, quirks.seed),
        (&mut traits.has_strict_tools, quirks.strict_tools),
        (&mut traits.has_parallel_calls, quirks.parallel_tool_calls),
        (&mut traits.has_cache_key, quirks.prompt_cache_key),
        (&mut traits.has_openai_hints, quirks.openai_hints),
        (&mut traits.has_stream_options, quirks.stream_options),
    ] {
        set(place, value);
    }
}

impl From<EffortBound> for Effort {
    fn from(bound: EffortBound) -> Self {
        match bound {
            EffortBound::None => Self::None,
            EffortBound::Minimal => Self::Minimal,
            EffortBound::Low => Self::Low,
            EffortBound::Medium => Self::Medium,
            EffortBound::High => Self::High,
            EffortBound::Xhigh => Self::Xhigh,
            EffortBound::Max => Self::Max,
        }
    }
}

/// Models that servers of any provider run.
fn open_models(traits: &mut UpstreamTraits, name: &str) {
    if name.starts_with("gpt-oss") {
        traits.reasoning = ReasoningForm::Effort;
        traits.min_effort = Effort::Low;
        traits.max_effort = Effort::High;
    }
}

/// Anthropic's models by their version.
fn claude(traits: &mut UpstreamTraits, name: &str) {
    let version = claude_version(name);
    traits.reasoning = match version {
        Some(version) if version >= (4, 6) => ReasoningForm::Adaptive,
        Some(version) if version >= (3, 7) => ReasoningForm::Budget,
        _ => ReasoningForm::Absent,
    };
    traits.max_effort = Effort::Max;
    traits.has_prefill = version.is_none_or(|version| version < (4, 6));
    traits.default_max_tokens = match version {
        Some((3, 5)) => 8_192,
        Some((4, 0 | 1)) if name.contains("opus") => 32_000,
        Some(version) if version >= (3, 7) => 64_000,
        _ => 4_096,
    };
    if traits.origin.provider == Provider::Anthropic {
        traits.has_web_search = true;
    }
}

/// The version in a name such as `claude-3-5-sonnet-20241022`, `claude-opus-4-6` or `claude-sonnet-4.5`.
fn claude_version(name: &str) -> Option<(u32, u32)> {
    let rest = name.split_once("claude")?.1;
    let mut numbers = rest
        .split(['-', '.', '@', ':', '_'])
        .skip_while(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()))
        .map_while(|part| (part.len() <= 2).then(|| part.parse().ok()).flatten());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{ChannelConfig, Document};
    use crate::config::snapshot::{Snapshot, tests::channel};
    use crate::dialect::traits::{CallIdForm, MaxTokensMember};

    fn known(url: &str, provider: Provider, dialect: Dialect, model: &str) -> UpstreamTraits {
        configured(url, provider, dialect, model, None)
    }

    fn configured(
        url: &str,
        provider: Provider,
        dialect: Dialect,
        model: &str,
        quirks: Option<Quirks>,
    ) -> UpstreamTraits {
        let stored = ChannelConfig {
            provider,
            base_url: url.to_owned(),
            quirks,
            ..channel("c")
        };
        let document = Document {
            channels: vec![stored],
            ..Document::default()
        };
        let snapshot = Snapshot::build(document, None, || 0);
        of(snapshot.channel(0).unwrap(), dialect, model)
    }

    #[test]
    fn versions_of_claude_are_read_from_its_names() {
        for (name, version) in [
            ("claude-3-5-sonnet-20241022", Some((3, 5))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-opus-4-20250514", Some((4, 0))),
            ("claude-sonnet-4.5", Some((4, 5))),
            ("claude-opus-4-12", Some((4, 12))),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", Some((4, 5))),
            ("claude-instant", None),
            ("llama-3", None),
        ] {
            assert_eq!(claude_version(name), version, "{name}");
        }
    }

    #[test]
    fn providers_are_known_by_their_hosts_and_models_by_their_names() {
        use Dialect::{Chat, Messages, Responses};
        let openai = Provider::OpenAi;
        for (url, dialect, model, reasoning) in [
            (
                "https://api.openai.com/v1",
                Chat,
                "gpt-5",
                ReasoningForm::Effort,
            ),
            (
                "https://notapi.openai.com.evil/v1",
                Chat,
                "gpt-5",
                ReasoningForm::Absent,
            ),
            (
                "https://openrouter.ai/api/v1",
                Chat,
                "x/y",
                ReasoningForm::Effort,
            ),
            (
                "https://up.example/v1",
                Chat,
                "openai/gpt-oss-120b",
                ReasoningForm::Effort,
            ),
            (
                "https://up.example/v1",
                Chat,
                "meta/llama",
                ReasoningForm::Absent,
            ),
            (
                "https://up.example/v1",
                Responses,
                "gpt-5.2",
                ReasoningForm::Effort,
            ),
            (
                "https://up.example/v1",
                Messages,
                "claude-opus-4-7",
                ReasoningForm::Adaptive,
            ),
            (
                "https://up.example/v1",
                Messages,
                "claude-sonnet-4-5",
                ReasoningForm::Budget,
            ),
            (
                "https://up.example/v1",
                Messages,
                "kimi-k2",
                ReasoningForm::Absent,
            ),
        ] {
            let traits = known(url, openai, dialect, model);
            assert_eq!(traits.reasoning, reasoning, "{url} {model}");
        }
        let grok = |model| known("https://api.x.ai/v1", openai, Chat, model).reasoning;
        assert_eq!(grok("grok-4.3"), ReasoningForm::Effort);
        assert_eq!(grok("grok-4.20-reasoning"), ReasoningForm::Absent);
        assert_eq!(grok("grok-4-fast"), ReasoningForm::Absent);
        let kimi = |model| known("https://api.moonshot.ai/v1", openai, Chat, model);
        let (old, new) = (kimi("moonshot-v1-8k"), kimi("moonshotai/kimi-k3"));
        assert!(old.has_sampling && !new.has_sampling);
        assert_eq!(new.reasoning, ReasoningForm::Effort);
        assert_eq!(new.reasoning_member, Some("reasoning_content"));
        let medium = |traits: UpstreamTraits| traits.effort(Effort::Medium);
        assert_eq!(medium(new), Effort::High, "it has low, high and max");
        let small = || {
            known(
                "https://api.mistral.ai/v1",
                openai,
                Chat,
                "mistral-small-2603",
            )
        };
        assert_eq!(medium(small()), Effort::High, "it has none and high");
        assert_eq!(small().effort(Effort::None), Effort::None);
        let mistral = known("https://api.mistral.ai/v1", openai, Chat, "m");
        assert_eq!(mistral.call_ids, CallIdForm::NineAlphanumerics);
        let own = known(
            "https://x.example",
            Provider::Anthropic,
            Messages,
            "claude-opus-4-1",
        );
        assert!(own.has_web_search && own.default_max_tokens == 32_000);
    }

    #[test]
    fn only_the_models_of_openai_that_reason_have_an_effort() {
        for (model, reasoning) in [
            ("gpt-5", ReasoningForm::Effort),
            ("o3-mini", ReasoningForm::Effort),
            ("gpt-4o", ReasoningForm::Absent),
            ("gpt-5-chat", ReasoningForm::Absent),
        ] {
            for dialect in [Dialect::Chat, Dialect::Responses] {
                let url = "https://api.openai.com/v1";
                let traits = known(url, Provider::OpenAi, dialect, model);
                assert_eq!(traits.reasoning, reasoning, "{dialect:?} {model}");
            }
        }
    }

    #[test]
    fn models_of_claude_are_known_by_their_version() {
        use ReasoningForm::{Absent, Adaptive, Budget};
        for (model, reasoning, has_prefill, max_tokens) in [
            ("claude-3-opus-20240229", Absent, true, 4_096),
            ("claude-3-5-sonnet-20241022", Absent, true, 8_192),
            ("claude-3-7-sonnet-20250219", Budget, true, 64_000),
            ("claude-sonnet-4-20250514", Budget, true, 64_000),
            ("claude-opus-4-20250514", Budget, true, 32_000),
            ("claude-opus-4-1", Budget, true, 32_000),
            ("claude-opus-4-5", Budget, true, 64_000),
            ("claude-opus-4-6", Adaptive, false, 64_000),
            ("claude-opus-5", Adaptive, false, 64_000),
            ("kimi-k2", Absent, true, 4_096),
        ] {
            let url = "https://up.example/v1";
            let traits = known(url, Provider::OpenAi, Dialect::Messages, model);
            let found = (
                traits.reasoning,
                traits.has_prefill,
                traits.default_max_tokens,
            );
            assert_eq!(found, (reasoning, has_prefill, max_tokens), "{model}");
        }
    }

    #[test]
    fn only_anthropic_verifies_thinking() {
        for (url, expected) in [
            ("https://api.anthropic.com", true),
            ("https://api.deepseek.com/anthropic", false),
            ("https://up.example", false),
        ] {
            let stored = ChannelConfig {
                provider: Provider::Anthropic,
                base_url: url.to_owned(),
                ..channel("c")
            };
            let document = Document {
                channels: vec![stored],
                ..Document::default()
            };
            let snapshot = Snapshot::build(document, None, || 0);
            let channel = snapshot.channel(0).unwrap();
            assert_eq!(verifies_thinking(channel), expected, "{url}");
        }
    }

    #[test]
    fn the_channels_setting_wins_over_what_is_known() {
        let quirks = Quirks {
            preset: Some(PresetId::Vllm),
            reasoning_param: Some(ReasoningMember::None),
            max_tokens_param: Some(MaxTokensMember::MaxCompletionTokens),
            max_effort: Some(EffortBound::Medium),
            max_stop_sequences: Some(9),
            late_system: Some(true),
            ..Quirks::NONE
        };
        let url = "https://api.deepseek.com/v1";
        let traits = configured(url, Provider::OpenAi, Dialect::Chat, "m", Some(quirks));
        assert!(traits.has_top_k, "vLLM's, not DeepSeek's");
        assert_eq!(traits.reasoning_member, None);
        assert_eq!(
            traits.max_tokens_member,
            MaxTokensMember::MaxCompletionTokens
        );
        assert_eq!(
            (traits.min_effort, traits.max_effort),
            (Effort::Low, Effort::Medium)
        );
        assert_eq!(traits.max_stop_sequences, 9);
        let lowest = Quirks {
            min_effort: Some(EffortBound::Minimal),
            ..Quirks::NONE
        };
        let openai = "https://api.openai.com/v1";
        let set = configured(
            openai,
            Provider::OpenAi,
            Dialect::Chat,
            "gpt-5.2",
            Some(lowest),
        );
        assert_eq!(set.effort(Effort::None), Effort::Minimal);
        assert!(traits.has_late_system);
        let thinking = Quirks {
            thinking: Some(ReasoningForm::Budget),
            ..Quirks::NONE
        };
        let (url, claude) = ("https://up.example/v1", "claude-opus-4-7");
        let traits = configured(
            url,
            Provider::OpenAi,
            Dialect::Messages,
            claude,
            Some(thinking),
        );
        assert_eq!(traits.reasoning, ReasoningForm::Budget);
    }
}
