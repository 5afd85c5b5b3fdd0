//! The rules of price tables. Owns their ranges; what a request costs is [`crate::ledger::price`]'s.

use serde_json::{Map, Value};

use super::{Problems, join};
use crate::config::bounds::{
    MAX_LIMIT, MAX_PRICE, MAX_PRICE_PERCENT, MAX_PRICE_TIERS, MAX_PRICES, MAX_UNIT_PRICE,
};
use crate::config::price::{
    Price, PriceSource, PriceTier, Prices, ServiceTierPrice, ServiceTierPrices, TokenPrices,
};
use crate::problem::{ProblemKind, Uniqueness};
use crate::sorting;
use crate::wire::usage::ServiceTier;

/// Reads a table of prices by model.
pub fn table(path: &str, value: &Value, problems: &mut Problems) -> Option<Prices> {
    problems.model_map(path, value, MAX_PRICES, price)
}

fn price(problems: &mut Problems, path: &str, value: &Value) -> Option<Price> {
    let members = problems.object(path, value)?;
    let (mut price, mut tokens) = (Price::default(), TokenPrices::default());
    for (name, value) in members {
        let place = join(path, name);
        match name.as_str() {
            "prompt" => tokens.prompt = problems.integer(&place, value, 0, MAX_PRICE),
            "completion" => tokens.completion = problems.integer(&place, value, 0, MAX_PRICE),
            "image" => price.image = amount(problems, &place, value, MAX_UNIT_PRICE),
            "second" => price.second = amount(problems, &place, value, MAX_UNIT_PRICE),
            "request" => price.request = amount(problems, &place, value, MAX_UNIT_PRICE),
            "tiers" | "service_tiers" if value.is_null() => {}
            "tiers" => price.tiers = tiers(problems, &place, value),
            "service_tiers" => price.service_tiers = service_tiers(problems, &place, value),
            "source" => price.source = source(problems, &place, value),
            _ => token_price(problems, path, name, value, &mut tokens),
        }
    }
    required(problems, path, members, &["prompt", "completion"]);
    Some(Price {
        prompt: tokens.prompt?,
        cached: tokens.cached,
        completion: tokens.completion?,
        cache_write: tokens.cache_write,
        cache_write_1h: tokens.cache_write_1h,
        reasoning: tokens.reasoning,
        ..price
    })
}

/// Reads one of the prices of tokens that may be left out; null is the same.
fn token_price(
    problems: &mut Problems,
    path: &str,
    name: &str,
    value: &Value,
    tokens: &mut TokenPrices,
) {
    let place = join(path, name);
    let slot = match name {
        "prompt" => &mut tokens.prompt,
        "cached" => &mut tokens.cached,
        "completion" => &mut tokens.completion,
        "cache_write" => &mut tokens.cache_write,
        "cache_write_1h" => &mut tokens.cache_write_1h,
        "reasoning" => &mut tokens.reasoning,
        _ => return problems.unknown(path, name),
    };
    *slot = amount(problems, &place, value, MAX_PRICE);
}

fn amount(problems: &mut Problems, path: &str, value: &Value, most: u64) -> Option<u64> {
    match value {
        Value::Null => None,
        value => problems.integer(path, value, 0, most),
    }
}

/// Reads prices by the length of the prompt, in any order.
fn tiers(problems: &mut Problems, path: &str, value: &Value) -> Vec<PriceTier> {
    let items = problems.array(path, value, MAX_PRICE_TIERS);
    let mut tiers: Vec<PriceTier> = Vec::new();
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let place = format!("{path}[{index}]");
        let Some(tier) = tier(problems, &place, item) else {
            continue;
        };
        let above = tier.above_prompt_tokens;
        if tiers.iter().any(|known| known.above_prompt_tokens == above) {
            let within = Uniqueness::List;
            problems.add(
                join(&place, "above_prompt_tokens"),
                ProblemKind::Duplicate { within },
            );
        }
        tiers.push(tier);
    }
    sorting::sort_by_key(&mut tiers, |tier| tier.above_prompt_tokens);
    tiers
}

