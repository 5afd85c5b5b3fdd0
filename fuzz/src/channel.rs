//! The channels of the fuzz programs, their tools and the reasoning state that travels through clients. Owns the words
//! that stand for envelopes in inputs: no fuzzer can make up an authenticated one.

use gateway_core::dialect::answer::AnswerContext;
use gateway_core::dialect::effort::Effort;
use gateway_core::dialect::envelope::{EnvelopeKey, Origin, ReasoningState, StateContent};
use gateway_core::dialect::registry::{DeclaredKind, DeclaredTool};
use gateway_core::dialect::traits::{CallIdForm, MaxTokensMember, ReasoningForm, UpstreamTraits};
use gateway_core::upstream::provider::Provider;
use gateway_core::wire::dialect::Dialect;

/// The dialects of channels.
pub const CHANNELS: [Dialect; 3] = [Dialect::Chat, Dialect::Messages, Dialect::Responses];

/// Is part of every state that no channel here may get.
pub const FOREIGN_STATE: &str = "FOREIGN-STATE";
/// Is part of the state that the Messages channel has made.
pub const SIGNED_STATE: &str = "SIGNED-STATE";
/// Is part of the state that the Responses channel has made.
pub const ENCRYPTED_STATE: &str = "ENCRYPTED-STATE";

/// The channel of a dialect.
pub fn origin(dialect: Dialect) -> Origin {
    let provider = match dialect {
        Dialect::Messages => Provider::Anthropic,
        _ => Provider::OpenAi,
    };
    Origin {
        provider,
        channel: "ch_1".to_owned(),
    }
}

/// What the channel of a dialect accepts; each bit of `knobs` changes one trait.
pub fn traits(dialect: Dialect, knobs: u8) -> UpstreamTraits {
    let has = |bit: u8| knobs & (1 << bit) != 0;
    let plain = UpstreamTraits::unknown("upstream-model", origin(dialect));
    UpstreamTraits {
        max_tokens_member: if has(0) {
            MaxTokensMember::MaxCompletionTokens
        } else {
            MaxTokensMember::MaxTokens
        },
        reasoning: match (has(1), dialect) {
            (false, _) => ReasoningForm::Absent,
            (true, Dialect::Messages) if has(0) => ReasoningForm::Adaptive,
            (true, Dialect::Messages) => ReasoningForm::Budget,
            (true, _) => ReasoningForm::Effort,
        },
        max_effort: if has(0) { Effort::Max } else { Effort::High },
        reasoning_member: has(2).then_some("reasoning_content"),
        has_developer_role: has(2),
        has_late_system: !has(3),
        has_prefill: !has(4),
        has_web_search: has(5),
        has_openai_hints: has(6),
        has_top_k: has(6),
        has_sampling: !has(6),
        call_ids: if has(7) {
            CallIdForm::NineAlphanumerics
        } else {
            CallIdForm::Plain
        },
        ..plain
    }
}

fn state(provider: Provider, channel: &str, content: StateContent) -> String {
    let origin = Origin {
        provider,
        channel: channel.to_owned(),
    };
    EnvelopeKey::default().seal(&ReasoningState { origin, content })
}

fn signed(provider: Provider, signature: &str) -> String {
    let content = StateContent::Signed {
        thinking: "Let me see.".to_owned(),
        signature: signature.to_owned(),
    };
    state(provider, "ch_1", content)
}

fn encrypted(channel: &str, content: &str) -> String {
    let content = StateContent::Encrypted {
        id: "rs_1".to_owned(),
        content: content.to_owned(),
    };
    state(Provider::OpenAi, channel, content)
}

/// The input with envelopes in the place of the words that stand for them.
pub fn with_envelopes(input: &[u8]) -> Vec<u8> {
    let redacted = |data: &str| StateContent::Redacted {
        data: data.to_owned(),
    };
    let envelopes: [(&[u8], String); 6] = [
        (b"@signed@", signed(Provider::Anthropic, SIGNED_STATE)),
        (
            b"@redacted@",
            state(Provider::Anthropic, "ch_9", redacted(SIGNED_STATE)),
        ),
        (b"@encrypted@", encrypted("ch_1", ENCRYPTED_STATE)),
        (b"@foreign_signed@", signed(Provider::OpenAi, FOREIGN_STATE)),
        (b"@foreign_encrypted@", encrypted("ch_2", FOREIGN_STATE)),
        (
            b"@forged@",
            EnvelopeKey::derive(b"other").seal(&ReasoningState {
                origin: origin(Dialect::Responses),
                content: redacted(FOREIGN_STATE),
            }),
        ),
    ];
    let mut output = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some((first, after)) = rest.split_first() {
        let found = envelopes.iter().find(|(word, _)| rest.starts_with(word));
        if let Some((word, envelope)) = found {
            output.extend_from_slice(envelope.as_bytes());
            rest = &rest[word.len()..];
        } else {
            output.push(*first);
            rest = after;
        }
    }
    output
}

/// The tools of the clients whose answers are translated: one of each kind.
pub const TOOLS: [(&str, Option<&str>, DeclaredKind); 5] = [
    ("get_weather", None, DeclaredKind::Function),
    ("search", Some("mcp__docs"), DeclaredKind::Function),
    ("apply_patch", None, DeclaredKind::Custom),
    ("shell", None, DeclaredKind::Shell),
    ("local_shell", None, DeclaredKind::LocalShell),
];

/// What an answer needs of its request.
pub fn context() -> AnswerContext {
    let mut context = context_without_tools();
    let registry = &mut context.registry;
    for (name, namespace, kind) in TOOLS {
        registry.wire_name(DeclaredTool {
            kind,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        });
    }
    context
}

/// The same of a request without tools: the names on the wire are the client's.
pub fn context_without_tools() -> AnswerContext {
    AnswerContext {
        model: "client-model".to_owned(),
        request_id: "req_1".to_owned(),
        created: 1_800_000_000,
        wants_usage: true,
        ..AnswerContext::default()
    }
}
