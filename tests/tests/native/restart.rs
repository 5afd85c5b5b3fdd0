//! Restarts under load: no connection is refused or reset, and no request fails.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{Gateway, Host, Reply, Setup, Stage, eventually, native_program};
use rustix::process::Signal;
use serde_json::json;

use crate::Outcome;

const RESTARTS: usize = 10;
/// The longest restart on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// Clients that send one request after the other until they are told to stop.
struct Load {
    url: String,
    key: String,
    is_over: AtomicBool,
    requests: AtomicUsize,
}

impl Load {
    fn new(stage: &Stage) -> Arc<Self> {
        Arc::new(Self {
            url: stage.gateway.url("/v1/chat/completions"),
            key: stage.key.clone(),
            is_over: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
        })
    }

    /// One client; it keeps its connection, or makes one for each request.
    async fn client(self: Arc<Self>, is_kept: bool) -> Result<()> {
        let builder = reqwest::Client::builder().no_proxy();
        let http = builder
            .pool_max_idle_per_host(usize::from(is_kept))
            .build()?;
        while !self.is_over.load(Ordering::SeqCst) {
            let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
            let request = http.post(&self.url).bearer_auth(&self.key).json(&body);
            let reply = Reply::of(request).await.context("no answer")?;
            ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
            self.requests.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn start(self: &Arc<Self>) -> Vec<tokio::task::JoinHandle<Result<()>>> {
        (0..12)
            .map(|number| tokio::spawn(Arc::clone(self).client(number % 3 != 0)))
            .collect()
    }

    async fn end(&self, clients: Vec<tokio::task::JoinHandle<Result<()>>>) -> Result<()> {
        self.is_over.store(true, Ordering::SeqCst);
        for outcome in try_join_all(clients).await? {
            outcome?;
        }
        Ok(())
    }

    /// Waits until some more requests have been answered.
    async fn goes_on(&self) -> Result<()> {
        let before = self.requests.load(Ordering::SeqCst);
        eventually(LIMIT, "requests are answered", async || {
            Ok(self.requests.load(Ordering::SeqCst) > before + 50)
        })
        .await
    }
}

async fn stage(setup: &Setup) -> Result<Stage> {
    let stage = Stage::start_with(&setup.clone().on(Host::Native)).await?;
    let members = json!({"keys": ["k"], "models": ["m", "slow"]});
    stage.channel("only", &members).await?;
    let pieces = (0..40).map(|number| {
        let delta =
            json!({"index": 0, "delta": {"content": format!("{number} ")}, "finish_reason": null});
        let event = format!("data: {}\n\n", json!({"choices": [delta]}));
        Chunk::after(Duration::from_millis(100), event)
    });
    let end = Chunk::new("data: [DONE]\n\n");
    let slow = Action::sse(pieces.chain([end]));
    stage.upstream.rule(Rule::always(slow).model("slow"));
    Ok(stage)
}

async fn restart(gateway: &Gateway) -> Result<()> {
    let before = gateway.process()?;
    gateway.signal(Signal::USR2)?;
    eventually(LIMIT, "another process serves", async || {
        Ok(gateway.process().is_ok_and(|process| process != before)
            && gateway.log().contains("has taken over"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_restarts_under_load_lose_no_request() -> Outcome {
    let stage = stage(&Setup::default()).await?;
    let load = Load::new(&stage);
    let clients = load.start();
    load.goes_on().await?;
    for _ in 0..RESTARTS {
        // It takes four seconds, longer than the old process would without it.
        let stream = stage.whole_stream("slow");
        let (stream, restarted) = tokio::join!(stream, restart(&stage.gateway));
        restarted?;
        let text = stream?.text();
        assert!(
            text.contains("39 ") && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
        load.goes_on().await?;
    }
    load.end(clients).await?;
    let log = stage.gateway.log();
    assert_eq!(log.matches("has taken over").count(), RESTARTS, "{log}");
    assert!(!log.contains("error:"), "{log}");
    // The last process stops as the first would have.
    stage.gateway.signal(Signal::TERM)?;
    eventually(LIMIT, "the last process ends", async || {
        Ok(std::net::TcpStream::connect(stage.gateway.address()).is_err())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_serve_changes_nothing() -> Outcome {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("ai-gateway");
    std::fs::copy(native_program()?, &program)?;
    let setup = Setup {
        program: Some(program.clone()),
        ..Setup::default()
    };
    let stage = stage(&setup).await?;
    let process = stage.gateway.process()?;
    // A new version that ends at once, in place of the program.
    let broken = folder.path().join("broken");
    std::fs::write(&broken, "#!/bin/sh\nexit 1\n")?;
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&broken, &program)?;
    let load = Load::new(&stage);
    let clients = load.start();
    stage.gateway.signal(Signal::USR2)?;
    eventually(LIMIT, "the failure is logged", async || {
        Ok(stage.gateway.log().contains("the restart failed"))
    })
    .await?;
    load.goes_on().await?;
    load.end(clients).await?;
    assert_eq!(stage.gateway.process()?, process);
    stage.gateway.stop().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_wait_while_systemd_restarts_the_service() -> Outcome {
    let folder = tempfile::tempdir()?;
    let socket = Arc::new(TcpListener::bind("127.0.0.1:0")?);
    let mut setup = Setup::default().state(folder.path()).on(Host::Native);
    setup.socket = Some(Arc::clone(&socket));
    let mut stage = stage(&setup).await?;
    assert_eq!(stage.gateway.address(), socket.local_addr()?);
    let load = Load::new(&stage);
    let clients = load.start();
    for _ in 0..3 {
        load.goes_on().await?;
        stage.gateway.stop()?;
        stage.gateway = Gateway::start(&setup)?;
    }
    load.goes_on().await?;
    load.end(clients).await
}
