//! The tokens of an answer, and what else its price depends on, as stated by the upstream. Owns the spellings in use: chat
//! completions, embeddings and their relatives, `/v1/responses`, Anthropic's messages, images, transcriptions. Estimates
//! nothing.

use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem::{self, Finder};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Tokens of one answer, and its other units. A figure that the upstream does not state is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub prompt_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: u64,
    /// Tokens of the request that the provider had in its cache.
    pub cached_tokens: u64,
    /// Tokens of the request that the provider wrote into its cache.
    pub cache_write_tokens: u64,
    /// Those of them that it keeps for an hour.
    pub cache_write_1h_tokens: u64,
    /// Tokens of the answer that were spent on reasoning.
    pub reasoning_tokens: u64,
    /// Images of the answer.
    pub images: u64,
    /// Milliseconds of audio or video.
    pub media_ms: u64,
    /// The service tier that the request was served in; `None`: the standard one.
    pub service_tier: Option<ServiceTier>,
}

/// A service tier of a provider that has other prices than its standard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ServiceTier {
    /// Slower and cheaper.
    Flex,
    /// Faster and dearer.
    Priority,
    /// Part of a batch.
    Batch,
}

impl ServiceTier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Flex, Self::Priority, Self::Batch];

    /// The word for it in answers and documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Batch => "batch",
        }
    }

    /// The tier of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.word() == word)
    }
}

impl Usage {
    /// Adds later figures of the same answer: streams report some of them at their beginning, and all that changed once
    /// more at their end. Figures are sums that only grow, so the larger one is the later one; and a later report that
    /// leaves some out takes nothing away.
    pub fn take_in(&mut self, later: Self) {
        self.prompt_tokens = self.prompt_tokens.max(later.prompt_tokens);
        self.completion_tokens = self.completion_tokens.max(later.completion_tokens);
        self.cached_tokens = self.cached_tokens.max(later.cached_tokens);
        self.cache_write_tokens = self.cache_write_tokens.max(later.cache_write_tokens);
        self.cache_write_1h_tokens = self.cache_write_1h_tokens.max(later.cache_write_1h_tokens);
        self.reasoning_tokens = self.reasoning_tokens.max(later.reasoning_tokens);
        self.images = self.images.max(later.images);
        self.media_ms = self.media_ms.max(later.media_ms);
        self.service_tier = later.service_tier.or(self.service_tier);
    }

    /// Whether the upstream states any tokens.
    pub const fn has_tokens(&self) -> bool {
        self.prompt_tokens != 0 || self.completion_tokens != 0
    }
}

/// The members of a `usage` object, in all spellings. Each is raw, so that an invalid one does not affect the others.
#[derive(Deserialize)]
struct Figures<'a> {
    #[serde(borrow, default)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    completion_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_tokens_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    completion_tokens_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input_tokens_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_tokens_details: Option<&'a RawValue>,
    // Jina's embeddings and rerankings state nothing else.
    #[serde(borrow, default)]
    total_tokens: Option<&'a RawValue>,
    // Anthropic counts these beside `input_tokens`.
    #[serde(borrow, default)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_creation: Option<&'a RawValue>,
    // DeepSeek.
    #[serde(borrow, default)]
    prompt_cache_hit_tokens: Option<&'a RawValue>,
    // Anthropic; OpenAI has it beside the usage.
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    // OpenAI's transcriptions, and what some servers call it.
    #[serde(borrow, default)]
    seconds: Option<&'a RawValue>,
    #[serde(borrow, default)]
    duration: Option<&'a RawValue>,
    // Volcengine and DashScope.
    #[serde(borrow, default)]
    generated_images: Option<&'a RawValue>,
    #[serde(borrow, default)]
    image_count: Option<&'a RawValue>,
}

/// What Anthropic wrote into its cache, by how long it stays there.
#[derive(Deserialize)]
struct CacheCreation<'a> {
    #[serde(borrow, default)]
    ephemeral_5m_input_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ephemeral_1h_input_tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
struct Details<'a> {
    #[serde(borrow, default)]
    cached_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache_write_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_tokens: Option<&'a RawValue>,
}

