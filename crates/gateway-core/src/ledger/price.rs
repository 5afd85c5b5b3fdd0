//! What a request costs. Owns how the sum is rounded; the tables of prices are [`crate::config::prices`]'s. Pure integers: no cent is lost to a floating point.

use crate::config::model::Price;
use crate::units::MAX_COST_MICRO_USD;
use crate::wire::usage::Usage;

/// Prices are per so many tokens.
const PER_TOKENS: u128 = 1_000_000;

/// What the tokens cost, in millionths of a dollar: rounded once, to the nearest, a half upwards; at most [`MAX_COST_MICRO_USD`].
/// Tokens from the cache are a part of the prompt's; more of them than the prompt has do not count.
pub fn cost_micro_usd(price: Price, usage: Usage) -> u64 {
    let cached = usage.cached_tokens.min(usage.prompt_tokens);
    let parts = [
        (usage.prompt_tokens - cached, price.prompt),
        (cached, price.cached.unwrap_or(price.prompt)),
        (usage.completion_tokens, price.completion),
    ];
    let sum = parts.into_iter().fold(0_u128, |sum, (tokens, each)| {
        sum.saturating_add(u128::from(tokens) * u128::from(each))
    });
    let cost = sum.saturating_add(PER_TOKENS / 2) / PER_TOKENS;
    u64::try_from(cost)
        .unwrap_or(u64::MAX)
        .min(MAX_COST_MICRO_USD)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn price(prompt: u64, cached: Option<u64>, completion: u64) -> Price {
        Price {
            prompt,
            cached,
            completion,
        }
    }

    const fn usage(prompt: u64, cached: u64, completion: u64) -> Usage {
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            cache_write_tokens: 0,
            reasoning_tokens: 0,
        }
    }

    #[test]
    fn costs_are_rounded_once_and_a_half_goes_up() {
        let gpt_4o = price(2_500_000, Some(1_250_000), 10_000_000);
        for (price, usage, cost) in [
            // $2.50 and $10 per million.
            (gpt_4o, usage(1_000_000, 0, 1_000_000), 12_500_000),
            (gpt_4o, usage(1_000, 400, 100), 1_500 + 500 + 1_000),
            // Without a price of their own, cached tokens cost what the others cost.
            (price(2_500_000, None, 0), usage(1_000, 400, 0), 2_500),
            (price(2_500_000, Some(0), 0), usage(1_000, 1_000, 0), 0),
            // Three parts of a third each are one, not nothing.
            (price(333_334, Some(333_334), 333_334), usage(2, 1, 1), 1),
            (price(500_000, None, 0), usage(1, 0, 0), 1),
            (price(499_999, None, 0), usage(1, 0, 0), 0),
            // More cached tokens than there are.
            (gpt_4o, usage(10, 1_000, 0), 13),
            (gpt_4o, usage(0, 0, 0), 0),
            (price(0, None, 0), usage(u64::MAX, 0, u64::MAX), 0),
            (gpt_4o, usage(u64::MAX, 5, u64::MAX), MAX_COST_MICRO_USD),
        ] {
            assert_eq!(cost_micro_usd(price, usage), cost, "{price:?} {usage:?}");
        }
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
            let less = cost_micro_usd(price, usage(prompt, cached.min(prompt), completion));
            let prompt = prompt.saturating_add(more.0);
            let completion = completion.saturating_add(more.1);
            prop_assert!(cost_micro_usd(price, usage(prompt, cached.min(tokens.0), completion)) >= less);
            prop_assert!(less <= MAX_COST_MICRO_USD);
        }

        /// Within half a millionth of a dollar, whatever the parts are.
        #[test]
        fn the_sum_is_exact_to_half_a_unit(
            price in any_price(),
            tokens in (0..10_000_000_u64, 0..10_000_000_u64, 0..10_000_000_u64),
        ) {
            let (new, cached, completion) = tokens;
            let cost = cost_micro_usd(price, usage(new + cached, cached, completion));
            let exact = u128::from(new) * u128::from(price.prompt)
                + u128::from(cached) * u128::from(price.cached.unwrap_or(price.prompt))
                + u128::from(completion) * u128::from(price.completion);
            prop_assume!(exact < u128::from(MAX_COST_MICRO_USD) * 1_000_000);
            prop_assert!((u128::from(cost) * 1_000_000).abs_diff(exact) <= 500_000);
        }
    }
}
