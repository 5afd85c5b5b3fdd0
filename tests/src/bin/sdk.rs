//! Runs the SDK suites: the official OpenAI and Anthropic packages for Python and Node.js against a gateway with a scripted upstream.
//! Owns the stage and the packages' installation; the tests are in `sdk/`.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use gateway_conformance::dialect::{Dialect, UPSTREAMS};
use gateway_conformance::normal::{Answer, Part, Stop};
use gateway_conformance::{play as written, request};
use gateway_testkit::upstream::{Action, Chunk, End, Record, Rule};
use gateway_tests::packages::{install, succeeds};
use gateway_tests::{Setup, Stage, play, workspace_root};
use serde_json::json;

/// What a Prometheus server would present.
const METRICS_TOKEN: &str = "a-scraper's-token";

const FIRST_EVENT: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"truncated\",\
     \"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"one\"},\"finish_reason\":null}]}\n\n";

const FIRST_ERROR: &str =
    "data: {\"error\":{\"code\":502,\"message\":\"provider returned error\"}}\n\n";

const STREAMED_CHAT: &str = "data: {\"id\":\"c\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hi \"}}]}\n\n\
     data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"there\"},\"finish_reason\":\"stop\"}]}\n\n\
     data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n\
     data: [DONE]\n\n";

/// An answer with text and calls.
fn whole_chat() -> serde_json::Value {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "get", "arguments": "{\"a\": 1}"}});
    json!({"id": "c", "object": "chat.completion", "created": 1, "model": "never-streams", "choices": [{"index": 0,
        "message": {"role": "assistant", "content": "hi there", "refusal": null, "tool_calls": [call("one"), call("two")]},
        "logprobs": null, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdk: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let tests = workspace_root().join("tests");
    // Installed first, so that a missing tool is named before anything starts.
    let python = python(&tests)?;
    let node = node(&tests)?;
    let stage = stage().await?;
    let mut failed = Vec::new();
    for (name, mut command) in [("Python", python), ("Node.js", node)] {
        println!("\n== the SDKs for {name}");
        let status = command
            .env("GATEWAY_URL", stage.gateway.url("/v1"))
            .env("GATEWAY_KEY", &stage.key)
            .env("METRICS_URL", stage.gateway.url("/metrics"))
            .env("METRICS_TOKEN", METRICS_TOKEN)
            .env(
                "UPSTREAM_LOG",
                format!("{}/__log", stage.upstream.root_url()),
            )
            .status()
            .with_context(|| format!("running the suite for {name}"))?;
        if !status.success() {
            failed.push(name);
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// The channels that the suites know by their models.
async fn stage() -> Result<Stage> {
    let setup = Setup::default().variable("metrics_token", METRICS_TOKEN);
    let stage = Stage::start_with(&setup).await?;
    let usual = json!({"keys": ["usual"], "models": ["vendor/chat-model", "embedding-model"]});
    stage.channel("usual", &usual).await?;
    for model in ["broken", "limited", "truncated"] {
        stage
            .channel(model, &json!({"keys": [model], "models": [model]}))
            .await?;
    }
    let limited = Action::error(429, "rate_limit_exceeded", "slow down").header("retry-after", "1");
    for (key, action) in [
        ("broken", Action::error(500, "server_error", "broken")),
        ("limited", limited.clone()),
        ("truncated", Action::sse([Chunk::new(FIRST_EVENT)])),
    ] {
        stage.upstream.rule(Rule::always(action).key(key));
    }
    // Each answers in the shape that was not requested.
    for (name, action) in [
        ("never-streams", Action::json(200, &whole_chat())),
        ("always-streams", Action::sse([Chunk::new(STREAMED_CHAT)])),
    ] {
        let channel = json!({"keys": [name], "models": [name]});
        stage.channel(name, &channel).await?;
        stage.upstream.rule(Rule::always(action).key(name));
    }
    translated(&stage).await?;
    // Each suite has its own, since what failed is left alone for a while.
    for suite in ["python", "node"] {
        for (way, action) in [
            ("reset", Action::reset()),
            (
                "comment",
                Action::sse([Chunk::new(": ping\n\n")]).then(End::Close),
            ),
            ("error", Action::sse([Chunk::new(FIRST_ERROR)])),
            ("limit", limited.clone()),
        ] {
            first_fails(&stage, &format!("fails-by-{way}-{suite}"), action).await?;
        }
    }
    Ok(stage)
}

/// For every dialect a model whose upstream speaks nothing else, and one whose upstream is over its limit.
async fn translated(stage: &Stage) -> Result<()> {
    for dialect in UPSTREAMS {
        for end in ["", "-limited"] {
            let model = format!("only-{dialect}{end}");
            let mut channel = json!({"keys": [model], "models": [model]});
            if dialect == Dialect::Messages {
                channel["provider"] = json!("anthropic");
            } else {
                channel["dialects"] = json!([dialect.name()]);
            }
            stage.channel(&model, &channel).await?;
        }
    }
    stage.upstream.respond(respond);
    Ok(())
}

/// What those models answer: calls where there are tools, else text. Requests are held to the vendor's published schema.
fn respond(record: &Record) -> Option<Action> {
    let body: serde_json::Value = serde_json::from_slice(&record.body).ok()?;
    let model = body["model"].as_str()?.strip_prefix("only-")?;
    let dialect = play::called(record);
    let Some(dialect) = dialect.filter(|dialect| model.starts_with(dialect.name())) else {
        return Some(Action::error(404, "not_found", "Not Found"));
    };
    let error = |status, kind, message: &str| {
        let body = written::error(dialect, kind, None, message);
        Some(Action::json(status, &body).header("retry-after", "1"))
    };
    if let Err(violation) = request::read(dialect, &body) {
        return error(400, "invalid_request_error", &violation);
    }
    if model.ends_with("-limited") {
        return error(429, "rate_limit_error", "slow down");
    }
    let has_results = body.to_string().contains("sunny");
    let answer = if body["tools"].is_array() && !has_results {
        let call = |id, city| Part::call(id, "weather", &json!({"city": city}).to_string());
        Answer::new(
            vec![call("call_1", "Bern"), call("call_2", "Zürich")],
            Stop::Calls,
        )
    } else {
        Answer::new(vec![Part::text("Grüezi from upstream.")], Stop::End)
    };
    Some(play::answer(dialect, &answer, record))
}

/// A model whose first channel fails, and whose second works.
async fn first_fails(stage: &Stage, model: &str, action: Action) -> Result<()> {
    for (place, name) in ["first", "second"].iter().enumerate() {
        let key = format!("{model}-{name}");
        let channel = json!({"keys": [key], "models": [model], "priority": place});
        stage.channel(&key, &channel).await?;
    }
    let first = format!("{model}-first");
    stage.upstream.rule(Rule::always(action).key(&first));
    Ok(())
}

/// pytest in its own virtual environment.
fn python(tests: &Path) -> Result<Command> {
    let suite = tests.join("sdk/python");
    let venv = tests.join(".venv");
    let interpreter = venv.join("bin/python");
    install(
        &suite.join("requirements.txt"),
        &venv.join("installed.txt"),
        || {
            ensure!(
                succeeds(
                    Command::new("python3")
                        .args(["-m", "venv", "--clear"])
                        .arg(&venv)
                ),
                "python3 -m venv failed; install it: sudo apt-get install python3-venv"
            );
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                "requirements.txt",
            ];
            ensure!(
                succeeds(Command::new(&interpreter).args(pip).current_dir(&suite)),
                "pip install failed"
            );
            Ok(())
        },
    )?;
    let mut command = Command::new(interpreter);
    command
        .args(["-m", "pytest", "-v", "-p", "no:cacheprovider"])
        .current_dir(suite);
    Ok(command)
}

/// Node's own test runner.
fn node(tests: &Path) -> Result<Command> {
    let suite = tests.join("sdk/node");
    install(
        &suite.join("package-lock.json"),
        &suite.join("node_modules/installed.txt"),
        || {
            ensure!(
                succeeds(
                    Command::new("npm")
                        .args(["ci", "--no-audit", "--no-fund"])
                        .current_dir(&suite)
                ),
                "npm ci failed; Node.js 20 or newer is needed: sudo apt-get install nodejs npm"
            );
            Ok(())
        },
    )?;
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec"])
        .current_dir(suite);
    Ok(command)
}
