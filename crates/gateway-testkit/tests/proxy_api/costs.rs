//! What a request costs: which price applies, what of the answer it depends on, and that budgets count it.

use gateway_core::config::model::{Document, Price, Prices, Settings};
use gateway_core::sql::SqlValue;
use gateway_testkit::fakes::FakeReply;

use super::ledger::{ANSWER, CHAT, count, document};
use super::setup::*;

#[test]
fn an_answer_costs_what_the_tables_say_for_the_channel_that_gave_it() {
    let price = |prompt, cached, completion| Price {
        prompt,
        cached,
        completion,
        ..Price::default()
    };
    let prices = |list: &[(&str, Price)]| -> Prices {
        let entries = list
            .iter()
            .map(|(name, price)| ((*name).to_owned(), price.clone()));
        entries.collect()
    };
    let costs = |channel_prices: &[(&str, Price)], settings_prices: &[(&str, Price)]| {
        let mut seller = channel("a", 1);
        seller.model_map = [("m".to_owned(), "llama".to_owned())].into();
        seller.prices = prices(channel_prices);
        let stage = Stage::with_ledger(&Document {
            channels: vec![seller],
            ..document(Settings {
                prices: prices(settings_prices),
                ..Settings::default()
            })
        });
        stage.upstream(|_| FakeReply::json(200, ANSWER));
        stage.chat(CHAT);
        stage.upstream(|_| FakeReply::json(400, "{}"));
        stage.chat(CHAT);
        stage.ports.run_background();
        let sum = "SELECT sum(cost_micro_usd) FROM usage_hour WHERE hour >= 0";
        let rows = stage.ports.database();
        let rows = rows.rows("SELECT cost_micro_usd FROM request ORDER BY seq");
        assert_eq!(
            rows[1],
            [SqlValue::Integer(0)],
            "refused requests cost nothing"
        );
        assert_eq!(count(&stage, sum), rows[0][0].count());
        rows[0][0].count()
    };
    // 20 new tokens, 10 cached ones, 7 written.
    let dear = price(2_000_000, Some(1_000_000), 10_000_000);
    let cheap = price(1_000_000, None, 0);
    assert_eq!(costs(&[], &[]), 0);
    assert_eq!(costs(&[], &[("m", dear.clone())]), 40 + 10 + 70);
    assert_eq!(costs(&[], &[("llama", cheap.clone())]), 30);
    assert_eq!(
        costs(&[("llama", cheap.clone())], &[("m", dear.clone())]),
        30
    );
    assert_eq!(costs(&[("llama", cheap), ("m", dear.clone())], &[]), 120);
    assert_eq!(costs(&[("other", dear.clone())], &[("other", dear)]), 0);
}

#[test]
fn what_a_cost_depends_on_is_recorded_and_budgets_count_it() {
    let price = r#"{"prompt":5000000,"cached":500000,"completion":25000000,"cache_write":6250000,
        "cache_write_1h":10000000,"image":1000000000,"tiers":[{"above_prompt_tokens":2000,"prompt":10000000}],
        "service_tiers":{"flex":{"percent":50}}}"#;
    let prices = [("m".to_owned(), serde_json::from_str(price).unwrap())].into();
    let mut limited = document(Settings {
        prices,
        ..Settings::default()
    });
    limited.keys[0].limits.daily_budget_micro_usd = Some(20_000);
    let stage = Stage::with_ledger(&limited);
    stage.upstream(|_| {
        FakeReply::json(
            200,
            r#"{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"service_tier":"flex",
            "usage":{"input_tokens":1000,"output_tokens":100,"cache_read_input_tokens":1000,
            "cache_creation_input_tokens":500,"cache_creation":{"ephemeral_5m_input_tokens":300,
            "ephemeral_1h_input_tokens":200},"generated_images":2}}"#,
        )
    });
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    let columns = "SELECT prompt_tokens, cache_write_tokens, cache_write_1h_tokens, images, service_tier, cost_micro_usd \
        FROM request";
    let row = stage.ports.database().rows(columns).remove(0);
    // Half of 1,000 new ones at $10, 1,000 cached, 300 and 200 written, 100 out, and two images of $0.001.
    let cost = (10_000 + 500 + 1_875 + 2_000 + 2_500 + 2_000) / 2 + 1;
    assert_eq!(
        row,
        [
            SqlValue::Integer(2_500),
            SqlValue::Integer(500),
            SqlValue::Integer(200),
            SqlValue::Integer(2),
            SqlValue::Text("flex".to_owned()),
            SqlValue::Integer(cost),
        ]
    );
    let written = "SELECT sum(cache_write_tokens) FROM usage_hour WHERE hour = -1";
    assert_eq!(count(&stage, written), 500);
    // $0.02 a day: the third request would be the first one above it.
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    assert_eq!(stage.chat_alone(CHAT).status, 200);
    assert_eq!(stage.chat_alone(CHAT).status, 429);
}