/// Reads a `usage` object; `None` when it is not an object or has neither tokens nor other units.
pub fn of_object(raw: &RawValue) -> Option<Usage> {
    let figures: Figures<'_> = crate::wire::json::from_str(raw.get()).ok()?;
    let whole_prompt = count(figures.prompt_tokens);
    let prompt = whole_prompt.or_else(|| count(figures.input_tokens));
    let completion = count(figures.completion_tokens).or_else(|| count(figures.output_tokens));
    let prompt = match completion {
        None => prompt.or_else(|| count(figures.total_tokens)),
        Some(_) => prompt,
    };
    let images = count(figures.generated_images).or_else(|| count(figures.image_count));
    let media_ms = milliseconds(figures.seconds).or_else(|| milliseconds(figures.duration));
    if prompt.is_none() && completion.is_none() && images.is_none() && media_ms.is_none() {
        return None;
    }
    let prompt_details: Option<Details<'_>> =
        details(figures.prompt_tokens_details).or_else(|| details(figures.input_tokens_details));
    let completion_details: Option<Details<'_>> = details(figures.completion_tokens_details)
        .or_else(|| details(figures.output_tokens_details));
    let read = count(figures.cache_read_input_tokens);
    let creation: Option<CacheCreation<'_>> = details(figures.cache_creation);
    let hour = creation
        .as_ref()
        .and_then(|creation| count(creation.ephemeral_1h_input_tokens))
        .unwrap_or(0);
    // Some servers state the parts without their sum.
    let written = count(figures.cache_creation_input_tokens).or_else(|| {
        let minutes = count(creation?.ephemeral_5m_input_tokens);
        Some(minutes.unwrap_or(0) + hour).filter(|written| *written > 0)
    });
    // LiteLLM and similar gateways state Anthropic's figures as well, but theirs are among `prompt_tokens`.
    let beside = match whole_prompt {
        None => read.unwrap_or(0) + written.unwrap_or(0),
        Some(_) => 0,
    };
    let written = prompt_details
        .as_ref()
        .and_then(|details| count(details.cache_write_tokens))
        .or(written);
    let cached = prompt_details
        .and_then(|details| count(details.cached_tokens))
        .or_else(|| count(figures.prompt_cache_hit_tokens))
        .or(read);
    Some(Usage {
        prompt_tokens: prompt.unwrap_or(0) + beside,
        completion_tokens: completion.unwrap_or(0),
        cached_tokens: cached.unwrap_or(0),
        cache_write_tokens: written.unwrap_or(0),
        cache_write_1h_tokens: hour,
        reasoning_tokens: completion_details
            .and_then(|details| count(details.reasoning_tokens))
            .unwrap_or(0),
        images: images.unwrap_or(0),
        media_ms: media_ms.unwrap_or(0),
        service_tier: service_tier(figures.service_tier),
    })
}

/// Prepared once: in a short answer the preparation takes longer than the search.
static NAMES: LazyLock<[Finder<'_>; 3]> = LazyLock::new(|| {
    [
        Finder::new(b"\"usage\""),
        Finder::new(IMAGE),
        Finder::new(b"\"duration\""),
    ]
});

/// The member of an image in an answer. In JSON it occurs only as the name of a member, or as a whole string.
pub(super) const IMAGE: &[u8] = b"\"b64_json\"";

/// What an answer says beside its `usage`.
#[derive(Default, Deserialize)]
struct AnswerFigures<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    duration: Option<&'a RawValue>,
}

/// The usage that a whole JSON answer states. An answer that does not mention any is not parsed.
pub fn of_body(body: &[u8]) -> Option<Usage> {
    let mentioned = |index: usize| NAMES.get(index).and_then(|name| name.find(body)).is_some();
    if !(mentioned(0) || mentioned(1) || mentioned(2)) {
        return None;
    }
    let answer: AnswerFigures<'_> = serde_json::from_slice(body).ok()?;
    let stated = answer.usage.and_then(of_object);
    let mut usage = stated.unwrap_or_default();
    usage.service_tier = usage.service_tier.or(service_tier(answer.service_tier));
    if usage.images == 0 {
        usage.images = answer.data.map_or(0, images);
    }
    if usage.media_ms == 0 {
        usage.media_ms = milliseconds(answer.duration).unwrap_or(0);
    }
    (stated.is_some() || usage.images > 0 || usage.media_ms > 0).then_some(usage)
}

