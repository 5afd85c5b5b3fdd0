//! `GET /metrics`: who may read it, what is in it, and that its labels cannot grow without end.

use bytes::Bytes;
use gateway_core::admin;
use gateway_core::ledger::record::End;
use gateway_core::ports::StoreKey;
use gateway_core::reply;
use gateway_core::secret::Secret;
use gateway_testkit::fakes::{DatabaseFault, block_on, read_body};
use http::{HeaderMap, Request};
use http_body_util::Full;
use serde_json::json;

use super::ledger::{record, write};
use super::{Gateway, settings};

const TOKEN: &str = "scraper-token";
/// The text of docs/operate/metrics.md.
const DOCUMENT: &str = include_str!("../../../../docs/operate/metrics.md");

fn with_token() -> Gateway {
    Gateway::with(admin::AdminSettings {
        metrics_token: Some(Secret::new(TOKEN.to_owned())),
        ..settings(super::PASSWORD)
    })
}

fn ask(gateway: &Gateway, method: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri("/metrics");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let reply = block_on(admin::handle(&gateway.ports, &gateway.settings, request));
    let reply = reply::finish(reply, method == "HEAD");
    let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
    let body = block_on(read_body(reply)).unwrap();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

fn metrics(gateway: &Gateway) -> String {
    let authorization = format!("Bearer {}", gateway.token);
    let (status, headers, text) = ask(gateway, "GET", &[("authorization", &authorization)]);
    assert_eq!(status, 200, "{text}");
    assert_eq!(
        headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    text
}

#[test]
fn the_token_or_a_session_is_needed() {
    let gateway = with_token();
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(ask(&gateway, "GET", &[]).0, 401);
    for wrong in ["", "x", "scraper-toke", "scraper-token2"] {
        let header = bearer(wrong);
        let (status, _, body) = ask(&gateway, "GET", &[("authorization", &header)]);
        assert_eq!(status, 401, "{wrong}");
        assert!(body.contains(r#""code":"not_authenticated""#), "{body}");
    }
    assert_eq!(
        ask(&gateway, "GET", &[("authorization", &bearer(TOKEN))]).0,
        200
    );
    let session = bearer(&gateway.token);
    assert_eq!(ask(&gateway, "GET", &[("authorization", &session)]).0, 200);
    let (status, headers, _) = ask(&gateway, "POST", &[("authorization", &bearer(TOKEN))]);
    assert_eq!(
        (status, &headers["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
    let (status, _, body) = ask(&gateway, "HEAD", &[("authorization", &bearer(TOKEN))]);
    assert_eq!((status, body.as_str()), (200, ""));
    // Without a configured token no request is authorized, not even one that sends none.
    let closed = Gateway::new();
    assert_eq!(ask(&closed, "GET", &[("authorization", "Bearer ")]).0, 401);
    let empty = Gateway::with(admin::AdminSettings {
        metrics_token: Some(Secret::new(String::new())),
        ..settings(super::PASSWORD)
    });
    assert_eq!(ask(&empty, "GET", &[("authorization", "Bearer ")]).0, 401);
}

#[test]
fn the_token_opens_nothing_else() {
    let gateway = with_token();
    let header = format!("Bearer {TOKEN}");
    let request = super::request("GET", "channels", &[("authorization", &header)], "");
    gateway.send(request).expect_error(401, "not_authenticated");
}

#[test]
fn everything_that_was_counted_is_reported() {
    let gateway = Gateway::new();
    let channel = gateway.channel(&json!({"name": "N\"IM\\", "models": ["m"]}));
    let mut records: Vec<_> = (0..3).map(record).collect();
    for record in &mut records[..2] {
        record.channel.as_mut().unwrap().id.clone_from(&channel);
        record.attempts[0].channel.clone_from(&channel);
    }
    records[1].status = 502;
    records[1].end = End::UpstreamBroke;
    // A second batch adds to the first.
    write(&gateway, &records[..1]);
    write(&gateway, &records[1..]);
    gateway
        .ports
        .store()
        .put(StoreKey::DroppedRecords, b"12".to_vec());
    let text = metrics(&gateway);
    let mine = format!(r#"channel="N\"IM\\",channel_id="{channel}""#);
    let gone = r#"channel="other",channel_id="""#;
    for line in [
        "ai_gateway_ledger_up 1".to_owned(),
        "ai_gateway_dropped_records_total 12".to_owned(),
        format!(r#"ai_gateway_requests_total{{{mine},status="200"}} 1"#),
        format!(r#"ai_gateway_requests_total{{{mine},status="502"}} 1"#),
        format!(r#"ai_gateway_requests_total{{{gone},status="200"}} 1"#),
        format!(r#"ai_gateway_attempts_total{{{mine},outcome="answered"}} 2"#),
        format!("ai_gateway_failed_requests_total{{{mine}}} 1"),
        format!("ai_gateway_failovers_total{{{mine}}} 0"),
        format!(r#"ai_gateway_tokens_total{{{mine},model="m",kind="prompt"}} 20"#),
        format!(r#"ai_gateway_tokens_total{{{mine},model="m",kind="reasoning"}} 2"#),
        format!(r#"ai_gateway_cost_usd_total{{{mine},model="m"}} 0.000006"#),
        format!(r#"ai_gateway_request_duration_seconds_bucket{{{mine},le="0.750"}} 0"#),
        format!(r#"ai_gateway_request_duration_seconds_bucket{{{mine},le="1.000"}} 2"#),
        format!(r#"ai_gateway_request_duration_seconds_bucket{{{mine},le="+Inf"}} 2"#),
        format!("ai_gateway_request_duration_seconds_sum{{{mine}}} 1.800"),
        format!("ai_gateway_request_duration_seconds_count{{{mine}}} 2"),
        format!("ai_gateway_first_byte_duration_seconds_sum{{{mine}}} 0.160"),
        format!("ai_gateway_channel_enabled{{{mine}}} 1"),
        format!(r#"ai_gateway_cooldowns{{{mine},of="rejected_key"}} 0"#),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
}

#[test]
fn names_that_are_not_configured_are_no_labels() {
    let gateway = Gateway::new();
    gateway.channel(&json!({"models": ["known"]}));
    let records: Vec<_> = (0..300)
        .map(|number| {
            let mut record = record(number);
            record.model = format!("made-up-{number}");
            record.channel.as_mut().unwrap().id = format!("ch_gone{number}");
            record
        })
        .collect();
    write(&gateway, &records);
    let text = metrics(&gateway);
    assert!(
        !text.contains("made-up") && !text.contains("gone"),
        "{text}"
    );
    assert!(text.contains(
        r#"ai_gateway_tokens_total{channel="other",channel_id="",model="other",kind="prompt"} 3000"#
    ));
    assert!(text.lines().count() < 150, "{}", text.lines().count());
}

#[test]
fn without_the_database_the_rest_is_there() {
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        let gateway = Gateway::new();
        gateway.channel(&json!({}));
        write(&gateway, &[record(0)]);
        gateway.ports.database().set_fault(fault);
        let text = metrics(&gateway);
        assert!(text.contains("ai_gateway_ledger_up 0"), "{text}");
        assert!(text.contains("ai_gateway_channel_enabled"), "{text}");
        assert!(!text.contains("ai_gateway_requests_total"), "{text}");
    }
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_there() {
    let gateway = Gateway::new();
    gateway.channel(&json!({}));
    write(&gateway, &[record(0)]);
    let text = metrics(&gateway);
    let served: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let documented: Vec<&str> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(served.len() > 10);
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.join("\n")
    };
    assert_eq!(sorted(served), sorted(documented));
}
