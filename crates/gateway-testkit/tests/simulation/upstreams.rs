//! The upstreams of a world: what each of them answers to a call, by its fault at that time. Knows the wire's shapes;
//! remembers only until when throttled keys said they will be rejected.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::START;
use gateway_testkit::sim::{Chance, SimCall, SimReply};

use super::history::{Meant, Scope, Trouble, Wait};
use super::world::{
    Candidate, ChannelFault, HOUR_MS, KeyFault, MINUTE_MS, ModelFault, SECOND_MS, Spelling, World,
};

/// A member that every upstream rejects.
pub const INVALID: &str = "\"temperature\":-9";

/// The first cooldown of a rejected key.
const THIRTY_SECONDS_MS: u64 = 30 * SECOND_MS;

/// All upstreams of a world.
pub struct Upstreams {
    world: Rc<World>,
    chance: Chance,
    /// Until when a key announced that it is rejected, and in which form.
    promises: BTreeMap<Candidate, (u64, KeyFault)>,
}

/// A call, as far as it decides about its answer.
pub struct Seen {
    pub request: usize,
    pub who: Candidate,
    pub model: usize,
    pub is_stream: bool,
    pub is_invalid: bool,
}

impl Seen {
    /// Reads a call.
    ///
    /// # Panics
    /// When the gateway sends what no upstream could understand.
    pub fn read(call: &SimCall) -> Self {
        let body = std::str::from_utf8(&call.body).unwrap();
        let (_, rest) = body.split_once("\"model\":\"").unwrap();
        let (name, _) = rest.split_once('"').unwrap();
        let agent = call.head.headers["user-agent"].to_str().unwrap();
        let channel = call.host()[1..].parse().unwrap();
        let key = call.credential().split_once('-').map_or(0, |(owner, key)| {
            assert_eq!(owner, &call.host()[1..], "a key of another channel");
            key.parse().unwrap()
        });
        let own_name = if channel % 2 == 0 { "m" } else { "own/m" };
        Self {
            request: agent.strip_prefix("sim/").unwrap().parse().unwrap(),
            who: Candidate { channel, key },
            model: name.strip_prefix(own_name).unwrap().parse().unwrap(),
            is_stream: body.contains("\"stream\":true"),
            is_invalid: body.contains(INVALID),
        }
    }
}

impl Upstreams {
    pub const fn new(world: Rc<World>, chance: Chance) -> Self {
        Self {
            world,
            chance,
            promises: BTreeMap::new(),
        }
    }

    /// What the upstream answers to a call at `now`, and what it means by it.
    pub fn answer(&mut self, seen: &Seen, now: u64) -> (SimReply, Meant) {
        let world = Rc::clone(&self.world);
        let channel = &world.channels[seen.who.channel];
        let connect_ms = self.chance.between(5, 150);
        let head_ms = self.chance.magnitude(50, 4 * SECOND_MS);
        let head_at = now + connect_ms + head_ms;
        let fault = channel.trouble.at(now).map(|episode| episode.fault);
        let (early, late) = match fault {
            // An upstream that begins to answer has accepted key and model.
            Some(fault @ ChannelFault::BreaksMidway) => (None, Some(fault)),
            other => (other, None),
        };
        let key_fault = self.key_fault(seen.who, now);
        let (reply, meant) = if let Some((reply, trouble)) =
            early.and_then(|fault| self.channel_answer(fault, seen))
        {
            (reply, Meant::Trouble(trouble))
        } else if let Some((fault, until)) = key_fault {
            let (reply, trouble) = self.key_answer(fault, seen, head_at, until);
            (reply, Meant::Trouble(trouble))
        } else if let Some(episode) = channel.models[&seen.model].at(now) {
            let (reply, trouble) = model_answer(episode.fault);
            (reply, Meant::Trouble(trouble))
        } else if seen.is_invalid {
            let body = r#"{"error":{"message":"temperature is too low","type":"invalid_request_error","param":"temperature","code":null}}"#;
            (SimReply::json(400, body), Meant::OwnFault)
        } else if let Some((reply, trouble)) =
            late.and_then(|fault| self.channel_answer(fault, seen))
        {
            (reply, Meant::Trouble(trouble))
        } else {
            (self.good(seen.is_stream, None), Meant::Good)
        };
        (reply.connecting(connect_ms).thinking(head_ms), meant)
    }

