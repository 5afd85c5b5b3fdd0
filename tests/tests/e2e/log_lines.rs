//! The variable `log`: which requests get a line, and in which form.

use std::time::Duration;

use anyhow::Result;
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{Setup, Stage, eventually};
use serde_json::{Value, json};

use crate::Outcome;

/// One good and one failed request; the log after that.
async fn log_of(variable: &str) -> Result<String> {
    let stage = Stage::start_with(&Setup::default().variable("log", variable)).await?;
    for model in ["good", "bad"] {
        let members = json!({"keys": [model], "models": [model]});
        stage.channel(model, &members).await?;
    }
    let broken = Action::error(500, "server_error", "broken");
    stage.upstream.rule(Rule::always(broken).key("bad"));
    assert_eq!(stage.chat("good").await?.status, 200);
    assert_eq!(stage.chat("bad").await?.status, 502);
    if variable != "off" {
        eventually(Duration::from_secs(5), "the lines are there", async || {
            Ok(stage.gateway.log().contains("upstream_broke"))
        })
        .await?;
    }
    stage.gateway.stop()
}

#[tokio::test]
async fn the_variable_decides() -> Outcome {
    for (variable, good, bad) in [
        ("", false, true),
        ("errors", false, true),
        ("all", true, true),
        ("off", false, false),
    ] {
        let log = log_of(variable).await?;
        assert_eq!(log.contains("complete"), good, "{variable}: {log}");
        assert_eq!(log.contains("upstream_broke"), bad, "{variable}: {log}");
        assert_eq!(log.contains("attempt 1"), bad, "{variable}: {log}");
    }
    Ok(())
}

#[tokio::test]
async fn lines_in_json_are_whole() -> Outcome {
    let log = log_of("all,json").await?;
    // The local host puts the component's name before each.
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok())
        .collect();
    let of = |model: &str| {
        let line = lines.iter().find(|line| line["model"] == model);
        line.cloned().unwrap_or_default()
    };
    assert_eq!(of("good")["status"], 200, "{log}");
    assert_eq!(of("bad")["end"], "upstream_broke", "{log}");
    assert!(
        lines.iter().any(|line| line["message"].is_string()),
        "{log}"
    );
    Ok(())
}
