//! Which headers pass, in both directions.

use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn only_known_headers_and_the_channels_own_reach_the_upstream() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel("own", &json!({"keys": ["upstream-key"], "models": ["m"], "headers": {"X-Title": "gateway", "http-referer": "https://x.example"}}))
        .await?;
    let request = stage
        .request(CHAT)
        .header("accept", "application/json")
        .header("openai-beta", "assistants=v2")
        .header("user-agent", "sdk/1.0")
        .header("cookie", "session=secret")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-forwarded-host", "h")
        .header("forwarded", "for=10.0.0.1")
        .header("x-real-ip", "10.0.0.1")
        .header("via", "1.1 x")
        .header("origin", "https://app.example")
        .header("referer", "https://app.example/page")
        .header("x-stainless-lang", "python")
        .header("openai-organization", "org-client")
        .header("proxy-authorization", "Basic x")
        .header("x-api-key", stage.key.as_str())
        .header("api-key", stage.key.as_str());
    let reply = Reply::of(request.body(r#"{"model":"m"}"#)).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());

    let records = stage.upstream.records();
    let seen = &records[0];
    for (name, value) in [
        ("authorization", "Bearer upstream-key"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("openai-beta", "assistants=v2"),
        ("user-agent", "sdk/1.0"),
        ("x-title", "gateway"),
        ("http-referer", "https://x.example"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    let known = [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "http-referer",
        "openai-beta",
        "transfer-encoding",
        "user-agent",
        // How loops end; what the client came through goes on.
        "via",
        "x-title",
    ];
    let unknown: Vec<&str> = seen
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !known.contains(name))
        .collect();
    assert_eq!(unknown, Vec::<&str>::new());
    assert!(
        seen.headers
            .iter()
            .all(|(_, value)| !value.contains(&stage.key)),
        "the client's key went upstream"
    );
    assert_eq!(
        seen.header("host"),
        Some(stage.upstream.address().to_string().as_str())
    );
    Ok(())
}

#[tokio::test]
async fn only_known_headers_of_the_upstream_reach_the_client() -> Outcome {
    let stage = Stage::with_channel().await?;
    let answer = Action::json(200, &json!({"choices": [{}]}))
        .header("x-ratelimit-remaining-requests", "59")
        .header("openai-processing-ms", "12")
        .header("openai-version", "2020-10-01")
        .header("retry-after", "7")
        .header("openai-organization", "org-secret")
        .header("set-cookie", "__cf_bm=secret")
        .header("server", "cloudflare")
        .header("access-control-allow-origin", "https://upstream.example")
        .header("x-request-id", "req_of_the_upstream")
        .header("strict-transport-security", "max-age=1")
        .header("x-anything", "secret");
    stage.upstream.rule(Rule::always(answer));
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-ratelimit-remaining-requests", "59"),
        ("openai-processing-ms", "12"),
        ("openai-version", "2020-10-01"),
        ("retry-after", "7"),
        ("x-gateway-attempts", "1"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    for name in [
        "openai-organization",
        "set-cookie",
        "server",
        "strict-transport-security",
        "x-anything",
    ] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    assert!(reply.header("x-gateway-channel").is_some());
    let id = reply.header("x-request-id").unwrap_or_default();
    assert!(id.len() > 8 && id != "req_of_the_upstream", "{id:?}");
    let values = reply
        .headers
        .values()
        .filter(|value| value.as_bytes() == b"https://upstream.example");
    assert_eq!(
        values.count(),
        0,
        "the upstream's CORS is not the gateway's"
    );
    Ok(())
}

#[tokio::test]
async fn request_ids_differ_and_redirects_are_not_followed() -> Outcome {
    let stage = Stage::with_channel().await?;
    let first = stage.chat("m").await?;
    let second = stage.chat("m").await?;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));

    let elsewhere = format!("{}/elsewhere", stage.upstream.root_url());
    stage.upstream.rule(Rule::always(
        Action::raw(302, "text/plain", "moved").header("location", &elsewhere),
    ));
    let reply = stage.chat("m").await?;
    assert!(reply.status >= 400, "{}", reply.status);
    assert_eq!(reply.header("location"), None);
    assert!(
        stage
            .upstream
            .records()
            .iter()
            .all(|record| !record.path.contains("elsewhere"))
    );
    Ok(())
}