    /// The key's trouble at `now` and its end, be it the world's or what the upstream has promised.
    fn key_fault(&self, who: Candidate, now: u64) -> Option<(KeyFault, u64)> {
        let timeline = &self.world.channels[who.channel].keys[who.key];
        let of_world = timeline.at(now).map(|episode| (episode.fault, episode.to));
        of_world.or_else(|| {
            let (until, fault) = *self.promises.get(&who)?;
            (now < until).then_some((fault, until))
        })
    }

    /// `None`: this one is answered as if all were well.
    fn channel_answer(&self, fault: ChannelFault, seen: &Seen) -> Option<(SimReply, Trouble)> {
        let unreachable = trouble(Scope::Channel, 5 * SECOND_MS, true);
        let server_error = trouble(Scope::Channel, 5 * SECOND_MS, false);
        let overloaded =
            r#"{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}"#;
        Some(match fault {
            ChannelFault::Refuses => (SimReply::failure(SendErrorKind::Connect), unreachable),
            ChannelFault::NeverConnects => (SimReply::unconnectable(), unreachable),
            ChannelFault::Resets => (SimReply::failure(SendErrorKind::Reset), unreachable),
            ChannelFault::ServerErrors {
                status,
                share,
                retry_after_s,
            } => {
                if !self.chance.percent(share) {
                    return None;
                }
                let reply = SimReply::json(status, overloaded);
                let reply = match retry_after_s {
                    Some(seconds) => reply.with_header("retry-after", &seconds.to_string()),
                    None => reply,
                };
                (reply, server_error)
            }
            ChannelFault::Page => {
                let page = Bytes::from_static(b"<html>Sign in</html>");
                (
                    SimReply::pieces(200, "text/html", [(0, page)]),
                    server_error,
                )
            }
            ChannelFault::ErrorInside200 => {
                let error = r#"{"error":{"message":"provider failed","code":502}}"#;
                (self.inside_200(error, seen.is_stream), server_error)
            }
            ChannelFault::SilentStream if seen.is_stream => {
                let comment = Bytes::from_static(b": PROCESSING\n\n");
                let reply = SimReply::pieces(200, "text/event-stream", [(0, comment)]);
                (reply.falling_silent(), unreachable)
            }
            ChannelFault::SilentStream | ChannelFault::NeverAnswers => {
                (SimReply::silence(), unreachable)
            }
            ChannelFault::BreaksMidway => {
                let reply = self.good(seen.is_stream, Some(SendErrorKind::Reset));
                let trouble = if seen.is_stream {
                    Trouble {
                        begins_well: true,
                        ..server_error
                    }
                } else {
                    unreachable
                };
                (reply, trouble)
            }
        })
    }

