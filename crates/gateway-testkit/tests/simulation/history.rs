//! What happened on a day, as seen from outside the gateway. Owns the record and its output; judges nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gateway_testkit::sim::CallEnd;

use super::world::{self, Candidate, MINUTE_MS, World};

/// Everything that was seen. Times are milliseconds since the beginning.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub requests: Vec<Request>,
    /// In the order in which they began.
    pub calls: Vec<Call>,
    /// Writes of what is known of upstreams, by when they began.
    pub health_writes: Vec<u64>,
    /// Writes of anything else.
    pub other_writes: usize,
    /// Upstream connections that were open when all clients had disconnected.
    pub left_open: usize,
    /// By key: when it announced a wait, and the latest end of all announced by then.
    pub said: BTreeMap<Candidate, Vec<(u64, u64)>>,
}

/// A client's request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The instance that served it; each request's own number where it had one to itself.
    pub instance: usize,
    pub arrived: u64,
    pub model: usize,
    pub is_stream: bool,
    /// The client sends a request that every upstream rejects.
    pub is_invalid: bool,
    pub end: End,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Never set in a run that ends.
    Unknown,
    /// The client left before the response's head.
    Left {
        at: u64,
    },
    Answered(Answer),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When the head was there.
    pub at: u64,
    /// When the body ended, or the client left.
    pub over: u64,
    pub status: u16,
    pub code: String,
    pub retry_after_s: Option<u64>,
    pub attempts: Option<usize>,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Whole,
    /// It ended with the event that says so, or broke off.
    Incomplete,
    /// The client left within it.
    Left,
}

/// A call of an upstream.
#[derive(Clone, Debug)]
pub struct Call {
    pub request: usize,
    pub instance: usize,
    pub who: Candidate,
    pub model: usize,
    pub began: u64,
    /// When the head was there.
    pub answered: Option<u64>,
    pub ended: u64,
    pub end: CallEnd,
    pub meant: Meant,
}

/// What the upstream had decided to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    Good,
    /// A rejection caused by the request itself.
    OwnFault,
    Trouble(Trouble),
}

/// What a failure concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Channel,
    Key,
    Model,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub scope: Scope,
    /// The cooldown that it begins with.
    pub first_ms: u64,
    /// The longest cooldown without a probe; as long after its end, it is forgotten.
    pub cap_ms: u64,
    /// Whether once is enough for a cooldown.
    pub is_certain: bool,
    /// Whether the answer begins well, so that the client gets it.
    pub begins_well: bool,
    /// For how long the upstream said it will reject requests.
    pub wait: Option<Wait>,
    /// Until when it will, whether or not the gateway saw it.
    pub refuses_until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    For(u64),
    Until(u64),
}

impl History {
    /// Until when a key rejects requests by what it said in calls that began before `at`, by its own or the gateway's
    /// clock.
    pub fn asked_until(&self, who: Candidate, at: u64) -> u64 {
        let Some(said) = self.said.get(&who) else {
            return 0;
        };
        let later = said.partition_point(|(began, _)| *began <= at);
        later.checked_sub(1).map_or(0, |last| said[last].1)
    }

    /// Notes down what keys said, once all calls are there.
    pub fn index(mut self) -> Self {
        self.said.clear();
        for call in &self.calls {
            let Some(trouble) = call.trouble() else {
                continue;
            };
            let until = trouble.refuses_until.max(call.stated_until().unwrap_or(0));
            if until > 0 {
                let said = self.said.entry(call.who).or_default();
                let latest = said.last().map_or(0, |(_, latest)| *latest);
                said.push((call.began, latest.max(until)));
            }
        }
        self
    }
}

impl Request {
    /// When its fate was decided: the head, or the client's leaving.
    pub const fn decided(&self) -> u64 {
        match &self.end {
            End::Unknown => u64::MAX,
            End::Left { at } => *at,
            End::Answered(answer) => answer.at,
        }
    }

