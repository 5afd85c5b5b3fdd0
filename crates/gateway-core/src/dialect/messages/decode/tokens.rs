//! The figures of a Messages answer, which arrive in pieces. Owns their sum: the prompt's tokens are counted beside those
//! of the caches, and any of the three may be repeated, corrected or left out later.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::usage::{self, Usage};

/// The newest figures of the prompt.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    input: u64,
    cache_read: u64,
    cache_write: u64,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
struct PromptFigures {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

impl Tokens {
    /// Adds a `usage` object; all that is known so far.
    pub(super) fn take_in(&mut self, raw: &RawValue) -> Option<Usage> {
        let mut usage = usage::of_object(raw)?;
        let Ok(figures) = crate::wire::json::from_str::<PromptFigures>(raw.get()) else {
            return Some(usage);
        };
        renew(&mut self.input, figures.input_tokens);
        renew(&mut self.cache_read, figures.cache_read_input_tokens);
        renew(&mut self.cache_write, figures.cache_creation_input_tokens);
        let caches = self.cache_read.saturating_add(self.cache_write);
        let prompt = self.input.saturating_add(caches);
        usage.prompt_tokens = usage.prompt_tokens.max(prompt);
        Some(usage)
    }
}

/// A later figure counts, but a zero takes nothing away: translating servers send zeros for what they do not know.
fn renew(known: &mut u64, later: Option<u64>) {
    /// More than any model accepts, as in [`usage`].
    const MAX_TOKENS: u64 = 1 << 40;
    if let Some(later) = later.filter(|later| (1..=MAX_TOKENS).contains(later)) {
        *known = later;
    }
}
