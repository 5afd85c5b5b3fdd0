//! The price of a model as an admin sets it, or as a price list gives it. Owns the shape; its ranges are
//! [`super::validate`]'s, what a request costs is [`crate::ledger::price`]'s.
//!
//! Every amount is in millionths of a dollar per million units, so that also the smallest prices are whole numbers. What
//! was added after the first version is left out where it is not set: older documents stay as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::bounds::{MAX_LIMIT, MAX_PRICE, MAX_PRICE_PERCENT, MAX_PRICE_TIERS, MAX_UNIT_PRICE};
#[cfg(feature = "schema")]
use super::shapes::never_null_but_cached;
use crate::wire::usage::ServiceTier;

/// Prices of models by name.
pub type Prices = BTreeMap<String, Price>;

/// The price of a model, in millionths of a dollar per million tokens (or images, seconds, requests): 2500000 is $2.50 per
/// million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = never_null_but_cached)
)]
pub struct Price {
    /// Tokens that are read.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    pub prompt: u64,
    /// Those of them that came from the provider's cache; null: as the others.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default)]
    pub cached: Option<u64>,
    /// Tokens that are written.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    pub completion: u64,
    /// Tokens that the provider writes into its cache; absent: as `prompt`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Those of them that it keeps for an hour; absent: as `cache_write`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// Tokens of the answer that are spent on reasoning; absent: as `completion`.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Images of an answer, per million: 40000000000 is $0.04 per image; absent: none.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_UNIT_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u64>,
    /// Seconds of audio or video, per million: 100000000 is $0.0001 per second; absent: none.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_UNIT_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<u64>,
    /// Answered requests, per million: 2000000000 is $0.002 per request; absent: none.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_UNIT_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// Other prices of requests with long prompts, in ascending order.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_PRICE_TIERS)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<PriceTier>,
    /// Other prices of requests that the provider served in another service tier than its standard one.
    #[serde(default, skip_serializing_if = "ServiceTierPrices::is_empty")]
    pub service_tiers: ServiceTierPrices,
    /// The price list that it was imported from, which may change it; absent: it was set by hand and no import changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PriceSource>,
}

/// Prices of tokens that replace others; what is absent is not replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenPrices {
    /// As in the price.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<u64>,
    /// As in the price.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// As in the price.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<u64>,
    /// As in the price.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// As in the price.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// As in the price.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

/// Prices of all tokens of a request whose prompt is longer than a number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = super::shapes::never_null)
)]
pub struct PriceTier {
    /// The longest prompt, in tokens, to which it does not apply yet.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_LIMIT)))]
    pub above_prompt_tokens: u64,
    /// Its prices.
    #[serde(flatten)]
    pub prices: TokenPrices,
}

/// Prices by the provider's service tier; a tier that is absent costs as the standard one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = super::shapes::never_null)
)]
pub struct ServiceTierPrices {
    /// Slower and cheaper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flex: Option<ServiceTierPrice>,
    /// Faster and dearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<ServiceTierPrice>,
    /// Part of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<ServiceTierPrice>,
}

/// The price of a service tier: a part of the standard price, with separate prices in place of some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = super::shapes::never_null)
)]
pub struct ServiceTierPrice {
    /// Percent of the standard price of everything, 50 for half of it; absent: 100.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = MAX_PRICE_PERCENT)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u64>,
    /// Separate prices.
    #[serde(flatten)]
    pub prices: TokenPrices,
    /// Separate prices for requests with long prompts, in ascending order.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_PRICE_TIERS)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<PriceTier>,
}

/// A price list that prices can be imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PriceSource {
    /// `LiteLLM`'s `model_prices_and_context_window.json`.
    LiteLlm,
    /// `OpenRouter`'s list of models, `/api/v1/models`.
    OpenRouter,
}

impl PriceSource {
    /// Both.
    pub const ALL: [Self; 2] = [Self::LiteLlm, Self::OpenRouter];

    /// The word for it in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::OpenRouter => "openrouter",
        }
    }
}

impl Price {
    /// Its prices of tokens, long prompts and service tiers apart.
    pub const fn tokens(&self) -> TokenPrices {
        TokenPrices {
            prompt: Some(self.prompt),
            cached: self.cached,
            completion: Some(self.completion),
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            reasoning: self.reasoning,
        }
    }
}

impl TokenPrices {
    /// These, with those of `other` that there are in place of them.
    #[must_use]
    pub const fn replaced_by(self, other: Self) -> Self {
        Self {
            prompt: either(other.prompt, self.prompt),
            cached: either(other.cached, self.cached),
            completion: either(other.completion, self.completion),
            cache_write: either(other.cache_write, self.cache_write),
            cache_write_1h: either(other.cache_write_1h, self.cache_write_1h),
            reasoning: either(other.reasoning, self.reasoning),
        }
    }

    /// These after `change`, but for those that there are none of.
    #[must_use]
    pub fn map(self, change: impl Fn(u64) -> u64) -> Self {
        Self {
            prompt: self.prompt.map(&change),
            cached: self.cached.map(&change),
            completion: self.completion.map(&change),
            cache_write: self.cache_write.map(&change),
            cache_write_1h: self.cache_write_1h.map(&change),
            reasoning: self.reasoning.map(&change),
        }
    }
}

const fn either(first: Option<u64>, second: Option<u64>) -> Option<u64> {
    match first {
        Some(_) => first,
        None => second,
    }
}

impl ServiceTierPrices {
    /// Whether every service tier costs as the standard one.
    pub const fn is_empty(&self) -> bool {
        self.flex.is_none() && self.priority.is_none() && self.batch.is_none()
    }

    /// The price of one of them.
    pub const fn get(&self, tier: ServiceTier) -> Option<&ServiceTierPrice> {
        match tier {
            ServiceTier::Flex => self.flex.as_ref(),
            ServiceTier::Priority => self.priority.as_ref(),
            ServiceTier::Batch => self.batch.as_ref(),
        }
    }

    /// The price of one of them, to be set.
    pub const fn get_mut(&mut self, tier: ServiceTier) -> &mut Option<ServiceTierPrice> {
        match tier {
            ServiceTier::Flex => &mut self.flex,
            ServiceTier::Priority => &mut self.priority,
            ServiceTier::Batch => &mut self.batch,
        }
    }
}
