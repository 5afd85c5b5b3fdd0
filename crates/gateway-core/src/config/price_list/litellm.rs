//! `LiteLLM`'s `model_prices_and_context_window.json`: one object per model, whose members name a cost, the length of the
//! prompt from which on it applies, and the service tier: `input_cost_per_token_above_272k_tokens_flex`. Owns the names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::{micro_usd, unless_zero};
use crate::config::bounds::MAX_PRICE_TIERS;
use crate::config::price::{Price, PriceTier, ServiceTierPrice, TokenPrices};
use crate::sorting;
use crate::wire::usage::ServiceTier;

/// The entry that explains the others.
pub(super) const SPECIMEN: &str = "sample_spec";

/// The costs of one model.
#[derive(Default)]
pub(super) struct ListedCosts {
    is_image_model: bool,
    /// Prices of tokens by service tier and by the number of tokens above which they apply.
    tokens: BTreeMap<(Option<usize>, u64), TokenPrices>,
    /// Tokens of images, where these are what the model writes.
    image_token: Option<u64>,
    /// What a cost may also be called, in the order of preference.
    images: [Option<u64>; 2],
    seconds: [Option<u64>; 3],
    requests: [Option<u64>; 2],
    cache_hit: Option<u64>,
}

/// Prices of some lists, in steps by the length of the prompt.
#[derive(Deserialize)]
struct Step {
    range: Vec<f64>,
    #[serde(default)]
    input_cost_per_token: Option<f64>,
    #[serde(default)]
    output_cost_per_token: Option<f64>,
    #[serde(default)]
    cache_read_input_token_cost: Option<f64>,
    #[serde(default)]
    cache_creation_input_token_cost: Option<f64>,
    #[serde(default)]
    output_cost_per_reasoning_token: Option<f64>,
}

