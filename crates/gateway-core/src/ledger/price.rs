//! What a request costs. Owns which of a price's parts applies and how the sum is rounded; the tables of prices are
//! [`crate::config::prices`]'s. Pure integers: no cent is lost to a floating point.

use crate::config::price::{Price, PriceTier, TokenPrices};
use crate::units::MAX_COST_MICRO_USD;
use crate::wire::usage::Usage;

/// Prices are per so many units.
const PER_UNITS: u128 = 1_000_000;
const MS_PER_SECOND: u128 = 1_000;

/// The prices of one request.
struct Rates {
    tokens: TokenPrices,
    image: u64,
    second: u64,
    request: u64,
}

/// What an answered request costs, in millionths of a dollar: rounded once, to the nearest, a half upwards; at most
/// [`MAX_COST_MICRO_USD`].
///
/// Tokens of the cache are a part of the prompt's: first those that were read count, then those that were written, and no
/// more of them than the prompt has. Reasoning is a part of the completion in the same way.
pub fn cost_micro_usd(price: &Price, usage: Usage) -> u64 {
    let rates = Rates::of(price, usage);
    let tokens = rates.tokens;
    let prompt = tokens.prompt.unwrap_or(0);
    let completion = tokens.completion.unwrap_or(0);
    let cache_write = tokens.cache_write.unwrap_or(prompt);

    let cached = usage.cached_tokens.min(usage.prompt_tokens);
    let new = usage.prompt_tokens - cached;
    let written = usage.cache_write_tokens.min(new);
    let written_1h = usage.cache_write_1h_tokens.min(written);
    let reasoning = usage.reasoning_tokens.min(usage.completion_tokens);
    let parts = [
        (new - written, prompt),
        (cached, tokens.cached.unwrap_or(prompt)),
        (written - written_1h, cache_write),
        (written_1h, tokens.cache_write_1h.unwrap_or(cache_write)),
        (usage.completion_tokens - reasoning, completion),
        (reasoning, tokens.reasoning.unwrap_or(completion)),
        (usage.images, rates.image),
        (1, rates.request),
    ];
    // In thousandths, since times are in milliseconds.
    let media = u128::from(usage.media_ms).saturating_mul(rates.second.into());
    let sum = parts.into_iter().fold(media, |sum, (count, each)| {
        let cost = u128::from(count).saturating_mul(each.into());
        sum.saturating_add(cost.saturating_mul(MS_PER_SECOND))
    });
    let unit = PER_UNITS * MS_PER_SECOND;
    let cost = sum.saturating_add(unit / 2) / unit;
    u64::try_from(cost)
        .unwrap_or(u64::MAX)
        .min(MAX_COST_MICRO_USD)
}

impl Rates {
    /// The standard prices for the prompt's length, then those of the service tier in place of them.
    fn of(price: &Price, usage: Usage) -> Self {
        let mut rates = Self {
            tokens: for_length(price.tokens(), &price.tiers, usage.prompt_tokens),
            image: price.image.unwrap_or(0),
            second: price.second.unwrap_or(0),
            request: price.request.unwrap_or(0),
        };
        let tier = usage.service_tier;
        if let Some(tier) = tier.and_then(|tier| price.service_tiers.get(tier)) {
            if let Some(percent) = tier.percent {
                let part = |each: u64| part(each, percent);
                rates = Self {
                    tokens: rates.tokens.map(part),
                    image: part(rates.image),
                    second: part(rates.second),
                    request: part(rates.request),
                };
            }
            let own = rates.tokens.replaced_by(tier.prices);
            rates.tokens = for_length(own, &tier.tiers, usage.prompt_tokens);
        }
        rates
    }
}

/// The prices for a prompt of this length; `tiers` are in ascending order.
fn for_length(prices: TokenPrices, tiers: &[PriceTier], prompt_tokens: u64) -> TokenPrices {
    tiers
        .iter()
        .filter(|tier| prompt_tokens > tier.above_prompt_tokens)
        .fold(prices, |prices, tier| prices.replaced_by(tier.prices))
}

