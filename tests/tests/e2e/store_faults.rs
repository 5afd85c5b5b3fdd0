//! A store that hangs or fails: which requests wait how long, and that everything recovers.

use std::time::{Duration, Instant};

use anyhow::Result;
use gateway_tests::{IN_FORCE, PASSWORD, Setup, Stage, eventually, instances_are_single_use};
use reqwest::Method;
use serde_json::json;

use crate::Outcome;

/// The configuration's and the health's wait are one; the rest is the machine's.
const WITH_COPY: Duration = Duration::from_millis(900);
const WITHOUT_COPY: Duration = Duration::from_secs(7);

async fn stage() -> Result<Stage> {
    let setup = Setup::default().option("--fault-store", "file:fault");
    let stage = Stage::start_with(&setup).await?;
    stage
        .channel("only", &json!({"keys": ["k"], "models": ["m"]}))
        .await?;
    Ok(stage)
}

fn break_store(stage: &Stage, fault: &str) -> Outcome {
    Ok(std::fs::write(stage.gateway.state().join("fault"), fault)?)
}

fn mend_store(stage: &Stage) -> Outcome {
    Ok(std::fs::remove_file(stage.gateway.state().join("fault"))?)
}

#[tokio::test]
async fn requests_go_on_with_the_copy() -> Outcome {
    if instances_are_single_use() {
        // There is no copy.
        return Ok(());
    }
    for fault in ["hang", "refuse"] {
        let stage = stage().await?;
        assert_eq!(stage.chat("m").await?.status, 200);
        break_store(&stage, fault)?;
        for _ in 0..40 {
            let began = Instant::now();
            let reply = stage.chat("m").await?;
            assert_eq!(reply.status, 200, "{fault}: {}", reply.text());
            assert!(began.elapsed() < WITH_COPY, "{:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        mend_store(&stage)?;
        stage
            .channel("late", &json!({"keys": ["late"], "models": ["late"]}))
            .await?;
        eventually(IN_FORCE * 2, "changes are in force again", async || {
            Ok(stage.chat("late").await?.status == 200)
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_a_copy_there_is_an_error_and_all_heals() -> Outcome {
    let stage = stage().await?;
    break_store(&stage, "hang")?;
    let body = json!({"password": PASSWORD}).to_string();
    let login = || {
        let url = stage.gateway.url("/admin/api/login");
        let request = stage.http.request(Method::POST, url);
        request
            .header("content-type", "application/json")
            .body(body.clone())
            .send()
    };
    let began = Instant::now();
    let (chat, list, login_answer) =
        tokio::join!(stage.chat("m"), stage.get("/v1/models"), login());
    assert!(began.elapsed() < WITHOUT_COPY, "{:?}", began.elapsed());
    for reply in [chat?, list?] {
        assert_eq!(reply.failure()?, (503, "store_unavailable".to_owned()));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    assert_eq!(login_answer?.status().as_u16(), 503);
    let began = Instant::now();
    assert!(stage.admin.get("/channels").await.is_err());
    assert!(began.elapsed() < WITHOUT_COPY, "{:?}", began.elapsed());
    mend_store(&stage)?;
    assert_eq!(stage.chat("m").await?.status, 200);
    assert_eq!(login().await?.status().as_u16(), 200);
    stage.admin.get("/channels").await?;
    Ok(())
}