impl ListedCosts {
    pub(super) fn read<'de, A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut costs = Self::default();
        while let Some(name) = members.next_key::<String>()? {
            if name == "mode" || name == "tiered_pricing" || name.contains("cost") {
                let value: Box<RawValue> = members.next_value()?;
                costs.member(&name, value.get());
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(costs)
    }

    fn member(&mut self, name: &str, value: &str) {
        match name {
            "mode" => self.is_image_model = value == "\"image_generation\"",
            "tiered_pricing" => self.steps(value),
            _ => {
                let cost = value.parse().ok().and_then(micro_usd);
                if let Some(cost) = cost {
                    self.cost(name, cost);
                }
            }
        }
    }

    fn cost(&mut self, name: &str, cost: u64) {
        let slot = match name {
            "output_cost_per_image_token" => &mut self.image_token,
            "output_cost_per_image" => &mut self.images[0],
            "input_cost_per_image" => &mut self.images[1],
            "output_cost_per_second" => &mut self.seconds[0],
            "output_cost_per_video_per_second" => &mut self.seconds[1],
            "input_cost_per_second" => &mut self.seconds[2],
            "input_cost_per_request" => &mut self.requests[0],
            "input_cost_per_query" => &mut self.requests[1],
            "input_cost_per_token_cache_hit" => &mut self.cache_hit,
            _ => match self.token_slot(name) {
                Some(slot) => slot,
                None => return,
            },
        };
        *slot = Some(cost);
    }

    /// Where the cost of a token belongs; `None`: it is in a unit or in a service tier that is not counted.
    fn token_slot(&mut self, name: &str) -> Option<&mut Option<u64>> {
        const TIERS: [(&str, ServiceTier); 3] = [
            ("_flex", ServiceTier::Flex),
            ("_priority", ServiceTier::Priority),
            ("_batches", ServiceTier::Batch),
        ];
        let served = TIERS
            .iter()
            .find_map(|(suffix, tier)| Some((name.strip_suffix(suffix)?, *tier as usize)));
        let (name, tier) = match served {
            Some((name, tier)) => (name, Some(tier)),
            None => (name, None),
        };
        let (name, above) = match name
            .strip_suffix("k_tokens")
            .and_then(|name| name.rsplit_once("_above_"))
        {
            Some((name, thousands)) => (name, thousands.parse::<u64>().ok()?.checked_mul(1_000)?),
            None => (name, 0),
        };
        let cell = |prices| -> Option<fn(&mut TokenPrices) -> &mut Option<u64>> {
            Some(match prices {
                "input_cost_per_token" => |prices| &mut prices.prompt,
                "output_cost_per_token" => |prices| &mut prices.completion,
                "cache_read_input_token_cost" => |prices| &mut prices.cached,
                "cache_creation_input_token_cost" => |prices| &mut prices.cache_write,
                "cache_creation_input_token_cost_above_1hr" => |prices| &mut prices.cache_write_1h,
                "output_cost_per_reasoning_token" => |prices| &mut prices.reasoning,
                _ => return None,
            })
        };
        let cell = cell(name)?;
        Some(cell(self.tokens.entry((tier, above)).or_default()))
    }

    fn steps(&mut self, value: &str) {
        let steps: Vec<Step> = crate::wire::json::from_str(value).unwrap_or_default();
        for step in steps {
            // Tokens, not dollars: whole numbers, but some are written as 32000.0.
            let Some(above) = step.range.first().copied().and_then(whole) else {
                continue;
            };
            let price = |dollars: Option<f64>| dollars.and_then(micro_usd);
            self.tokens.entry((None, above)).or_insert(TokenPrices {
                prompt: price(step.input_cost_per_token),
                cached: price(step.cache_read_input_token_cost),
                completion: price(step.output_cost_per_token),
                cache_write: price(step.cache_creation_input_token_cost),
                cache_write_1h: None,
                reasoning: price(step.output_cost_per_reasoning_token),
            });
        }
    }

    /// The price; `None` when the model costs something that is not counted, or nothing is said.
    pub(super) fn price(mut self) -> Option<Price> {
        let base = self.tokens.remove(&(None, 0)).unwrap_or_default();
        let prompt = base.prompt.unwrap_or(0);
        let mut completion = base.completion.unwrap_or(0);
        let [first_image, second_image] = self.images;
        let mut image = first_image.or(second_image).filter(|_| self.is_image_model);
        if self.is_image_model && self.image_token.is_some() {
            // Its answers are images, and their tokens are stated. What the list says of service tiers is the price of
            // text: the standard one of images stays.
            completion = completion.max(self.image_token.unwrap_or(0));
            image = None;
            for prices in self.tokens.values_mut() {
                prices.completion = None;
                prices.reasoning = None;
            }
        }
        // What has a price per token states tokens: it is not counted twice.
        let is_by_token = prompt > 0 || completion > 0;
        let second = first(self.seconds).filter(|_| !is_by_token);
        let request = first(self.requests);
        let is_stated = base.prompt.is_some() || base.completion.is_some();
        if !is_stated && completion == 0 && image.or(second).or(request).is_none() {
            return None;
        }
        let standard = TokenPrices {
            prompt: Some(prompt),
            cached: unless_zero(base.cached.or(self.cache_hit), prompt),
            completion: Some(completion),
            cache_write: unless_zero(base.cache_write, prompt),
            cache_write_1h: unless_zero(base.cache_write_1h, prompt),
            reasoning: unless_zero(base.reasoning, completion),
        };
        let mut price = Price {
            prompt,
            cached: standard.cached,
            completion,
            cache_write: standard.cache_write,
            cache_write_1h: standard.cache_write_1h,
            reasoning: standard.reasoning,
            image,
            second,
            request,
            tiers: self.tiers(None),
            ..Price::default()
        };
        for tier in ServiceTier::ALL {
            *price.service_tiers.get_mut(tier) = self.service_tier(tier, standard, &price.tiers);
        }
        Some(price)
    }

    fn tiers(&self, tier: Option<usize>) -> Vec<PriceTier> {
        let from = (tier, 1)..=(tier, u64::MAX);
        let tiers = self
            .tokens
            .range(from)
            .map(|((_, above), prices)| PriceTier {
                above_prompt_tokens: *above,
                prices: *prices,
            });
        tiers.take(MAX_PRICE_TIERS).collect()
    }

    /// The price in a service tier. What the list leaves out is in proportion to what it has: the discount of a batch
    /// also holds for its cache and for its long prompts.
    fn service_tier(
        &self,
        tier: ServiceTier,
        standard: TokenPrices,
        lengths: &[PriceTier],
    ) -> Option<ServiceTierPrice> {
        let own = *self.tokens.get(&(Some(tier as usize), 0))?;
        let scale = |prices: TokenPrices| {
            let read = |price| scaled(price, own.prompt, standard.prompt);
            let written = |price| scaled(price, own.completion, standard.completion);
            TokenPrices {
                prompt: read(prices.prompt),
                cached: read(prices.cached),
                completion: written(prices.completion),
                cache_write: read(prices.cache_write),
                cache_write_1h: read(prices.cache_write_1h),
                reasoning: written(prices.reasoning),
            }
        };
        let stated = self.tiers(Some(tier as usize));
        let mut tiers = stated.clone();
        for length in lengths {
            let above = length.above_prompt_tokens;
            if !stated.iter().any(|tier| tier.above_prompt_tokens == above) {
                tiers.push(PriceTier {
                    above_prompt_tokens: above,
                    prices: scale(length.prices),
                });
            }
        }
        sorting::sort_by_key(&mut tiers, |tier| tier.above_prompt_tokens);
        tiers.truncate(MAX_PRICE_TIERS);
        Some(ServiceTierPrice {
            percent: None,
            prices: scale(standard).replaced_by(own),
            tiers,
        })
    }
}

fn first<const N: usize>(costs: [Option<u64>; N]) -> Option<u64> {
    costs.into_iter().flatten().find(|cost| *cost > 0)
}

/// `price` in the proportion of `part` to `whole`.
fn scaled(price: Option<u64>, part: Option<u64>, whole: Option<u64>) -> Option<u64> {
    let (price, part, whole) = (price?, part?, whole.filter(|whole| *whole > 0)?);
    let product = u128::from(price) * u128::from(part) + u128::from(whole) / 2;
    u64::try_from(product / u128::from(whole)).ok()
}

/// A whole number of tokens.
fn whole(number: f64) -> Option<u64> {
    micro_usd(number / 1e12)
}