fn tier(problems: &mut Problems, path: &str, value: &Value) -> Option<PriceTier> {
    let members = problems.object(path, value)?;
    let (mut above, mut prices) = (None, TokenPrices::default());
    for (name, value) in members {
        match name.as_str() {
            "above_prompt_tokens" => {
                above = problems.integer(&join(path, name), value, 1, MAX_LIMIT);
            }
            _ => token_price(problems, path, name, value, &mut prices),
        }
    }
    required(problems, path, members, &["above_prompt_tokens"]);
    Some(PriceTier {
        above_prompt_tokens: above?,
        prices,
    })
}

fn service_tiers(problems: &mut Problems, path: &str, value: &Value) -> ServiceTierPrices {
    let mut prices = ServiceTierPrices::default();
    for (name, value) in problems.object(path, value).into_iter().flatten() {
        match ServiceTier::parse(name) {
            Some(_) if value.is_null() => {}
            Some(tier) => *prices.get_mut(tier) = service_tier(problems, &join(path, name), value),
            None => problems.unknown(path, name),
        }
    }
    prices
}

fn service_tier(problems: &mut Problems, path: &str, value: &Value) -> Option<ServiceTierPrice> {
    let mut price = ServiceTierPrice::default();
    for (name, value) in problems.object(path, value)? {
        let place = join(path, name);
        match name.as_str() {
            "tiers" if value.is_null() => {}
            "percent" => price.percent = amount(problems, &place, value, MAX_PRICE_PERCENT),
            "tiers" => price.tiers = tiers(problems, &place, value),
            _ => token_price(problems, path, name, value, &mut price.prices),
        }
    }
    Some(price)
}

fn source(problems: &mut Problems, path: &str, value: &Value) -> Option<PriceSource> {
    let mut sources = PriceSource::ALL.into_iter();
    let source = sources.find(|source| value == source.word());
    if source.is_none() && !value.is_null() {
        let choices = PriceSource::ALL.map(PriceSource::word).to_vec();
        problems.add(path, ProblemKind::InvalidChoice { choices });
    }
    source
}