/// The images in the `data` of an answer.
fn images(data: &RawValue) -> u64 {
    #[derive(Deserialize)]
    struct Image {
        #[serde(default)]
        b64_json: Option<IgnoredAny>,
        #[serde(default)]
        url: Option<IgnoredAny>,
    }
    // Embeddings are long, and no images.
    let text = data.get().as_bytes();
    if memmem::find(text, IMAGE).is_none() && memmem::find(text, b"\"url\"").is_none() {
        return 0;
    }
    let items: Vec<Image> = crate::wire::json::from_str(data.get()).unwrap_or_default();
    let images = items
        .iter()
        .filter(|item| item.b64_json.is_some() || item.url.is_some());
    images.count() as u64
}

/// The service tier that a member of an answer names.
pub fn service_tier(raw: Option<&RawValue>) -> Option<ServiceTier> {
    ServiceTier::parse(raw?.get().trim_matches('"'))
}

/// More tokens than any model accepts: a figure above is invalid, and sums must not overflow.
const MAX_TOKENS: u64 = 1 << 40;

fn count(raw: Option<&RawValue>) -> Option<u64> {
    crate::wire::json::from_str(raw?.get())
        .ok()
        .filter(|tokens| *tokens <= MAX_TOKENS)
}

/// Seconds, as a number or as a text, in milliseconds.
fn milliseconds(raw: Option<&RawValue>) -> Option<u64> {
    let seconds: f64 = raw?.get().trim_matches('"').parse().ok()?;
    let milliseconds = Duration::try_from_secs_f64(seconds).ok()?.as_millis();
    u64::try_from(milliseconds)
        .ok()
        .filter(|milliseconds| *milliseconds <= MAX_TOKENS)
}

