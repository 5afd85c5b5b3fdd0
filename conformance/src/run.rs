//! Runs cases against a gateway. Owns the verdict on a case; how it is shown is `report`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Uri};
use serde_json::Value;

use crate::case::{Ask, Call, Case, Credential, ID, Seen, Step};
use crate::client::{self, Raw, Until};
use crate::dialect::{Dialect, Operation};
use crate::node::{Verdict, ensure};
use crate::play::MODEL;
use crate::read::{self, ErrorBody, Outcome};
use crate::upstream::{Board, Received, Script};

/// Where the gateway is and how to call it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its URL, to which clients add their paths.
    pub url: Uri,
    /// The client's key.
    pub key: String,
    /// What models' names begin with on this gateway.
    pub model_prefix: String,
    /// Headers that this gateway wants beside those of the clients.
    pub headers: Vec<(String, String)>,
    /// Paths before those of clients, by dialect.
    pub client_paths: Vec<(String, String)>,
    /// How long a response may take.
    pub limit: Duration,
}

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// All of it holds.
    Ok,
    /// Something does not, and what.
    Failed(String),
    /// The gateway says that it does not do this, without calling an upstream.
    Unsupported(String),
}

/// A case that has run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// How it went.
    pub status: Status,
    /// How long it took.
    pub time: Duration,
}

/// Runs one case; its number makes its models.
pub async fn case(target: &Target, board: &Arc<Board>, number: usize, case: &Case) -> Finished {
    let start = Instant::now();
    let mut status = Status::Ok;
    let mut before: Option<Seen> = None;
    for (index, step) in case.steps.iter().enumerate() {
        match run_step(target, board, number, case, step, before.as_ref()).await {
            Ok(seen) => before = Some(seen),
            Err(other) => {
                status = match other {
                    Status::Failed(reason) if case.steps.len() > 1 => {
                        Status::Failed(format!("request {}: {reason}", index + 1))
                    }
                    other => other,
                };
                break;
            }
        }
    }
    Finished {
        name: case.name.clone(),
        about: case.about.clone(),
        status,
        time: start.elapsed(),
    }
}

async fn run_step(
    target: &Target,
    board: &Arc<Board>,
    number: usize,
    case: &Case,
    step: &Step,
    before: Option<&Seen>,
) -> Result<Seen, Status> {
    let key = step.route.model(number);
    let request = Sent::new(target, &key, case, step, before).map_err(Status::Failed)?;
    board.script(
        &key,
        Script {
            route: step.route,
            first: step.replies.clone(),
            second: step.second.clone(),
        },
    );
    let until = match step.call {
        Call::Leave => Until::FirstEvent,
        _ => Until::End,
    };
    let raw = client::call(
        &target.url,
        (&request.method, &request.path),
        &request.headers,
        request.body.clone(),
        until,
        target.limit,
    )
    .await;
    let left = match (&step.call, &raw) {
        (Call::Leave, Ok(raw)) if raw.status == 200 => Some(is_ended(board, &key).await),
        _ => None,
    };
    let received = board.take(&key);
    let raw = raw.map_err(Status::Failed)?;
    let path = request.path.clone();
    judge(
        case,
        step,
        request,
        &target.key,
        raw.clone(),
        left,
        received.clone(),
    )
    .map_err(|reason| {
        let is_other = matches!(step.call, Call::Other(..));
        let is_probe = |request: &Received| is_other && request.operation == Operation::Unknown;
        if received.iter().all(is_probe)
            && let Some(refusal) = unsupported(&raw, &path)
        {
            return Status::Unsupported(refusal);
        }
        Status::Failed(reason)
    })
}

