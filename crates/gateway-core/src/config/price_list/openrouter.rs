//! `OpenRouter`'s list of models, `GET /api/v1/models`: amounts are texts, in dollars per token. Owns the names. Prices per
//! image are those of images in prompts, which answers do not count: they are left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::SeqAccess;
use serde_json::value::RawValue;

use super::{micro_usd, unless_zero};
use crate::config::bounds::MAX_PRICE_TIERS;
use crate::config::price::{Price, PriceTier, TokenPrices};
use crate::sorting;

/// The member that has the models.
pub(super) const MODELS: &str = "data";

/// The models of the list.
pub(super) struct ListedModels;

#[derive(Deserialize)]
struct Model {
    id: String,
    #[serde(default)]
    pricing: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Pricing {
    #[serde(default)]
    prompt: Amount,
    #[serde(default)]
    completion: Amount,
    #[serde(default)]
    request: Amount,
    #[serde(default)]
    internal_reasoning: Amount,
    #[serde(default)]
    input_cache_read: Amount,
    #[serde(default)]
    input_cache_write: Amount,
    #[serde(default)]
    input_cache_write_1h: Amount,
    #[serde(default)]
    overrides: Option<Vec<Override>>,
}

/// Other prices of prompts that have at least so many tokens.
#[derive(Deserialize)]
struct Override {
    #[serde(default)]
    min_prompt_tokens: Option<u64>,
    #[serde(default)]
    prompt: Amount,
    #[serde(default)]
    completion: Amount,
    #[serde(default)]
    internal_reasoning: Amount,
    #[serde(default)]
    input_cache_read: Amount,
    #[serde(default)]
    input_cache_write: Amount,
    #[serde(default)]
    input_cache_write_1h: Amount,
}

/// A text or a number.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Number(f64),
    #[default]
    None,
}

impl Amount {
    fn price(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.trim().parse().ok().and_then(micro_usd),
            Self::Number(dollars) => micro_usd(*dollars),
            Self::None => None,
        }
    }
}

impl ListedModels {
    pub(super) fn read<'de, A: SeqAccess<'de>>(
        mut items: A,
    ) -> Result<BTreeMap<String, Option<Price>>, A::Error> {
        let mut models = BTreeMap::new();
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            // One that is not understood does not spoil the others.
            if let Ok(model) = crate::wire::json::from_str::<Model>(item.get()) {
                let pricing = model.pricing.as_deref().map(RawValue::get);
                let pricing =
                    pricing.and_then(|raw| crate::wire::json::from_str::<Pricing>(raw).ok());
                models.insert(model.id, pricing.and_then(|pricing| pricing.price()));
            }
        }
        Ok(models)
    }
}

impl Pricing {
    fn price(&self) -> Option<Price> {
        let prompt = self.prompt.price()?;
        let completion = self.completion.price()?;
        let overrides = self.overrides.iter().flatten();
        let mut tiers: Vec<PriceTier> = overrides.filter_map(Override::tier).collect();
        sorting::sort_by_key(&mut tiers, |tier| tier.above_prompt_tokens);
        tiers.dedup_by_key(|tier| tier.above_prompt_tokens);
        tiers.truncate(MAX_PRICE_TIERS);
        Some(Price {
            prompt,
            cached: unless_zero(self.input_cache_read.price(), prompt),
            completion,
            cache_write: unless_zero(self.input_cache_write.price(), prompt),
            cache_write_1h: unless_zero(self.input_cache_write_1h.price(), prompt),
            // Zero is how the list says that it costs as the rest of the answer.
            reasoning: self.internal_reasoning.price().filter(|price| *price > 0),
            request: self.request.price().filter(|price| *price > 0),
            tiers,
            ..Price::default()
        })
    }
}

impl Override {
    fn tier(&self) -> Option<PriceTier> {
        // Longer than one token less.
        let above = self.min_prompt_tokens?.checked_sub(1)?;
        let or_none = |amount: &Amount| amount.price().filter(|price| *price > 0);
        let tier = PriceTier {
            above_prompt_tokens: above,
            prices: TokenPrices {
                prompt: self.prompt.price(),
                cached: or_none(&self.input_cache_read),
                completion: self.completion.price(),
                cache_write: or_none(&self.input_cache_write),
                cache_write_1h: or_none(&self.input_cache_write_1h),
                reasoning: or_none(&self.internal_reasoning),
            },
        };
        (above > 0).then_some(tier)
    }
}
