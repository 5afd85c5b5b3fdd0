//! Channels that lead back to the gateway: requests end at once, with an error that says what to change.

use std::time::{Duration, Instant};

use gateway_tests::{IN_FORCE, Stage};
use serde_json::json;

use crate::Outcome;

/// Far more than two hops take, far less than a loop would.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_channel_that_points_at_its_own_gateway_is_a_508() -> Outcome {
    let stage = Stage::start().await?;
    let back = json!({"base_url": stage.gateway.url("/v1"), "keys": [stage.key], "models": ["m"]});
    let channel = stage.channel("back", &back).await?;
    tokio::time::sleep(IN_FORCE).await;
    let began = Instant::now();
    let replies = (0..20).map(|_| stage.chat("m"));
    for reply in futures_util::future::join_all(replies).await {
        let reply = reply?;
        assert_eq!(
            reply.failure()?,
            (508, "loop_detected".to_owned()),
            "{reply:?}"
        );
        assert!(
            reply.message()?.contains("base URL"),
            "{}",
            reply.message()?
        );
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    // The panel's test of the channel says so as well.
    let path = format!(
        "/channels/{}/test",
        channel["id"].as_str().unwrap_or_default()
    );
    let outcome = stage.admin.post(&path, &json!({"model": "m"})).await?;
    assert_eq!(outcome["status"], 508, "{outcome}");
    assert!(
        outcome["error"].to_string().contains("Loop detected"),
        "{outcome}"
    );
    Ok(())
}

#[tokio::test]
async fn two_gateways_that_point_at_each_other_end() -> Outcome {
    let (one, other) = (Stage::start().await?, Stage::start().await?);
    for (from, to) in [(&one, &other), (&other, &one)] {
        let back = json!({"base_url": to.gateway.url("/v1"), "keys": [to.key], "models": ["m"]});
        from.channel("back", &back).await?;
    }
    tokio::time::sleep(IN_FORCE).await;
    let began = Instant::now();
    let replies = (0..20).map(|_| one.chat("m"));
    for reply in futures_util::future::join_all(replies).await {
        let reply = reply?;
        assert_eq!(
            reply.failure()?,
            (508, "loop_detected".to_owned()),
            "{reply:?}"
        );
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn what_a_request_came_through_goes_on_to_the_upstream() -> Outcome {
    let stage = Stage::with_channel().await?;
    let request = stage
        .request("/v1/chat/completions")
        .header("via", "1.1 edge")
        .body(json!({"model": "m"}).to_string());
    assert_eq!(gateway_tests::Reply::of(request).await?.status, 200);
    let records = stage.upstream.records();
    let via: Vec<&str> = records[0]
        .headers
        .iter()
        .filter(|(name, _)| name == "via")
        .map(|(_, value)| value.as_str())
        .collect();
    let via = via.join(", ");
    assert!(via.starts_with("1.1 edge, 1.1 ai-gateway-"), "{via}");
    Ok(())
}