/// Whether the gateway ends the call of the upstream soon, now that its client has left.
async fn is_ended(board: &Arc<Board>, key: &str) -> bool {
    let start = Instant::now();
    while !board.was_ended(key) && start.elapsed() < AFTER_LEAVING {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    board.was_ended(key)
}

/// How long a gateway has for ending the call of an upstream whose client has left.
const AFTER_LEAVING: Duration = Duration::from_secs(5);

/// A request as it is sent.
struct Sent {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    stream: bool,
}

impl Sent {
    fn new(
        target: &Target,
        key: &str,
        case: &Case,
        step: &Step,
        before: Option<&Seen>,
    ) -> Verdict<Self> {
        let upstream = step.route.first.name();
        let prefix = target.model_prefix.replace("{upstream}", upstream);
        let model = format!("{prefix}{key}");
        let text = match (&step.ask, before) {
            (Ask::Text(text), _) => text.clone(),
            (Ask::After(make), Some(before)) => make(before)?.to_string(),
            (Ask::After(_), None) => return Err("the first request continues none".to_owned()),
        };
        let body = Bytes::from(text.replace(MODEL, &model));
        let asks: Value = serde_json::from_slice(&body).unwrap_or_default();
        let stream = step.stream || asks.get("stream").and_then(Value::as_bool) == Some(true);
        let (method, path) = match &step.call {
            Call::Generate | Call::Leave => (Method::POST, case.client.client_path(&model, stream)),
            Call::GenerateAt(path) => (Method::POST, path.replace(MODEL, &model)),
            Call::Other(method, path) => (method.clone(), path.replace(MODEL, &model)),
        };
        let path = match before {
            Some(before) if path.contains(ID) => path.replace(ID, &before.id()?),
            _ => path,
        };
        let client = case.client.name();
        let before = target.client_paths.iter().find(|(name, _)| name == client);
        let path = before.map_or(path.clone(), |(_, before)| format!("{before}{path}"));
        let own = step.headers.iter();
        let own = own.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let given = target.headers.iter().cloned();
        let (path, mut headers) = identified(case.client, step.credential, &target.key, path);
        headers.extend(own.chain(given));
        Ok(Self {
            method,
            path,
            headers,
            body,
            stream,
        })
    }
}

/// The path and the headers with the client's credential.
fn identified(
    client: Dialect,
    credential: Credential,
    key: &str,
    path: String,
) -> (String, Vec<(String, String)>) {
    match credential {
        Credential::Usual => (path, client.client_headers(key)),
        Credential::Wrong => (path, client.client_headers("sk-wrong-conformance")),
        Credential::Header(name) => (path, vec![(name.to_owned(), key.to_owned())]),
        Credential::Query => {
            let and = if path.contains('?') { '&' } else { '?' };
            (format!("{path}{and}key={key}"), Vec::new())
        }
    }
}

fn judge(
    case: &Case,
    step: &Step,
    request: Sent,
    key: &str,
    raw: Raw,
    left: Option<bool>,
    received: Vec<Received>,
) -> Verdict<Seen> {
    for request in &received {
        // Asking an upstream for another operation is how a gateway may learn whether it has one.
        let is_probe =
            request.operation == Operation::Unknown && matches!(step.call, Call::Other(..));
        if let Err(violation) = &request.asked
            && !is_probe
        {
            return Err(format!("to the {} upstream: {violation}", request.dialect));
        }
    }
    let Sent { stream, body, .. } = request;
    let outcome = match (&step.call, left) {
        (_, Some(ended)) => Ok(Outcome::Left(ended)),
        (Call::Other(..), _) => read::other(case.client, raw.status, &raw.body),
        _ => read::outcome(
            case.client,
            raw.status,
            &raw.content_type,
            stream,
            &raw.body,
        ),
    };
    let outcome = match outcome {
        // Without a stream there is no other way to say that a body is not whole.
        _ if raw.broken && !stream => Outcome::Broken(broken_connection()),
        Err(reason) if raw.broken => {
            return Err(format!("the connection to the client broke; {reason}"));
        }
        other => other.map_err(|reason| format!("to the {} client: {reason}", case.client))?,
    };
    let is_told = matches!(outcome, Outcome::Broken(_));
    ensure(!raw.broken || is_told, || {
        "the connection to the client broke".to_owned()
    })?;
    let leaks = received.iter().any(|request| request.contains(key));
    let seen = Seen {
        leaks,
        outcome,
        raw,
        sent: body,
        received,
    };
    for check in &step.checks {
        check(&seen)?;
    }
    Ok(seen)
}

fn broken_connection() -> ErrorBody {
    ErrorBody {
        kind: "connection".to_owned(),
        code: None,
        param: None,
        message: "the connection broke".to_owned(),
    }
}

/// The gateway's own words when it says that it has no such route or translation.
fn unsupported(raw: &Raw, path: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&raw.body);
    // The path may be repeated in the message, and may itself contain the word.
    let path = path.split('?').next().unwrap_or(path);
    let lower = text.replace(path, "").to_lowercase();
    let says = match raw.status {
        405 | 501 => true,
        // An unknown model is a wrong configuration, not a missing route.
        404 => !lower.contains("model"),
        400 => ["untranslatable", "unsupported_operation", "not supported"]
            .iter()
            .any(|word| lower.contains(word)),
        _ => lower.contains("not supported by"),
    };
    let start: String = text.chars().take(200).collect();
    says.then(|| format!("{}: {start}", raw.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(status: u16, message: &str) -> bool {
        let raw = Raw {
            status,
            content_type: "application/json".to_owned(),
            body: Bytes::from(message.to_owned()),
            broken: false,
        };
        unsupported(
            &raw,
            "/v1beta/models/conf-chat-0031:generateContent?alt=sse",
        )
        .is_some()
    }

    #[test]
    fn a_missing_route_is_distinguished_from_a_missing_model_and_from_other_errors() {
        assert!(says(
            404,
            "nothing at /v1beta/models/conf-chat-0031:generateContent."
        ));
        assert!(says(405, ""));
        assert!(says(400, "{\"code\":\"untranslatable\"}"));
        assert!(!says(404, "model_not_found"));
        assert!(!says(404, "the model conf-chat-0031 does not exist"));
        assert!(!says(400, "invalid_request_error"));
        assert!(!says(500, "not supported"));
        assert!(says(500, "messages is not supported by openai"));
    }
}