fn details<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    crate::wire::json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u64, completion: u64, cached: u64, reasoning: u64) -> Usage {
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            reasoning_tokens: reasoning,
            ..Usage::default()
        }
    }

    fn with_writes(usage: Usage, cache_write_tokens: u64) -> Usage {
        Usage {
            cache_write_tokens,
            ..usage
        }
    }

    #[test]
    fn every_spelling_is_read() {
        let rows = [
            // OpenAI's chat completions.
            (
                r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}"#,
                usage(19, 10, 4, 3),
            ),
            // Embeddings.
            (r#"{"prompt_tokens":8,"total_tokens":8}"#, usage(8, 0, 0, 0)),
            // OpenAI's responses.
            (
                r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":5},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":60},"total_tokens":123}"#,
                usage(36, 87, 5, 60),
            ),
            // Anthropic's messages: cached tokens are counted beside the others.
            (
                r#"{"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":7}"#,
                with_writes(usage(1110, 7, 1000, 0), 100),
            ),
            (r#"{"output_tokens":15}"#, usage(0, 15, 0, 0)),
            // LiteLLM in front of Anthropic: both spellings, cached tokens among the prompt's.
            (
                r#"{"prompt_tokens":1110,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":1000},"cache_creation_input_tokens":100,"cache_read_input_tokens":1000}"#,
                with_writes(usage(1110, 7, 1000, 0), 100),
            ),
            // DeepSeek.
            (
                r#"{"prompt_tokens":50,"completion_tokens":5,"prompt_cache_hit_tokens":40,"prompt_cache_miss_tokens":10}"#,
                usage(50, 5, 40, 0),
            ),
            // Jina's rerankings.
            (r#"{"total_tokens":38}"#, usage(38, 0, 0, 0)),
            // NVIDIA NIM and others leave details null.
            (
                r#"{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":null}"#,
                usage(1, 2, 0, 0),
            ),
        ];
        for (object, expected) in rows {
            let body = format!(r#"{{"id":"x","usage":{object}}}"#);
            assert_eq!(of_body(body.as_bytes()), Some(expected), "{object}");
        }
    }

    #[test]
    fn caches_service_tiers_images_and_seconds_are_read() {
        let tier = |usage: Usage, tier| Usage {
            service_tier: Some(tier),
            ..usage
        };
        let hour = |usage: Usage, cache_write_1h_tokens| Usage {
            cache_write_1h_tokens,
            ..usage
        };
        let media = |images, media_ms| Usage {
            images,
            media_ms,
            ..Usage::default()
        };
        let rows = [
            // Anthropic, with parts that stay for five minutes and for an hour.
            (
                r#"{"usage":{"input_tokens":2048,"cache_read_input_tokens":1800,"cache_creation_input_tokens":248,"cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100},"output_tokens":503,"service_tier":"priority"}}"#,
                Some(tier(
                    hour(with_writes(usage(4096, 503, 1800, 0), 248), 100),
                    ServiceTier::Priority,
                )),
            ),
            (
                r#"{"usage":{"input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":2,"service_tier":"standard"}}"#,
                Some(hour(with_writes(usage(8, 2, 0, 0), 7), 3)),
            ),
            (
                r#"{"usage":{"input_tokens":1,"output_tokens":2,"service_tier":"batch"}}"#,
                Some(tier(usage(1, 2, 0, 0), ServiceTier::Batch)),
            ),
            // OpenAI has the tier beside the usage.
            (
                r#"{"service_tier":"flex","usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
                Some(tier(usage(1, 2, 0, 0), ServiceTier::Flex)),
            ),
            (
                r#"{"service_tier":"default","usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
                Some(usage(1, 2, 0, 0)),
            ),
            (
                r#"{"service_tier":null,"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
                Some(usage(1, 2, 0, 0)),
            ),
            // Transcriptions.
            (
                r#"{"text":"hi","usage":{"type":"duration","seconds":9}}"#,
                Some(media(0, 9_000)),
            ),
            (
                r#"{"task":"transcribe","duration":"8.47","text":"hi"}"#,
                Some(media(0, 8_470)),
            ),
            (r#"{"duration":8.5,"text":"hi"}"#, Some(media(0, 8_500))),
            (r#"{"duration":-1}"#, None),
            (r#"{"duration":1e300}"#, None),
            (r#"{"duration":"soon"}"#, None),
            // Images.
            (
                r#"{"created":1,"data":[{"b64_json":"aGk="},{"b64_json":"aGk="}]}"#,
                Some(media(2, 0)),
            ),
            (
                r#"{"data":[{"url":"https://h/1.png"}],"usage":{"generated_images":1,"output_tokens":0,"total_tokens":0}}"#,
                Some(media(1, 0)),
            ),
            (r#"{"usage":{"image_count":3}}"#, Some(media(3, 0))),
            (
                r#"{"data":[{"b64_json":"aGk="}],"usage":{"input_tokens":5,"output_tokens":272}}"#,
                Some(Usage {
                    images: 1,
                    ..usage(5, 272, 0, 0)
                }),
            ),
            (
                r#"{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":5}}"#,
                Some(usage(5, 0, 0, 0)),
            ),
            (r#"{"data":"b64_json","text":"\"b64_json\""}"#, None),
        ];
        for (body, expected) in rows {
            assert_eq!(of_body(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn nonsense_counts_for_nothing_and_spoils_nothing() {
        let rows = [
            ("null", None),
            ("[]", None),
            (r#""many""#, None),
            ("{}", None),
            (r#"{"prompt_tokens":-1}"#, None),
            (r#"{"prompt_tokens":1e300}"#, None),
            (r#"{"prompt_tokens":18446744073709551615}"#, None),
            (
                r#"{"prompt_tokens":"9","completion_tokens":4,"prompt_tokens_details":7}"#,
                Some(usage(0, 4, 0, 0)),
            ),
        ];
        for (object, expected) in rows {
            let body = format!(r#"{{"usage":{object}}}"#);
            assert_eq!(of_body(body.as_bytes()), expected, "{object}");
        }
        assert_eq!(of_body(br#"{"text":"no figures"}"#), None);
        assert_eq!(of_body(br#"{"usage":{"prompt_tokens":1}"#), None);
    }

    #[test]
    fn later_figures_complete_earlier_ones() {
        let mut sum = usage(1110, 1, 1000, 0);
        sum.take_in(usage(0, 15, 0, 2));
        assert_eq!(sum, usage(1110, 15, 1000, 2));
    }
}