fn part(each: u64, percent: u64) -> u64 {
    let part = (u128::from(each) * u128::from(percent) + 50) / 100;
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::price::ServiceTierPrice;
    use crate::wire::usage::ServiceTier;

    fn price(prompt: u64, cached: Option<u64>, completion: u64) -> Price {
        Price {
            prompt,
            cached,
            completion,
            ..Price::default()
        }
    }

    fn usage(prompt: u64, cached: u64, completion: u64) -> Usage {
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            ..Usage::default()
        }
    }

    /// A price in dollars per million, as the vendors state them.
    fn of_json(price: &str) -> Price {
        serde_json::from_str(price).unwrap()
    }

    #[test]
    fn costs_are_rounded_once_and_a_half_goes_up() {
        let gpt_4o = || price(2_500_000, Some(1_250_000), 10_000_000);
        for (price, usage, cost) in [
            // $2.50 and $10 per million.
            (gpt_4o(), usage(1_000_000, 0, 1_000_000), 12_500_000),
            (gpt_4o(), usage(1_000, 400, 100), 1_500 + 500 + 1_000),
            // Without a price of their own, cached tokens cost what the others cost.
            (price(2_500_000, None, 0), usage(1_000, 400, 0), 2_500),
            (price(2_500_000, Some(0), 0), usage(1_000, 1_000, 0), 0),
            // Three parts of a third each are one, not nothing.
            (price(333_334, Some(333_334), 333_334), usage(2, 1, 1), 1),
            (price(500_000, None, 0), usage(1, 0, 0), 1),
            (price(499_999, None, 0), usage(1, 0, 0), 0),
            // More cached tokens than there are.
            (gpt_4o(), usage(10, 1_000, 0), 13),
            (gpt_4o(), usage(0, 0, 0), 0),
            (price(0, None, 0), usage(u64::MAX, 0, u64::MAX), 0),
            (gpt_4o(), usage(u64::MAX, 5, u64::MAX), MAX_COST_MICRO_USD),
        ] {
            assert_eq!(cost_micro_usd(&price, usage), cost, "{price:?} {usage:?}");
        }
    }

    /// $5, $25, cached $0.50, written $6.25 for five minutes and $10 for an hour.
    const OPUS: &str = r#"{"prompt":5000000,"cached":500000,"completion":25000000,"cache_write":6250000,
        "cache_write_1h":10000000,"service_tiers":{"batch":{"percent":50}}}"#;
    /// Twice the price of the prompt and half as much again for the answer above 272,000 tokens.
    const GPT: &str = r#"{"prompt":2500000,"cached":250000,"completion":15000000,
        "tiers":[{"above_prompt_tokens":272000,"prompt":5000000,"cached":500000,"completion":22500000}],
        "service_tiers":{"flex":{"prompt":1250000,"cached":130000,"completion":7500000,
                "tiers":[{"above_prompt_tokens":272000,"prompt":2500000,"cached":260000,"completion":11250000}]},
            "priority":{"prompt":5000000,"cached":500000,"completion":30000000}}}"#;
    /// Above 200,000 tokens dearer; reasoning has a separate price.
    const GEMINI: &str = r#"{"prompt":1250000,"cached":125000,"completion":10000000,"reasoning":9000000,
        "tiers":[{"above_prompt_tokens":200000,"prompt":2500000,"cached":250000,"completion":15000000}]}"#;

    #[test]
    fn caches_are_priced_by_reading_and_by_how_long_they_last() {
        let written = |minutes: u64, hour: u64| Usage {
            cache_write_tokens: minutes + hour,
            cache_write_1h_tokens: hour,
            ..usage(10_000 + minutes + hour, 4_000, 100)
        };
        // 6,000 new ones, 4,000 cached ones, 100 written.
        let base = 30_000 + 2_000 + 2_500;
        let opus = of_json(OPUS);
        assert_eq!(cost_micro_usd(&opus, written(0, 0)), base);
        assert_eq!(cost_micro_usd(&opus, written(2_000, 0)), base + 12_500);
        assert_eq!(cost_micro_usd(&opus, written(0, 2_000)), base + 20_000);
        assert_eq!(cost_micro_usd(&opus, written(2_000, 1_000)), base + 22_500);
        // Without prices of their own, an hour costs as five minutes, and both as new tokens.
        let mut price = opus;
        price.cache_write_1h = None;
        assert_eq!(cost_micro_usd(&price, written(0, 2_000)), base + 12_500);
        price.cache_write = None;
        assert_eq!(cost_micro_usd(&price, written(1_000, 1_000)), base + 10_000);
        // More of them than there are tokens.
        let too_many = Usage {
            cache_write_tokens: 50,
            cache_write_1h_tokens: 90,
            ..usage(10, 4, 0)
        };
        let opus = of_json(OPUS);
        assert_eq!(cost_micro_usd(&opus, too_many), 2 + 6 * 10);
    }

    #[test]
    fn long_prompts_have_their_own_price_from_the_next_token_on() {
        let gpt = of_json(GPT);
        assert_eq!(
            cost_micro_usd(&gpt, usage(272_000, 72_000, 1_000)),
            500_000 + 18_000 + 15_000
        );
        // All of it, not only what is above.
        assert_eq!(
            cost_micro_usd(&gpt, usage(272_001, 72_001, 1_000)),
            1_000_000 + 36_001 + 22_500
        );
        let gemini = of_json(GEMINI);
        let thinking = |prompt| Usage {
            reasoning_tokens: 600,
            ..usage(prompt, 0, 1_000)
        };
        assert_eq!(
            cost_micro_usd(&gemini, thinking(200_000)),
            250_000 + 4_000 + 5_400
        );
        // The tier has no price of reasoning, so that the standard one stays.
        assert_eq!(
            cost_micro_usd(&gemini, thinking(300_000)),
            750_000 + 6_000 + 5_400
        );
        // The last tier that applies counts.
        let steps = of_json(
            r#"{"prompt":1000000,"cached":null,"completion":0,"tiers":[{"above_prompt_tokens":10,"prompt":2000000},
                {"above_prompt_tokens":20,"prompt":3000000}]}"#,
        );
        for (tokens, cost) in [(10, 10), (11, 22), (20, 40), (21, 63)] {
            assert_eq!(cost_micro_usd(&steps, usage(tokens, 0, 0)), cost);
        }
    }

    #[test]
    fn service_tiers_have_their_own_prices_or_a_part_of_the_standard_one() {
        let served = |tier, usage: Usage| Usage {
            service_tier: Some(tier),
            ..usage
        };
        let gpt = of_json(GPT);
        for (tier, prompt, cost) in [
            (ServiceTier::Flex, 100_000, 125_000 + 7_500),
            (ServiceTier::Flex, 300_000, 750_000 + 11_250),
            (ServiceTier::Priority, 100_000, 500_000 + 30_000),
            // It has no price for batches: they cost as everything does.
            (ServiceTier::Batch, 100_000, 250_000 + 15_000),
            (ServiceTier::Batch, 300_000, 1_500_000 + 22_500),
        ] {
            let usage = served(tier, usage(prompt, 0, 1_000));
            assert_eq!(cost_micro_usd(&gpt, usage), cost, "{usage:?}");
        }
        let opus = of_json(OPUS);
        let batch = Usage {
            cache_write_tokens: 1_000,
            ..usage(11_000, 4_000, 100)
        };
        let whole = cost_micro_usd(&opus, batch);
        let half = cost_micro_usd(&opus, served(ServiceTier::Batch, batch));
        assert_eq!((whole, half), (40_750, 20_375));
    }

    #[test]
    fn images_seconds_and_requests_are_priced_each() {
        // $0.04 per image, $0.0001 per second, $0.002 per request.
        let price = Price {
            image: Some(40_000_000_000),
            second: Some(100_000_000),
            request: Some(2_000_000_000),
            ..Price::default()
        };
        let media = |images, media_ms| Usage {
            images,
            media_ms,
            ..Usage::default()
        };
        assert_eq!(cost_micro_usd(&price, media(0, 0)), 2_000);
        assert_eq!(cost_micro_usd(&price, media(2, 0)), 82_000);
        assert_eq!(cost_micro_usd(&price, media(0, 61_500)), 2_000 + 6_150);
        // Half of a millionth is rounded up, less is not.
        assert_eq!(cost_micro_usd(&price, media(0, 5)), 2_001);
        assert_eq!(cost_micro_usd(&price, media(0, 4)), 2_000);
        assert_eq!(
            cost_micro_usd(&price, media(u64::MAX, u64::MAX)),
            MAX_COST_MICRO_USD
        );
        let mut half = price;
        half.service_tiers.flex = Some(ServiceTierPrice {
            percent: Some(50),
            ..ServiceTierPrice::default()
        });
        let flex = Usage {
            service_tier: Some(ServiceTier::Flex),
            ..media(2, 0)
        };
        assert_eq!(cost_micro_usd(&half, flex), 41_000);
    }

    fn any_price() -> impl Strategy<Value = Price> {
        let each = || 0..=1_000_000_000_000_u64;
        (each(), prop::option::of(each()), each())
            .prop_map(|(prompt, cached, completion)| price(prompt, cached, completion))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Nothing overflows, and more tokens never cost less.
        #[test]
        fn more_tokens_never_cost_less(
            price in any_price(),
            tokens in (any::<u64>(), any::<u64>(), any::<u64>()),
            more in (any::<u64>(), any::<u64>()),
        ) {
            let (prompt, cached, completion) = tokens;
            let less = cost_micro_usd(&price, usage(prompt, cached.min(prompt), completion));
            let prompt = prompt.saturating_add(more.0);
            let completion = completion.saturating_add(more.1);
            prop_assert!(cost_micro_usd(&price, usage(prompt, cached.min(tokens.0), completion)) >= less);
            prop_assert!(less <= MAX_COST_MICRO_USD);
        }

        /// Within half a millionth of a dollar, whatever the parts are.
        #[test]
        fn the_sum_is_exact_to_half_a_unit(
            price in any_price(),
            tokens in (0..10_000_000_u64, 0..10_000_000_u64, 0..10_000_000_u64),
        ) {
            let (new, cached, completion) = tokens;
            let cost = cost_micro_usd(&price, usage(new + cached, cached, completion));
            let exact = u128::from(new) * u128::from(price.prompt)
                + u128::from(cached) * u128::from(price.cached.unwrap_or(price.prompt))
                + u128::from(completion) * u128::from(price.completion);
            prop_assume!(exact < u128::from(MAX_COST_MICRO_USD) * 1_000_000);
            prop_assert!((u128::from(cost) * 1_000_000).abs_diff(exact) <= 500_000);
        }
    }
}
