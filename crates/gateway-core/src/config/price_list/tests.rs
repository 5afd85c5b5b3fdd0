//! Both formats, with entries as the lists have them, and what imports change.

use super::*;
use crate::config::model::{ChannelConfig, Document};
use crate::config::price::{PriceTier, ServiceTierPrice, TokenPrices};
use crate::ledger::price::cost_micro_usd;
use crate::units::Timestamp;
use crate::wire::usage::{ServiceTier, Usage};

const LITELLM: &str = r#"{
    "sample_spec": {"mode": "one of: chat, embedding", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0,
        "search_context_cost_per_query": {"search_context_size_high": 0.0}},
    "gpt-5": {"mode": "chat", "max_tokens": 128000, "supported_endpoints": ["/v1/responses"],
        "cache_read_input_token_cost": 1.25e-07, "cache_read_input_token_cost_flex": 6.25e-08,
        "cache_read_input_token_cost_priority": 2.5e-07, "input_cost_per_token": 1.25e-06,
        "input_cost_per_token_flex": 6.25e-07, "input_cost_per_token_priority": 2.5e-06, "output_cost_per_token": 1e-05,
        "output_cost_per_token_flex": 5e-06, "output_cost_per_token_priority": 2e-05},
    "gpt-5.4": {"mode": "chat", "cache_read_input_token_cost": 2.5e-07,
        "cache_read_input_token_cost_above_272k_tokens": 5e-07, "input_cost_per_token": 2.5e-06,
        "input_cost_per_token_above_272k_tokens": 5e-06, "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token": 1.5e-05, "output_cost_per_token_above_272k_tokens": 2.25e-05,
        "output_cost_per_token_batches": 7.5e-06, "output_cost_per_token_ultrafast": 9e-05},
    "claude-sonnet-4-5": {"mode": "chat", "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
        "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06, "cache_read_input_token_cost": 3e-07,
        "cache_read_input_token_cost_above_200k_tokens": 6e-07, "input_cost_per_token": 3e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token": 1.5e-05,
        "output_cost_per_token_above_200k_tokens": 2.25e-05},
    "gemini-3-pro-preview": {"mode": "chat", "cache_read_input_token_cost": 2e-07,
        "cache_read_input_token_cost_above_200k_tokens": 4e-07,
        "cache_read_input_token_cost_above_200k_tokens_priority": 7.2e-07, "cache_read_input_token_cost_priority": 3.6e-07,
        "input_cost_per_token": 2e-06, "input_cost_per_token_above_200k_tokens": 4e-06,
        "input_cost_per_token_above_200k_tokens_priority": 7.2e-06, "input_cost_per_token_priority": 3.6e-06,
        "output_cost_per_token": 1.2e-05, "output_cost_per_token_above_200k_tokens": 1.8e-05,
        "output_cost_per_token_above_200k_tokens_priority": 3.24e-05, "output_cost_per_token_priority": 2.16e-05},
    "dashscope/qwen3-max": {"mode": "chat", "tiered_pricing": [
        {"input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06, "range": [0, 32000.0]},
        {"input_cost_per_token": 2.4e-06, "output_cost_per_token": 1.2e-05, "range": [32000.0, 128000.0]}]},
    "deepseek-chat": {"cache_creation_input_token_cost": 0.0, "input_cost_per_token": 2.8e-07,
        "input_cost_per_token_cache_hit": 2.8e-08, "output_cost_per_token": 4.2e-07},
    "gpt-image-1": {"mode": "image_generation", "input_cost_per_image_token": 1e-05, "input_cost_per_token": 5e-06,
        "output_cost_per_token": 1e-05, "output_cost_per_image_token": 4e-05, "input_cost_per_token_batches": 2.5e-06,
        "output_cost_per_token_batches": 5e-06},
    "imagen-4": {"mode": "image_generation", "output_cost_per_image": 0.04},
    "gemini-chat-with-image-cost": {"mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 1.2e-05,
        "output_cost_per_image": 0.00012},
    "whisper-1": {"mode": "audio_transcription", "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001},
    "groq-whisper": {"mode": "audio_transcription", "input_cost_per_second": 3.083e-05, "output_cost_per_second": 0.0},
    "gpt-4o-transcribe": {"mode": "audio_transcription", "input_cost_per_second": 0.0001,
        "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05},
    "rerank": {"mode": "rerank", "input_cost_per_query": 0.002, "input_cost_per_token": 0.0},
    "free": {"input_cost_per_token": 0, "output_cost_per_token": 0, "cache_read_input_token_cost": 0},
    "tts": {"mode": "audio_speech", "input_cost_per_character": 1.5e-05},
    "dear": {"input_cost_per_token": 2.0, "output_cost_per_token": 1e-06},
    "wrong": {"input_cost_per_token": "3e-06", "output_cost_per_token": null, "mode": 7},
    "negative": {"input_cost_per_token": -1, "output_cost_per_token": -1},
    "no model": [1, 2], "no model either": "text", "null": null, "number": 1.5, "": {"input_cost_per_token": 1e-06}
}"#;

const OPENROUTER: &str = r#"{"data": [
    {"id": "anthropic/claude-sonnet-4.5", "name": "Claude", "context_length": 1000000, "pricing": {"prompt": "0.000003",
        "completion": "0.000015", "image": "0.0048", "request": "0", "web_search": "0", "internal_reasoning": "0",
        "input_cache_read": "0.0000003", "input_cache_write": "0.00000375", "input_cache_write_1h": "0.000006",
        "overrides": [{"min_prompt_tokens": 200001, "prompt": "0.000006", "completion": "0.0000225",
            "input_cache_read": "0.0000006"}]}},
    {"id": "perplexity/sonar-pro", "pricing": {"prompt": "0.000003", "completion": "0.000015", "request": "0.005",
        "internal_reasoning": "0.000003"}},
    {"id": "vendor/free:free", "pricing": {"prompt": "0", "completion": "0"}},
    {"id": "number", "pricing": {"prompt": 0.000001, "completion": 2e-6}},
    {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
    {"id": "no price"}, {"id": "odd", "pricing": 5}, {"name": "no id"}, 7
]}"#;

fn parsed(file: &str) -> PriceList {
    PriceList::parse(file.as_bytes()).unwrap().unwrap()
}

const fn tokens(prompt: u64, cached: Option<u64>, completion: u64) -> TokenPrices {
    TokenPrices {
        prompt: Some(prompt),
        cached,
        completion: Some(completion),
        cache_write: None,
        cache_write_1h: None,
        reasoning: None,
    }
}

fn price(prompt: u64, cached: Option<u64>, completion: u64) -> Price {
    Price {
        prompt,
        cached,
        completion,
        source: Some(PriceSource::LiteLlm),
        ..Price::default()
    }
}

const fn above(above_prompt_tokens: u64, prices: TokenPrices) -> PriceTier {
    PriceTier {
        above_prompt_tokens,
        prices,
    }
}

const fn served(prices: TokenPrices, tiers: Vec<PriceTier>) -> ServiceTierPrice {
    ServiceTierPrice {
        percent: None,
        prices,
        tiers,
    }
}

#[test]
fn entries_of_litellm_become_prices() {
    let list = parsed(LITELLM);
    assert_eq!(list.source, PriceSource::LiteLlm);
    let mut gpt_5 = price(1_250_000, Some(125_000), 10_000_000);
    gpt_5.service_tiers.flex = Some(served(tokens(625_000, Some(62_500), 5_000_000), vec![]));
    gpt_5.service_tiers.priority =
        Some(served(tokens(2_500_000, Some(250_000), 20_000_000), vec![]));
    let long = tokens(5_000_000, Some(500_000), 22_500_000);
    let mut gpt_5_4 = Price {
        tiers: vec![above(272_000, long)],
        ..price(2_500_000, Some(250_000), 15_000_000)
    };
    // The list says neither what a batch's cache nor what its long prompts cost.
    gpt_5_4.service_tiers.batch = Some(served(
        tokens(1_250_000, Some(125_000), 7_500_000),
        vec![above(272_000, tokens(2_500_000, Some(250_000), 11_250_000))],
    ));
    let claude = Price {
        cache_write: Some(3_750_000),
        cache_write_1h: Some(6_000_000),
        tiers: vec![above(
            200_000,
            TokenPrices {
                cache_write: Some(7_500_000),
                cache_write_1h: Some(12_000_000),
                ..tokens(6_000_000, Some(600_000), 22_500_000)
            },
        )],
        ..price(3_000_000, Some(300_000), 15_000_000)
    };
    let mut gemini = Price {
        tiers: vec![above(200_000, tokens(4_000_000, Some(400_000), 18_000_000))],
        ..price(2_000_000, Some(200_000), 12_000_000)
    };
    gemini.service_tiers.priority = Some(served(
        tokens(3_600_000, Some(360_000), 21_600_000),
        vec![above(200_000, tokens(7_200_000, Some(720_000), 32_400_000))],
    ));
    let qwen = Price {
        tiers: vec![above(32_000, tokens(2_400_000, None, 12_000_000))],
        ..price(1_200_000, None, 6_000_000)
    };
    let mut gpt_image = price(5_000_000, None, 40_000_000);
    gpt_image.service_tiers.batch = Some(served(
        TokenPrices {
            completion: None,
            ..tokens(2_500_000, None, 0)
        },
        vec![],
    ));
    let unit = |image, second, request| Price {
        image,
        second,
        request,
        ..price(0, None, 0)
    };
    let expected = [
        ("claude-sonnet-4-5", claude),
        ("dashscope/qwen3-max", qwen),
        ("deepseek-chat", price(280_000, Some(28_000), 420_000)),
        ("free", price(0, Some(0), 0)),
        ("gemini-3-pro-preview", gemini),
        (
            "gemini-chat-with-image-cost",
            price(2_000_000, None, 12_000_000),
        ),
        ("gpt-4o-transcribe", price(2_500_000, None, 10_000_000)),
        ("gpt-5", gpt_5),
        ("gpt-5.4", gpt_5_4),
        ("gpt-image-1", gpt_image),
        ("groq-whisper", unit(None, Some(30_830_000), None)),
        ("imagen-4", unit(Some(40_000_000_000), None, None)),
        ("rerank", unit(None, None, Some(2_000_000_000))),
        ("whisper-1", unit(None, Some(100_000_000), None)),
    ];
    let found: Vec<_> = list.prices.keys().map(|model| &**model).collect();
    assert_eq!(found, expected.each_ref().map(|(model, _)| *model));
    for (model, price) in &expected {
        assert_eq!(&list.prices[*model], price, "{model}");
    }
    // A unit that is not counted, beyond the bounds, no numbers, negative, no name.
    assert_eq!(list.skipped, 5);
}

#[test]
fn entries_of_openrouter_become_prices() {
    let list = parsed(OPENROUTER);
    assert_eq!(list.source, PriceSource::OpenRouter);
    let source = Some(PriceSource::OpenRouter);
    let claude = Price {
        cache_write: Some(3_750_000),
        cache_write_1h: Some(6_000_000),
        tiers: vec![above(200_000, tokens(6_000_000, Some(600_000), 22_500_000))],
        source,
        ..price(3_000_000, Some(300_000), 15_000_000)
    };
    let sonar = Price {
        request: Some(5_000_000_000),
        reasoning: Some(3_000_000),
        source,
        ..price(3_000_000, None, 15_000_000)
    };
    let of_list = |price: Price| Price { source, ..price };
    let expected = [
        ("anthropic/claude-sonnet-4.5", claude),
        ("number", of_list(price(1_000_000, None, 2_000_000))),
        ("perplexity/sonar-pro", sonar),
        ("vendor/free:free", of_list(price(0, None, 0))),
    ];
    let expected: Prices = expected
        .map(|(model, price)| (model.to_owned(), price))
        .into();
    assert_eq!(list.prices, expected);
    assert_eq!(list.skipped, 3);
}

#[test]
fn requests_cost_what_the_vendors_charge() {
    let list = parsed(LITELLM);
    let cost = |model: &str, usage| cost_micro_usd(&list.prices[model], usage);
    let usage = |prompt_tokens, cached_tokens, completion_tokens| Usage {
        prompt_tokens,
        completion_tokens,
        cached_tokens,
        ..Usage::default()
    };
    let flex = Usage {
        service_tier: Some(ServiceTier::Flex),
        ..usage(10_000, 8_000, 500)
    };
    assert_eq!(cost("gpt-5", flex), 1_250 + 500 + 2_500);
    // Claude with 150,000 cached tokens, 60,000 written for five minutes, 10,000 for an hour: the long prompt counts.
    let long = Usage {
        cache_write_tokens: 70_000,
        cache_write_1h_tokens: 10_000,
        ..usage(230_000, 150_000, 2_000)
    };
    assert_eq!(
        cost("claude-sonnet-4-5", long),
        60_000 + 90_000 + 450_000 + 120_000 + 45_000
    );
    let thinking = Usage {
        reasoning_tokens: 900,
        ..usage(200_000, 0, 1_000)
    };
    assert_eq!(cost("gemini-3-pro-preview", thinking), 400_000 + 12_000);
    assert_eq!(
        cost("gemini-3-pro-preview", usage(200_001, 0, 1_000)),
        800_004 + 18_000
    );
    let minute = Usage {
        media_ms: 60_000,
        ..Usage::default()
    };
    assert_eq!(cost("whisper-1", minute), 6_000);
    let images = Usage {
        images: 3,
        ..Usage::default()
    };
    assert_eq!(cost("imagen-4", images), 120_000);
}

#[test]
fn what_is_no_price_list_is_not_taken_for_one() {
    for file in [
        "{}",
        "[]",
        "5",
        "null",
        r#"{"data": []}"#,
        r#"{"data": [{"id": "m"}]}"#,
        r#"{"version": 1, "channels": [], "keys": [], "settings": {"prices": {}}}"#,
        r#"{"m": {"prompt": 1, "completion": 2}}"#,
    ] {
        assert_eq!(PriceList::parse(file.as_bytes()).unwrap(), None, "{file}");
    }
    for file in ["", "{", r#"{"m": {"input_cost_per_token": 1e-6}"#, "{} x"] {
        assert!(PriceList::parse(file.as_bytes()).is_err(), "{file}");
    }
    // However deep it is nested.
    for (open, close) in [("[", "]"), ("{\"a\":", "1}")] {
        let deep = format!(
            "{{\"m\":{}1{}}}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        assert!(!matches!(PriceList::parse(deep.as_bytes()), Ok(Some(_))));
    }
}

fn document(prices: &[(&str, Price)]) -> Document {
    let mut document = Document::default();
    let prices = prices.iter();
    document.settings.prices = prices
        .map(|(model, price)| ((*model).to_owned(), price.clone()))
        .collect();
    let mut channel = ChannelConfig::blank(Timestamp(0));
    channel.models = vec!["gpt-5".to_owned(), "unknown".to_owned()];
    channel.model_map = [("mine".to_owned(), "deepseek-chat".to_owned())].into();
    document.channels.push(channel);
    document
        .settings
        .default_models
        .insert("audio/transcriptions".to_owned(), "whisper-1".to_owned());
    document
}

fn models(changes: &[PriceChange]) -> Vec<&str> {
    changes.iter().map(|change| &*change.model).collect()
}

#[test]
fn an_import_says_what_it_changes_and_keeps_what_was_set_by_hand() {
    let by_hand = |prompt| Price {
        source: None,
        ..price(prompt, None, 1)
    };
    let of_the_other = Price {
        source: Some(PriceSource::OpenRouter),
        ..price(1, None, 1)
    };
    let before = [
        ("gpt-5", by_hand(7)),
        ("only mine", by_hand(8)),
        ("gone", price(1, None, 1)),
        ("free", price(0, Some(0), 0)),
        ("deepseek-chat", price(1, None, 1)),
        ("imagen-4", of_the_other.clone()),
        ("anthropic/x", of_the_other.clone()),
    ];
    let mut configuration = document(&before);
    let mut list = parsed(LITELLM);
    list.keep_named(&configuration);
    let changes = list.apply(&mut configuration);
    assert_eq!(models(&changes.added), ["whisper-1"]);
    assert_eq!(models(&changes.changed), ["deepseek-chat", "imagen-4"]);
    assert_eq!(models(&changes.removed), ["gone"]);
    assert_eq!(models(&changes.kept), ["gpt-5"]);
    assert_eq!(changes.unchanged, 1);
    assert_eq!(changes.unpriced, ["unknown"]);
    assert_eq!(changes.kept[0].before, Some(by_hand(7)));
    assert_eq!(changes.kept[0].listed.as_ref().unwrap().prompt, 1_250_000);
    assert_eq!(changes.changed[0].before, Some(price(1, None, 1)));
    assert_eq!(changes.removed[0].listed, None);

    let prices = &configuration.settings.prices;
    assert_eq!(prices["gpt-5"], by_hand(7));
    assert_eq!(prices["only mine"], by_hand(8));
    assert_eq!(prices["anthropic/x"], of_the_other);
    assert_eq!(prices["deepseek-chat"].prompt, 280_000);
    assert_eq!(prices["imagen-4"].source, Some(PriceSource::LiteLlm));
    assert!(!prices.contains_key("gone"));
    assert_eq!(prices.len(), 7);

    // Once more: nothing changes.
    let mut list = parsed(LITELLM);
    list.keep_named(&configuration);
    let again = configuration.clone();
    let changes = list.apply(&mut configuration);
    assert_eq!(configuration, again);
    let PriceChanges {
        added,
        changed,
        removed,
        unchanged,
        ..
    } = changes;
    assert_eq!((added, changed, removed), (vec![], vec![], vec![]));
    assert_eq!(unchanged, 4);
}

#[test]
fn all_models_are_taken_when_asked_for() {
    let mut configuration = document(&[]);
    let list = parsed(LITELLM);
    let count = list.prices.len();
    let changes = list.apply(&mut configuration);
    assert_eq!(changes.added.len(), count);
    assert_eq!(configuration.settings.prices.len(), count);
}
