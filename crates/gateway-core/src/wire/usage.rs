//! The tokens of an answer, as stated by the upstream. Owns the spellings in use: chat completions, embeddings and
//! their relatives, `/v1/responses`, Anthropic's messages. Estimates nothing.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Tokens of one answer. A figure that the upstream does not state is 0.
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
    /// Tokens of the answer that were spent on reasoning.
    pub reasoning_tokens: u64,
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
        self.reasoning_tokens = self.reasoning_tokens.max(later.reasoning_tokens);
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
    // DeepSeek.
    #[serde(borrow, default)]
    prompt_cache_hit_tokens: Option<&'a RawValue>,
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

/// Reads a `usage` object; `None` when it is not an object or has no tokens.
pub fn of_object(raw: &RawValue) -> Option<Usage> {
    let figures: Figures<'_> = serde_json::from_str(raw.get()).ok()?;
    let whole_prompt = count(figures.prompt_tokens);
    let prompt = whole_prompt.or_else(|| count(figures.input_tokens));
    let completion = count(figures.completion_tokens).or_else(|| count(figures.output_tokens));
    let prompt = match completion {
        None => prompt.or_else(|| count(figures.total_tokens)),
        Some(_) => prompt,
    };
    if prompt.is_none() && completion.is_none() {
        return None;
    }
    let prompt_details =
        details(figures.prompt_tokens_details).or_else(|| details(figures.input_tokens_details));
    let completion_details = details(figures.completion_tokens_details)
        .or_else(|| details(figures.output_tokens_details));
    let read = count(figures.cache_read_input_tokens);
    let written = count(figures.cache_creation_input_tokens);
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
        reasoning_tokens: completion_details
            .and_then(|details| count(details.reasoning_tokens))
            .unwrap_or(0),
    })
}

/// Prepared once: in a short answer the preparation takes longer than the search.
static NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// The usage that a whole JSON answer states. An answer that does not mention any is not parsed.
pub fn of_body(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    struct UsageHolder<'a> {
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    NAME.find(body)?;
    let answer: UsageHolder<'_> = serde_json::from_slice(body).ok()?;
    of_object(answer.usage?)
}

/// More tokens than any model accepts: a figure above is invalid, and sums must not overflow.
const MAX_TOKENS: u64 = 1 << 40;

fn count(raw: Option<&RawValue>) -> Option<u64> {
    serde_json::from_str(raw?.get())
        .ok()
        .filter(|tokens| *tokens <= MAX_TOKENS)
}

fn details(raw: Option<&RawValue>) -> Option<Details<'_>> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u64, completion: u64, cached: u64, reasoning: u64) -> Usage {
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            cache_write_tokens: 0,
            reasoning_tokens: reasoning,
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
