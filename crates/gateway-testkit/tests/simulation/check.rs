//! The gateway's guarantees to its clients and its upstreams over a day, checked on the record alone: nothing in here
//! knows how the gateway works. Owns the invariants; a rule that is broken names itself, the time and the parties.

mod fairness;
mod requests;
mod sweep;
mod throttle;
mod writes;

use std::ops::AddAssign;

use super::history::History;
use super::world::{MINUTE_MS, SECOND_MS, World};

/// Time after which what one instance learned is known to all: 2 s by the contract, and a second for the writing.
const SHARED_MS: u64 = 3 * SECOND_MS;
/// The longest that a call takes to fail, all its timeouts together.
const CALL_MS: u64 = 16 * SECOND_MS;
/// The longest time without a probe after the last failure that named no time itself, by what it concerns.
const CHANNEL_CAP_MS: u64 = MINUTE_MS;
const MODEL_CAP_MS: u64 = 5 * MINUTE_MS;
const KEY_CAP_MS: u64 = 10 * MINUTE_MS;

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    pub at: u64,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No request fails while any candidate could have served it.
    FailedNeedlessly,
    /// No request gets an answer cut short that its upstream gave whole.
    CutShort,
    /// A request ends within its total time.
    TooSlow,
    /// What the response says about attempts and waits is true.
    ToldWrong,
    /// Each candidate at most once per request.
    TriedTwice,
    /// No call goes on when its result is no longer needed.
    LeftOpen,
    /// No key is called inside its `Retry-After` while anything else is left, and at most one per request.
    CalledInsideRetryAfter,
    /// What cools is skipped while others are left.
    CalledWhileCooling,
    /// One probe at a time in all instances.
    TwoProbes,
    /// What has recovered is used again within its probe interval.
    NotUsedAgain,
    /// No write while all is well, and few otherwise.
    WrittenForNothing,
}

/// What a day was like, for the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub requests: usize,
    pub calls: usize,
    pub failed_calls: usize,
    /// Requests that got an error because no upstream could have served them.
    pub failed_requests: usize,
    pub health_writes: usize,
    /// Calls inside a `Retry-After`, each the last resort of its request.
    pub last_resorts: usize,
    /// Calls of a channel or key whose cooldown had just ended.
    pub probes: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, day: Self) {
        self.requests += day.requests;
        self.calls += day.calls;
        self.failed_calls += day.failed_calls;
        self.failed_requests += day.failed_requests;
        self.health_writes += day.health_writes;
        self.last_resorts += day.last_resorts;
        self.probes += day.probes;
    }
}

/// Checks everything.
pub fn check(world: &World, history: &History) -> Result<Figures, Violation> {
    let calls_of = calls_by_request(history);
    let mut figures = Figures {
        requests: history.requests.len(),
        calls: history.calls.len(),
        failed_calls: history
            .calls
            .iter()
            .filter(|call| call.trouble().is_some())
            .count(),
        health_writes: history.health_writes.len(),
        ..Figures::default()
    };
    figures.failed_requests = requests::check(world, history, &calls_of)?;
    figures.last_resorts = throttle::check(world, history, &calls_of)?;
    let swept = sweep::check(world, history)?;
    figures.probes = swept.probes;
    fairness::check(world, history)?;
    writes::check(world, history, &swept.is_suspect)?;
    Ok(figures)
}

fn calls_by_request(history: &History) -> Vec<Vec<usize>> {
    let mut calls_of = vec![Vec::new(); history.requests.len()];
    for (number, call) in history.calls.iter().enumerate() {
        calls_of[call.request].push(number);
    }
    calls_of
}

/// Whether an instance knew at `begin` of request `request` what `instance` had learned at `learned`.
fn is_known(
    world: &World,
    history: &History,
    learned: (usize, u64),
    request: usize,
    begin: u64,
) -> bool {
    let (instance, at) = learned;
    let by = &history.requests[request];
    if by.instance == instance {
        return at < begin;
    }
    let arrived = by.arrived;
    at + SHARED_MS <= arrived && world.store.is_fine(at.saturating_sub(SECOND_MS), arrived)
}

fn broken<T>(rule: Rule, at: u64, text: String) -> Result<T, Violation> {
    Err(Violation { rule, at, text })
}

#[cfg(test)]
mod tests;