    fn key_answer(
        &mut self,
        fault: KeyFault,
        seen: &Seen,
        head_at: u64,
        until: u64,
    ) -> (SimReply, Trouble) {
        let (spelling, at_most_ms, is_inside_200) = match fault {
            KeyFault::Refused(status) => {
                let body = r#"{"error":{"message":"this key is not welcome","type":"invalid_request_error","param":null,"code":null}}"#;
                return (
                    SimReply::json(status, body),
                    trouble(Scope::Key, THIRTY_SECONDS_MS, true),
                );
            }
            KeyFault::Throttled {
                spelling,
                at_most_ms,
                is_inside_200,
            } => (spelling, at_most_ms, is_inside_200),
        };
        let reply = if is_inside_200 {
            let error = r#"{"error":{"message":"too many requests","code":429}}"#;
            self.inside_200(error, seen.is_stream)
        } else {
            SimReply::json(429, r#"{"status":429,"title":"Too Many Requests"}"#)
        };
        let left_ms = until.saturating_sub(head_at).max(1);
        let wait_ms = at_most_ms.map_or(left_ms, |most| left_ms.min(most));
        let (header, wait) = spell(spelling, wait_ms, head_at);
        let reply = header
            .iter()
            .fold(reply, |reply, (name, value)| reply.with_header(name, value));
        let refuses_until = match wait {
            Some(Wait::For(wait_ms)) => head_at + wait_ms,
            Some(Wait::Until(until)) => until,
            None => 0,
        };
        let promise = self.promises.entry(seen.who).or_insert((0, fault));
        *promise = (promise.0.max(refuses_until), fault);
        let trouble = Trouble {
            wait,
            refuses_until,
            ..trouble(Scope::Key, 5 * SECOND_MS, true)
        };
        (reply, trouble)
    }

    /// An error that comes as a success: as JSON, or as a stream's first event.
    fn inside_200(&self, error: &str, is_stream: bool) -> SimReply {
        if !is_stream {
            return SimReply::json(200, error.to_owned());
        }
        let first = (0, Bytes::from_static(b": PROCESSING\n\n"));
        let event = Bytes::from(format!("data: {error}\n\n"));
        let pieces = [first, (self.chance.between(10, 500), event)];
        SimReply::pieces(200, "text/event-stream", pieces)
    }

    /// An answer whose second half may be missing.
    fn good(&self, is_stream: bool, broken_by: Option<SendErrorKind>) -> SimReply {
        let gap_ms = || self.chance.magnitude(1, 2 * SECOND_MS);
        let reply = if is_stream {
            let content = Bytes::from_static(
                b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n",
            );
            let mut pieces: Vec<_> = (0..self.chance.between(1, 4))
                .map(|_| (gap_ms(), content.clone()))
                .collect();
            if broken_by.is_none() {
                pieces.push((gap_ms(), Bytes::from_static(b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")));
            }
            SimReply::pieces(200, "text/event-stream", pieces)
        } else if broken_by.is_some() {
            let half = Bytes::from_static(b"{\"choices\":[{\"mess");
            SimReply::pieces(200, "application/json", [(gap_ms(), half)])
        } else {
            let whole = Bytes::from_static(
                b"{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
            );
            SimReply::pieces(200, "application/json", [(gap_ms(), whole)])
        };
        match broken_by {
            Some(kind) => reply.broken_by(kind),
            None => reply,
        }
    }
}

fn model_answer(fault: ModelFault) -> (SimReply, Trouble) {
    let (status, body) = match fault {
        ModelFault::NotFound => (
            404,
            r#"{"detail":"Function 'x': Not found for account 'y'"}"#,
        ),
        ModelFault::Retired => (
            410,
            r#"{"error":{"message":"this model was retired","code":"gone"}}"#,
        ),
        ModelFault::Degraded => (400, r#"{"detail":"DEGRADED function cannot be invoked"}"#),
    };
    (
        SimReply::json(status, body),
        trouble(Scope::Model, 15 * SECOND_MS, true),
    )
}

const fn trouble(scope: Scope, first_ms: u64, is_certain: bool) -> Trouble {
    let cap_ms = match (scope, first_ms) {
        (Scope::Channel, _) => MINUTE_MS,
        (Scope::Key, THIRTY_SECONDS_MS) => 10 * MINUTE_MS,
        (Scope::Key | Scope::Model, _) => 5 * MINUTE_MS,
    };
    Trouble {
        scope,
        first_ms,
        cap_ms,
        is_certain,
        begins_well: false,
        wait: None,
        refuses_until: 0,
    }
}

/// The header that names a wait, rounded up to what its spelling can say; the upstream keeps to what it said.
fn spell(
    spelling: Spelling,
    wait_ms: u64,
    head_at: u64,
) -> (Option<(&'static str, String)>, Option<Wait>) {
    let seconds = wait_ms.div_ceil(SECOND_MS);
    match spelling {
        Spelling::Nothing => (None, None),
        Spelling::Nonsense => (Some(("retry-after", "soon".to_owned())), None),
        Spelling::Seconds => (
            Some(("retry-after", seconds.to_string())),
            Some(Wait::For(seconds * SECOND_MS)),
        ),
        Spelling::Fraction => (
            Some((
                "retry-after",
                format!("{}.{:03}", wait_ms / SECOND_MS, wait_ms % SECOND_MS),
            )),
            Some(Wait::For(wait_ms)),
        ),
        Spelling::Milliseconds => (
            Some(("retry-after-ms", wait_ms.to_string())),
            Some(Wait::For(wait_ms)),
        ),
        Spelling::Date => {
            let at_s = (START.0 + head_at + wait_ms).div_ceil(SECOND_MS);
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at_s));
            let until = at_s * SECOND_MS - START.0;
            (Some(("retry-after", date)), Some(Wait::Until(until)))
        }
    }
}

#[test]
fn waits_are_spelled_as_they_are_kept() {
    assert_eq!(
        spell(Spelling::Date, 30_500, HOUR_MS),
        (
            Some(("retry-after", "Sun, 22 Nov 2026 01:00:31 GMT".to_owned())),
            Some(Wait::Until(HOUR_MS + 31_000))
        )
    );
    assert_eq!(
        spell(Spelling::Fraction, MINUTE_MS + 7, 0),
        (
            Some(("retry-after", "60.007".to_owned())),
            Some(Wait::For(60_007))
        )
    );
}
