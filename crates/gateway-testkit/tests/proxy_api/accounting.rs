//! What a request is said to have taken, where upstreams or clients make that hard: long answers, no figures, made-up
//! names of models.

use bytes::Bytes;
use gateway_core::config::model::Settings;
use gateway_core::ledger::columns::usage;
use gateway_core::ports::SendErrorKind;
use gateway_core::sql::SqlValue;
use gateway_testkit::fakes::FakeReply;

use super::ledger::{ANSWER, CHAT, count, document, stage, text};
use super::setup::*;

#[test]
fn answers_that_are_too_long_to_be_held_are_accounted_for_as_well() {
    // Embeddings of many texts, and images, are often longer than 2 MiB; the figures are at the beginning or at the
    // end.
    let data = format!(r#""data":[{}0]"#, "0.125,".repeat(500_000));
    let figures = r#""usage":{"prompt_tokens":31,"total_tokens":31}"#;
    let stage = stage();
    for body in [
        format!("{{{data},{figures}}}"),
        format!("{{{figures},{data}}}"),
    ] {
        let bytes = Bytes::from(body);
        stage.upstream(move |_| {
            let pieces: Vec<Bytes> = (0..bytes.len())
                .step_by(65_521)
                .map(|at| bytes.slice(at..bytes.len().min(at + 65_521)))
                .collect();
            FakeReply::pieces(200, "application/json", pieces)
        });
        let answer = stage.send(post("/v1/embeddings", r#"{"model":"m","input":["a"]}"#));
        assert!(answer.body.len() > 3_000_000);
    }
    stage.ports.run_background();
    let query = "SELECT prompt_tokens, estimated, ended FROM request";
    let expected = vec![
        SqlValue::Integer(31),
        SqlValue::Integer(0),
        text("complete"),
    ];
    assert_eq!(
        stage.ports.database().rows(query),
        [expected.clone(), expected]
    );
}

#[test]
fn what_no_upstream_states_is_estimated_from_text_alone() {
    let stage = stage();
    let words = "four".repeat(100);
    let picture = "A".repeat(1_000_000);
    let body = |content: &str| {
        format!(r#"{{"model":"m","stream":true,"input":"{words}","x":"{content}"}}"#)
    };
    let estimate = |path: &str, content: &str, answer: FakeReply| {
        stage.upstream(move |_| answer.clone());
        stage.send(post(path, &body(content)));
        stage.ports.run_background();
        let query = "SELECT prompt_tokens, estimated FROM request ORDER BY seq DESC LIMIT 1";
        let row = stage.ports.database().rows(query).remove(0);
        (row[0].count(), row[1].count())
    };
    let whole = u64::try_from(body("").len()).unwrap().div_ceil(4);
    let vectors = || FakeReply::json(200, r#"{"data":[{"embedding":[0.5]}]}"#);
    assert_eq!(estimate("/v1/embeddings", "", vectors()), (whole, 1));
    let seen = estimate("/v1/embeddings", &picture, vectors());
    assert!(seen.0.abs_diff(whole) <= 256, "{seen:?} of {whole}");
    // The upstream had read the prompt when the stream broke, although no text had come yet.
    let call = r#"data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c"}]}}]}"#;
    let broken = FakeReply::pieces(
        200,
        "text/event-stream",
        [Bytes::from(format!("{call}\n\n"))],
    );
    let broken = broken.broken_by(SendErrorKind::Reset);
    assert_eq!(estimate("/v1/chat/completions", "", broken), (whole, 1));
    let speech = FakeReply::pieces(200, "audio/mpeg", [Bytes::from_static(b"ID3")]);
    assert_eq!(estimate("/v1/audio/speech", "", speech), (whole, 1));
}

#[test]
fn made_up_names_cannot_fill_the_sums_where_an_upstream_answers_to_any() {
    // The channel has no list of models.
    let stage = stage();
    let chat = |model: &str| stage.chat(&format!(r#"{{"model":"{model}","messages":[]}}"#));
    let rows = || count(&stage, "SELECT count(*) FROM usage_hour WHERE hour >= 0");
    let all_hours = |of: &str| {
        let query = format!("SELECT {of} FROM usage_hour WHERE hour = -1");
        count(&stage, &query)
    };
    // One after the other.
    for number in 0..150 {
        assert_eq!(chat(&format!("made-up-{number}")).status, 200);
        stage.ports.run_background();
    }
    assert_eq!(rows(), 101);
    // Who is known stays known, and so does what is known of all hours.
    chat("made-up-7");
    stage.ports.run_background();
    let known = "FILTER (WHERE model = 'made-up-7')";
    assert_eq!(all_hours(&format!("sum(requests) {known}")), 2);
    assert_eq!(rows(), 101);
    assert_eq!(all_hours("count(*)"), 150);
    // In the next hour many come at once.
    stage.ports.advance_ms(3_600_000);
    for number in 0..6_000 {
        assert_eq!(chat(&format!("made-up-{number}")).status, 200);
        if number % 250 == 0 {
            stage.ports.run_background();
        }
    }
    stage.ports.run_background();
    let names = rows() - 101;
    assert!((101..=201).contains(&names), "{names} rows");
    let most = all_hours("count(*)");
    assert!(most <= 2_000 + 200, "{most} rows");
    let other = "sum(requests) FILTER (WHERE model = 'other')";
    assert!(all_hours(other) > 0);
    assert_eq!(all_hours("sum(requests)"), 6_151);
    let by_hour = "SELECT sum(requests) FROM usage_hour WHERE hour >= 0";
    assert_eq!(count(&stage, by_hour), 6_151);
}

#[test]
fn a_key_that_makes_names_up_takes_none_from_others() {
    let mut document = document(Settings::default());
    let mut other = client_key();
    other.id = "ck_other".to_owned();
    other.hash = gateway_core::ids::hex(&gateway_core::ids::hash_client_key(b"sk-other"));
    document.keys.push(other);
    let mut named = channel("b", 1);
    named.models = vec!["named".to_owned()];
    document.channels.push(named);
    let stage = Stage::with_ledger(&document);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    for number in 0..300 {
        stage.chat(&format!(r#"{{"model":"made-up-{number}","messages":[]}}"#));
    }
    stage.chat(r#"{"model":"named","messages":[]}"#);
    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", "Bearer sk-other")
        .body(Bytes::from_static(br#"{"model":"new","messages":[]}"#));
    assert_eq!(stage.send(request.unwrap()).status, 200);
    stage.ports.run_background();
    let of = |key: &str, model: &str| {
        let whose = format!("key = '{key}' AND model = '{model}'");
        let query = format!("SELECT sum(requests) FROM usage_hour WHERE hour >= 0 AND {whose}");
        count(&stage, &query)
    };
    assert_eq!(of("ck_test", "other"), 200);
    assert_eq!((of("ck_test", "named"), of("ck_other", "new")), (1, 1));
}

#[test]
fn sums_of_nonsense_end_at_the_largest_number_instead_of_becoming_nothing() {
    let stage = stage();
    stage.chat(CHAT);
    stage.ports.run_background();
    let database = stage.ports.database();
    for almost in [9_007_199_254_740_990_i64, i64::MAX - 1] {
        database.rows(&format!("UPDATE usage_hour SET prompt_tokens = {almost}"));
        stage.chat(CHAT);
        stage.ports.run_background();
        let sums = database.rows("SELECT prompt_tokens FROM usage_hour");
        let most = vec![SqlValue::Integer(9_007_199_254_740_991)];
        assert_eq!(sums, [most.clone(), most]);
    }
}

#[test]
fn no_batch_is_larger_than_a_database_takes() {
    let stage = stage();
    stage.chat(CHAT);
    stage.ports.run_background();
    let database = stage.ports.database();
    database.forget();
    // Six bytes for each of its characters, and another name each time.
    for number in 0..1_000 {
        let model = format!("{number}{}", r"\u0001".repeat(250));
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        assert_eq!(stage.chat(&body).status, 200);
    }
    stage.ports.run_background();
    assert_eq!(count(&stage, "SELECT count(*) FROM request"), 1_001);
    let longest = database
        .statements()
        .iter()
        .flat_map(|statement| &statement.parameters)
        .filter_map(SqlValue::text)
        .map(str::len)
        .max();
    assert!(longest < Some(2_000_000), "{longest:?} bytes");
}

#[test]
fn a_model_that_a_channel_names_is_counted_by_name_whatever_else_there_is() {
    let mut named = document(Settings::default());
    named.channels[0].models = vec!["m".to_owned()];
    named.channels.push(channel("b", 1));
    let stage = Stage::with_ledger(&named);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    stage.chat(r#"{"model":"made-up","messages":[]}"#);
    stage.ports.run_background();
    stage.ports.database().rows(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO usage_hour SELECT hour, key, channel, model || i, requests, errors, failovers, estimated, \
         prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, cost_micro_usd, TOTALS \
         FROM usage_hour, n"
            .replace("TOTALS", &histogram_columns())
            .as_str(),
    );
    stage.chat(CHAT);
    stage.chat(r#"{"model":"another","messages":[]}"#);
    stage.ports.run_background();
    let models =
        "SELECT hour >= 0, model FROM usage_hour WHERE model NOT LIKE 'made-up%' ORDER BY 1, 2";
    let models = stage.ports.database().rows(models);
    let rows = [(0, "m"), (0, "other"), (1, "m"), (1, "other")];
    assert_eq!(
        models,
        rows.map(|(is_hour, model)| [SqlValue::Integer(is_hour), text(model)])
    );
}

/// The columns after the first sums, in their order.
fn histogram_columns() -> String {
    let columns: Vec<String> = usage::summed().skip(usage::first_sums().count()).collect();
    columns.join(", ")
}
