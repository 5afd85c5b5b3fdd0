//! What is known of providers and models: data, in the order in which it applies. Unknown ones get only what every
//! server of their dialect accepts.

use super::{CallIdForm, MaxTokensMember, ReasoningForm, UpstreamTraits};
use crate::config::snapshot::Channel;
use crate::dialect::effort::Effort;
use crate::dialect::envelope::Origin;
use crate::upstream::provider::Provider;
use crate::wire::dialect::Dialect;

/// The traits of a model at a channel that is called in `dialect`.
pub fn of(channel: &Channel, dialect: Dialect, model: &str) -> UpstreamTraits {
    let origin = Origin::of(channel);
    let is_openai = origin.provider == Provider::Azure;
    let mut traits = UpstreamTraits::unknown(model, origin);
    traits.has_stream_options = channel.stream_usage;
    let host = channel.endpoint.host();
    let is_of = |suffix: &&str| {
        let rest = host.strip_suffix(*suffix);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    for (suffixes, apply) in HOSTS {
        if suffixes.iter().any(is_of) {
            apply(&mut traits);
        }
    }
    if is_openai {
        openai(&mut traits);
    }
    let name = model.rsplit('/').next().unwrap_or(model);
    if dialect == Dialect::Messages {
        claude(&mut traits, name);
    } else {
        open_models(&mut traits, name);
    }
    if dialect == Dialect::Responses {
        // Servers of Responses are OpenAI's, or follow it closely.
        traits.has_openai_hints = true;
        if traits.reasoning == ReasoningForm::Absent && is_openai_reasoning(name) {
            traits.reasoning = ReasoningForm::Effort;
        }
    }
    traits
}

/// Changes the traits to those of one provider.
type Apply = fn(&mut UpstreamTraits);

/// Providers by the ends of their host names.
const HOSTS: &[(&[&str], Apply)] = &[
    (&["api.openai.com"], openai),
    (&["openrouter.ai"], |traits| {
        traits.reasoning = ReasoningForm::Effort;
        traits.reasoning_member = Some("reasoning");
        traits.has_top_k = true;
    }),
    (&["api.x.ai"], |traits| {
        if traits.model.contains("mini") {
            traits.reasoning = ReasoningForm::Effort;
        }
    }),
    (&["generativelanguage.googleapis.com"], |traits| {
        traits.reasoning = ReasoningForm::Effort;
    }),
    // Their thinking models demand the reasoning of the turn back in loops of calls.
    (
        &[
            "api.deepseek.com",
            "api.moonshot.ai",
            "api.moonshot.cn",
            "dashscope.aliyuncs.com",
            "dashscope-intl.aliyuncs.com",
        ],
        |traits| traits.reasoning_member = Some("reasoning_content"),
    ),
    (&["api.mistral.ai"], |traits| {
        traits.call_ids = CallIdForm::NineAlphanumerics;
        traits.has_prefill = false;
        traits.has_stream_options = false;
    }),
    (&["api.anthropic.com"], |traits| {
        traits.has_web_search = true;
    }),
];

fn openai(traits: &mut UpstreamTraits) {
    traits.max_tokens_member = MaxTokensMember::MaxCompletionTokens;
    traits.has_developer_role = true;
    traits.has_openai_hints = true;
    let name = traits.model.rsplit('/').next().unwrap_or_default();
    if is_openai_reasoning(name) {
        traits.reasoning = ReasoningForm::Effort;
        traits.max_effort = Effort::Xhigh;
        traits.has_sampling = false;
    }
}

fn is_openai_reasoning(name: &str) -> bool {
    const FAMILIES: [&str; 5] = ["o1", "o3", "o4", "gpt-5", "codex"];
    FAMILIES.iter().any(|family| name.starts_with(family)) && !name.contains("-chat")
}

/// Models that servers of any provider run.
fn open_models(traits: &mut UpstreamTraits, name: &str) {
    if name.starts_with("gpt-oss") {
        traits.reasoning = ReasoningForm::Effort;
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

    fn known(url: &str, provider: Provider, dialect: Dialect, model: &str) -> UpstreamTraits {
        let stored = ChannelConfig {
            provider,
            base_url: url.to_owned(),
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
                "https://api.openai.com/v1",
                Chat,
                "gpt-4o",
                ReasoningForm::Absent,
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
}