fn required(problems: &mut Problems, path: &str, members: &Map<String, Value>, names: &[&str]) {
    for name in names {
        if !members.contains_key(*name) {
            problems.add(join(path, name), ProblemKind::Required);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A table with one price that has these members as well.
    fn with(mut members: Value) -> Value {
        members["prompt"] = json!(1);
        members["completion"] = json!(1);
        json!({"m": members})
    }

    /// Checks where the first problem of a table is; without any, it is read once more from what it is stored as.
    #[track_caller]
    fn check(given: &Value, wrong: Option<&str>) {
        let mut problems = Problems::default();
        let read = table("prices", given, &mut problems);
        let found = problems.list().first().map(|problem| problem.path.as_str());
        assert_eq!(found, wrong, "{given}");
        if wrong.is_none() {
            let again = serde_json::to_value(&read).unwrap();
            let mut problems = Problems::default();
            assert_eq!(table("prices", &again, &mut problems), read);
            assert!(problems.list().is_empty());
        }
    }

    #[test]
    fn prices_of_tiers_and_units_have_their_ranges() {
        for (given, wrong) in [
            (
                with(
                    json!({"cache_write": 1, "cache_write_1h": 2, "reasoning": 3, "image": MAX_UNIT_PRICE, "second": 5,
                    "request": null, "source": "litellm", "tiers": [{"above_prompt_tokens": 9, "prompt": 2},
                    {"above_prompt_tokens": 3, "cached": 0}], "service_tiers": {"flex": {"percent": 50}, "batch": null,
                    "priority": {"prompt": 4, "tiers": [{"above_prompt_tokens": 1, "completion": 5}]}}}),
                ),
                None,
            ),
            (
                with(json!({"cache_write": -1})),
                Some("prices.m.cache_write"),
            ),
            (
                with(json!({"image": MAX_UNIT_PRICE + 1})),
                Some("prices.m.image"),
            ),
            (with(json!({"source": "mine"})), Some("prices.m.source")),
            (with(json!({"tiers": {}})), Some("prices.m.tiers")),
            (
                with(json!({"tiers": vec![json!({"above_prompt_tokens": 1}); 9]})),
                Some("prices.m.tiers"),
            ),
            (with(json!({"tiers": [5]})), Some("prices.m.tiers[0]")),
            (
                with(json!({"tiers": [{"prompt": 5}]})),
                Some("prices.m.tiers[0].above_prompt_tokens"),
            ),
            (
                with(json!({"tiers": [{"above_prompt_tokens": 0}]})),
                Some("prices.m.tiers[0].above_prompt_tokens"),
            ),
            (
                with(json!({"tiers": [{"above_prompt_tokens": 5, "image": 1}]})),
                Some("prices.m.tiers[0].image"),
            ),
            (
                with(json!({"tiers": [{"above_prompt_tokens": 5}, {"above_prompt_tokens": 5}]})),
                Some("prices.m.tiers[1].above_prompt_tokens"),
            ),
            (
                with(json!({"service_tiers": []})),
                Some("prices.m.service_tiers"),
            ),
            (
                with(json!({"service_tiers": {"fast": {}}})),
                Some("prices.m.service_tiers.fast"),
            ),
            (
                with(json!({"service_tiers": {"flex": 50}})),
                Some("prices.m.service_tiers.flex"),
            ),
            (
                with(json!({"service_tiers": {"flex": {"percent": 1001}}})),
                Some("prices.m.service_tiers.flex.percent"),
            ),
            (
                with(
                    json!({"service_tiers": {"flex": {"tiers": [{"above_prompt_tokens": 1, "x": 1}]}}}),
                ),
                Some("prices.m.service_tiers.flex.tiers[0].x"),
            ),
        ] {
            check(&given, wrong);
        }
    }

    #[test]
    fn tiers_are_kept_in_ascending_order() {
        let tiers = [30, 10, 20].map(|tokens| json!({"above_prompt_tokens": tokens}));
        let given = with(json!({"tiers": tiers}));
        let read = table("prices", &given, &mut Problems::default()).unwrap();
        let kept = read["m"].tiers.iter().map(|tier| tier.above_prompt_tokens);
        assert_eq!(kept.collect::<Vec<_>>(), [10, 20, 30]);
    }

    #[test]
    fn a_document_of_the_first_version_stays_as_it_is() {
        let stored = r#"{"m":{"prompt":1,"cached":null,"completion":2},"n":{"prompt":1,"cached":0,"completion":2}}"#;
        let prices: Prices = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&prices).unwrap(), stored);
    }

    #[test]
    fn prices_are_whole_numbers_within_their_range() {
        for (given, wrong) in [
            (json!({}), None),
            (json!({"m": {"prompt": 0, "completion": MAX_PRICE}}), None),
            (
                json!({"a/b": {"prompt": 1, "cached": null, "completion": 2}}),
                None,
            ),
            (json!(null), Some("prices")),
            (json!([]), Some("prices")),
            (json!({"": {"prompt": 0, "completion": 0}}), Some("prices.")),
            (json!({"m": 5}), Some("prices.m")),
            (json!({"m": {"prompt": 1}}), Some("prices.m.completion")),
            (json!({"m": {"completion": 1}}), Some("prices.m.prompt")),
            (
                json!({"m": {"prompt": 2.5, "completion": 1}}),
                Some("prices.m.prompt"),
            ),
            (
                json!({"m": {"prompt": 1, "cached": MAX_PRICE + 1, "completion": 1}}),
                Some("prices.m.cached"),
            ),
            (
                json!({"m": {"prompt": 1, "completion": 1, "input": 1}}),
                Some("prices.m.input"),
            ),
        ] {
            check(&given, wrong);
        }
        let price = json!({"prompt": 1, "completion": 1});
        let large = |count: usize| {
            let models = (0..count).map(|number| (number.to_string(), price.clone()));
            let mut problems = Problems::default();
            let table = Value::Object(models.collect());
            table_len(self::table("prices", &table, &mut problems))
        };
        assert_eq!((large(MAX_PRICES), large(MAX_PRICES + 1)), (2000, 0));
    }

    fn table_len(table: Option<Prices>) -> usize {
        table.map_or(0, |table| table.len())
    }
}