    /// When nothing more of it was wanted.
    pub const fn over(&self) -> u64 {
        match &self.end {
            End::Unknown => u64::MAX,
            End::Left { at } => *at,
            End::Answered(answer) => answer.over,
        }
    }

    pub const fn answer(&self) -> Option<&Answer> {
        match &self.end {
            End::Answered(answer) => Some(answer),
            End::Unknown | End::Left { .. } => None,
        }
    }
}

impl Call {
    pub const fn trouble(&self) -> Option<&Trouble> {
        match &self.meant {
            Meant::Trouble(trouble) => Some(trouble),
            Meant::Good | Meant::OwnFault => None,
        }
    }

    /// The failure that the gateway saw to its end; not one of a call that it dropped before that.
    pub fn known_trouble(&self, history: &History) -> Option<&Trouble> {
        let request = &history.requests[self.request];
        // Where all failed, no call was dropped in favour of another.
        let was_exhausted = request
            .answer()
            .is_some_and(|answer| answer.status >= 400 && !request.is_invalid);
        let let_go = self.end == CallEnd::Dropped
            && (self.answered.is_none() || self.ended == request.decided() && !was_exhausted);
        self.trouble().filter(|_| !let_go)
    }

    /// Until when the upstream said that it will reject requests, at most by the gateway's clock.
    pub fn stated_until(&self) -> Option<u64> {
        Some(match self.trouble()?.wait? {
            Wait::For(wait_ms) => self.ended + wait_ms,
            Wait::Until(until) => until,
        })
    }

    /// When the gateway knew that this was a good answer; `None` when it never did.
    pub fn proved_good(&self, history: &History) -> Option<u64> {
        let begins_well = match &self.meant {
            Meant::Good | Meant::OwnFault => true,
            Meant::Trouble(trouble) => trouble.begins_well,
        };
        let answer = history.requests[self.request].answer()?;
        (begins_well && self.answered.is_some_and(|at| at <= answer.at)).then_some(answer.at)
    }
}

/// The story of the minutes before `at`, for a message.
pub fn tell(world: &World, history: &History, at: u64) -> String {
    const LINES: usize = 70;
    let from = at.saturating_sub(12 * MINUTE_MS);
    let mut lines: Vec<(u64, String)> = Vec::new();
    for (number, request) in history.requests.iter().enumerate() {
        if request.arrived <= at && request.over() >= from {
            lines.push((
                request.arrived,
                format!(
                    "{} request {number} of instance {} for m{}{}",
                    request.arrived,
                    request.instance,
                    request.model,
                    if request.is_stream { ", stream" } else { "" }
                ),
            ));
            lines.push((
                request.decided(),
                format!("{} request {number}: {:?}", request.decided(), request.end),
            ));
        }
    }
    for call in &history.calls {
        if call.began <= at && call.ended >= from {
            lines.push((
                call.began,
                format!(
                    "{} request {} calls c{} key {} until {} ({:?}): {:?}",
                    call.began,
                    call.request,
                    call.who.channel,
                    call.who.key,
                    call.ended,
                    call.end,
                    call.meant
                ),
            ));
        }
    }
    for write in &history.health_writes {
        if (from..=at).contains(write) {
            lines.push((*write, format!("{write} write of the health record")));
        }
    }
    lines.sort_by_key(|(time, _)| *time);
    lines.retain(|(time, _)| *time <= at + MINUTE_MS);
    let mut story = String::new();
    for (number, channel) in world.channels.iter().enumerate() {
        let _ = writeln!(
            story,
            "  c{number}: priority {}, weight {}, {} keys, models {:?}, hedge {:?}",
            channel.priority,
            channel.weight,
            channel.keys.len(),
            channel.models.keys().collect::<Vec<_>>(),
            channel.hedge_after_ms
        );
    }
    for line in world::tell_trouble(world, from, at + MINUTE_MS) {
        let _ = writeln!(story, "{line}");
    }
    for (_, line) in lines.iter().skip(lines.len().saturating_sub(LINES)) {
        let _ = writeln!(story, "  {line}");
    }
    story
}
