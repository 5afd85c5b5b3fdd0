//! Two days of traffic, sent through the core with a clock that is moved by hand, so that every row in the ledger was
//! written by the code that writes all others. Owns the gateway that lives through these days.

use std::io;

use bytes::Bytes;
use gateway_core::app::{App, Peer};
use gateway_core::ports::{Clock as _, Variable, VariableError, Variables};
use gateway_core::time_text;
use gateway_core::units::Timestamp;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::services::{self, Service};
use super::{setup, traffic};
use crate::fakes::{FakePorts, FakeReply, Recorded, block_on};
use crate::upstream::Action;

/// How long the gateway has been in use when the demo starts.
pub const PAST_MS: u64 = 48 * 3_600_000;
/// How long the service that fails has been failing by then.
const OUTAGE_MS: u64 = 5 * 3_600_000;
/// The last request is at least so old, so that nothing is in the future when the demo starts.
const QUIET_MS: u64 = 30_000;
/// What the gateway is logged in to with, before it has a host and a password.
const PASSWORD: &str = "replay of two days";

/// The variables of a gateway without a host.
struct Given;

impl Variables for Given {
    async fn get(&self, variable: Variable) -> Result<Option<String>, VariableError> {
        Ok((variable == Variable::AdminPassword).then(|| PASSWORD.to_owned()))
    }
}

/// A gateway that has lived through its days.
pub struct Lived {
    /// Its store and its database.
    pub ports: FakePorts,
    /// The client key that is given to the reader.
    pub client_key: String,
}

/// Lives through the days that end at `now`; the channels call services at `origin`.
pub fn live(ports: FakePorts, now: Timestamp, origin: &str) -> io::Result<Lived> {
    ports.set_now(Timestamp(now.0.saturating_sub(PAST_MS)));
    let gateway = Gateway::start(ports, now)?;
    let keys = gateway.configure(origin, now)?;
    let end = now.0.saturating_sub(QUIET_MS);
    let ports = &gateway.ports;
    loop {
        ports.advance_ms(traffic::pause_ms(ports, ports.now().0));
        if ports.now().0 >= end {
            break;
        }
        for call in traffic::calls(ports) {
            gateway.send(call.path, &keys[call.client], &call.body)?;
        }
        ports.run_background();
    }
    ports.run_background();
    let client_key = keys.into_iter().next().unwrap_or_default();
    Ok(Lived {
        ports: gateway.ports,
        client_key,
    })
}

struct Gateway {
    ports: FakePorts,
    app: App<FakePorts, FakePorts, Given>,
}

impl Gateway {
    fn start(ports: FakePorts, now: Timestamp) -> io::Result<Self> {
        let outage = now.0.saturating_sub(OUTAGE_MS);
        let clock = ports.clone();
        ports
            .upstream()
            .script(move |recorded| reply(recorded, clock.now().0 >= outage));
        let app = App::new(ports.clone(), ports.clone(), Given);
        block_on(app.start()).map_err(io::Error::other)?;
        Ok(Self { ports, app })
    }

    /// Channels, prices and client keys; returns the keys.
    fn configure(&self, origin: &str, now: Timestamp) -> io::Result<Vec<String>> {
        let session = self.call(
            "POST",
            "/admin/api/login",
            None,
            &json!({"password": PASSWORD}),
        )?;
        let token = text(&session, "token")?;
        let session = Some(token.as_str());
        for channel in setup::channels(origin) {
            self.call("POST", "/admin/api/channels", session, &channel)?;
        }
        let mut document = self.call(
            "GET",
            "/admin/api/config?secrets=true",
            session,
            &Value::Null,
        )?;
        document["settings"]["prices"] = setup::prices();
        self.call("PUT", "/admin/api/config", session, &document)?;
        let soon = time_text::format(now.plus_ms(PAST_MS));
        (0..setup::CLIENTS.len())
            .map(|index| {
                let key = setup::client_key(index, &soon);
                text(&self.call("POST", "/admin/api/keys", session, &key)?, "key")
            })
            .collect()
    }

    /// A call of the admin API, which has to succeed.
    fn call(
        &self,
        method: &str,
        path: &str,
        session: Option<&str>,
        body: &Value,
    ) -> io::Result<Value> {
        let (status, answer) = self.request(method, path, session, body)?;
        if !(200..300).contains(&status) {
            let said = String::from_utf8_lossy(&answer);
            return Err(io::Error::other(format!(
                "{method} {path}: {status} {said}"
            )));
        }
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// A client's request, whatever becomes of it.
    fn send(&self, path: &str, key: &str, body: &Value) -> io::Result<()> {
        self.request("POST", path, Some(key), body).map(drop)
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: &Value,
    ) -> io::Result<(u16, Bytes)> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let bytes = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = request.body(Full::new(bytes)).map_err(io::Error::other)?;
        block_on(async {
            let reply = self.app.handle(Peer::default(), request).await;
            let status = reply.status().as_u16();
            let mut body = reply.into_body();
            let mut answer = Vec::new();
            // A scripted body takes no time, but a stream does.
            let mut step_ms = 0;
            while let Some(frame) = body.frame().await {
                if let Ok(Ok(data)) = frame.map(http_body::Frame::into_data) {
                    answer.extend_from_slice(&data);
                }
                self.ports.advance_ms(step_ms);
                step_ms = STREAM_STEP_MS;
            }
            Ok((status, Bytes::from(answer)))
        })
    }
}

/// Milliseconds between two pieces of a streamed answer.
const STREAM_STEP_MS: u64 = 25;

/// What a service answers to a request of the gateway.
fn reply(recorded: &Recorded, is_outage: bool) -> FakeReply {
    let action = match services::route(recorded.head.uri.path()) {
        Some((Service::Shaky, _)) if is_outage => Service::outage(),
        Some((service, operation)) => service.answer(operation, &recorded.body),
        None => Action::error(404, "not_found", "There is no such path."),
    };
    let is_stream = action
        .headers
        .iter()
        .any(|(_, value)| value == "text/event-stream");
    let content_type = if is_stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let pieces = action.chunks.into_iter().map(|chunk| chunk.bytes);
    FakeReply::pieces(action.status, content_type, pieces).after_ms(action.delay_ms)
}

fn text(answer: &Value, member: &str) -> io::Result<String> {
    let found = answer[member].as_str();
    let missing = || io::Error::other(format!("the answer has no `{member}`"));
    found.map(str::to_owned).ok_or_else(missing)
}
