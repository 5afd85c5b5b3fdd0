//! One state directory, taken to and fro between the native host and the local host.

use anyhow::Result;
use gateway_testkit::upstream::Upstream;
use gateway_tests::{Admin, Gateway, Host, Reply, Setup, client, store};
use serde_json::json;

use crate::Outcome;

async fn chat(gateway: &Gateway, key: &str) -> Result<Reply> {
    let request = client()?.post(gateway.url("/v1/chat/completions"));
    let request = request.bearer_auth(key);
    Reply::of(request.json(&json!({"model": "m"}))).await
}

#[tokio::test]
async fn what_one_host_has_written_the_other_continues() -> Outcome {
    let folder = tempfile::tempdir()?;
    let upstream = Upstream::start()?;
    let setup = Setup::default().state(folder.path());
    let mut key = String::new();
    for (round, host) in [Host::Native, Host::Local, Host::Native]
        .into_iter()
        .enumerate()
    {
        let gateway = Gateway::start(&setup.clone().on(host))?;
        let admin = Admin::login(&gateway).await?;
        if round == 0 {
            let channel = json!({"name": "only", "base_url": upstream.base_url(), "keys": ["k"], "models": ["m"]});
            admin.post("/channels", &channel).await?;
            key = admin
                .client_key(&json!({"name": "kept", "limits": {"requests_per_minute": 100}}))
                .await?
                .1;
        }
        let reply = chat(&gateway, &key).await?;
        assert_eq!(reply.status, 200, "{host:?}: {}", reply.text());
        gateway.stop()?;
        let rows: i64 =
            store::ledger(folder.path())?
                .query_row("SELECT count(*) FROM request", [], |row| row.get(0))?;
        assert_eq!(usize::try_from(rows)?, round + 1, "{host:?}");
        // Each file alone is a whole copy.
        for name in ["sqlite_db.db-wal", "sqlite_key_value.db-wal"] {
            let log = folder.path().join(name).metadata();
            assert_eq!(log.map_or(0, |log| log.len()), 0, "{host:?}: {name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_two_hosts_exclude_each_other() -> Outcome {
    for (first, second) in [(Host::Native, Host::Local), (Host::Local, Host::Native)] {
        let gateway = Gateway::start(&Setup::default().on(first))?;
        let (success, output) = Gateway::run_to_end(&Setup::default().on(second), gateway.state())?;
        assert!(!success, "{output}");
        assert!(output.contains("is in use by process"), "{output}");
    }
    Ok(())
}
