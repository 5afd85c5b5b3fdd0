//! Which candidate is tried next. Owns the order of (model, channel, key) triples: each at most once, no more than a
//! maximum in all, those that cool after all others. Pure: the order of models and channels, the first keys and what is
//! known of each candidate are given.

use std::collections::VecDeque;

use crate::health::cooldown::Phase;
use crate::ports::SendErrorKind;
use crate::units::Timestamp;
use crate::upstream::failure::Failure;

/// The order of a channel's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// One after the other, from a place that moves on with each request.
    Rotation {
        /// How many keys there are; a channel without any counts as one.
        count: usize,
        /// Where it begins; any number.
        start: usize,
    },
    /// The keys' indexes in this order.
    Fixed(Vec<usize>),
}

impl KeyOrder {
    fn get(&self, place: usize) -> Option<usize> {
        match self {
            Self::Rotation { count, start } if place < *count => {
                // Never beyond the count of keys, so that the sum cannot overflow.
                Some((start % count + place) % count)
            }
            Self::Rotation { .. } => None,
            Self::Fixed(keys) => keys.get(place).copied(),
        }
    }
}

/// A channel in the order of a request, for one of the models that are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedChannel {
    /// The model's place among those that are tried.
    pub model: usize,
    /// The channel's index in its snapshot.
    pub channel: usize,
    /// Its keys.
    pub keys: KeyOrder,
}

impl PlannedChannel {
    const fn candidate(&self, key: usize) -> Candidate {
        Candidate {
            model: self.model,
            channel: self.channel,
            key,
        }
    }

    /// Lets the rotation begin at a key that may be called. If a cooling key were only skipped, the one behind it would
    /// get its share as well; so its turns are distributed to all others in rotation.
    fn begin(&mut self, phase: &impl Fn(Candidate) -> Phase) {
        let KeyOrder::Rotation { count, start } = self.keys else {
            return;
        };
        let cools = |key: &usize| matches!(phase(self.candidate(*key)), Phase::Cooling { .. });
        if count < 2 || !cools(&(start % count)) {
            return;
        }
        let left: Vec<usize> = (0..count).filter(|key| !cools(key)).collect();
        if let Some(first) = left.get((start / count) % left.len().max(1)) {
            self.keys = KeyOrder::Rotation {
                count,
                start: *first,
            };
        }
    }
}

/// One (channel, key) pair, for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The model's place among those that are tried.
    pub model: usize,
    /// The channel's index in its snapshot.
    pub channel: usize,
    /// The key's index in its channel.
    pub key: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The next candidate.
    pub candidate: Candidate,
    /// Whether its cooldown has just ended, so that only one request may try it: the caller acquires that right first,
    /// or returns the candidate with [`Plan::postpone`].
    pub is_probe: bool,
}

/// A candidate that is tried only when no better one is left.
#[derive(Clone, Copy, Debug)]
struct Deferred {
    candidate: Candidate,
    /// Another request has the right to probe it.
    is_probed_by_other: bool,
}

/// The candidates that are left.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Channels with keys left, the current one first; all those for one model before those for the next.
    turns: VecDeque<PlannedChannel>,
    /// Keys of the current channel that were taken.
    taken: usize,
    /// Candidates that cool, or whose channel this request could not reach.
    waiting: Vec<Deferred>,
    /// The models for which a key was called within its upstream's requested wait. Calling more of them would only add
    /// load, since the upstream's answer is known; for another model it may differ, as rate limits often do.
    tried_stated: Vec<usize>,
    /// When the first of the keys that are not called at all, for that reason, may be called again.
    retry_at: Option<Timestamp>,
    attempts_left: u32,
    /// A candidate that is called once more before all others.
    again: Option<Candidate>,
}

impl Plan {
    /// A plan over `turns` in their order, for at most `max_attempts` attempts.
    pub fn new(turns: impl IntoIterator<Item = PlannedChannel>, max_attempts: u32) -> Self {
        Self {
            turns: turns.into_iter().collect(),
            taken: 0,
            waiting: Vec::new(),
            tried_stated: Vec::new(),
            retry_at: None,
            attempts_left: max_attempts,
            again: None,
        }
    }

    /// Leaves channels out, before the first candidate is taken.
    pub fn retain(&mut self, keep: impl Fn(&PlannedChannel) -> bool) {
        self.turns.retain(keep);
    }

    /// The next candidate, or `None` when there is none left. `phase` returns the current state of a candidate: it is
    /// called each time, since other requests change the state meanwhile.
    pub fn next(&mut self, phase: impl Fn(Candidate) -> Phase) -> Option<Next> {
        self.take(|plan| {
            plan.next_again(&phase)
                .or_else(|| plan.next_in_turn(&phase))
                .or_else(|| plan.next_waiting(&phase))
        })
    }

    /// The next candidate to start in parallel to one in progress: none that cools, as long as the other may still
    /// succeed.
    pub fn next_beside(&mut self, phase: impl Fn(Candidate) -> Phase) -> Option<Next> {
        self.take(|plan| plan.next_in_turn(&phase))
    }

    fn take(&mut self, find: impl FnOnce(&mut Self) -> Option<Next>) -> Option<Next> {
        let left = self.attempts_left.checked_sub(1)?;
        let next = find(self)?;
        self.attempts_left = left;
        Some(next)
    }

    /// Returns a candidate that another request probes already.
    pub fn postpone(&mut self, candidate: Candidate) {
        self.attempts_left += 1;
        self.waiting.push(Deferred {
            candidate,
            is_probed_by_other: true,
        });
    }

    /// Puts a candidate in front again, to be called in another way: this request has learnt that its channel lacks the
    /// operation.
    pub fn again(&mut self, candidate: Candidate) {
        self.again = Some(candidate);
    }

    /// Records how a candidate failed.
    pub fn failed(&mut self, candidate: Candidate, failure: Failure) {
        match failure {
            // The key, or perhaps the channel: its other keys come next.
            Failure::ServerError | Failure::Throttled | Failure::KeyRefused => {}
            // The error is returned to the client, or the client has disconnected.
            Failure::RequestRefused | Failure::Unreachable(SendErrorKind::ClientGone) => {
                self.attempts_left = 0;
            }
            // The whole channel, for every model: its other keys come after everything else.
            Failure::Unreachable(_) => {
                self.leave(|turn| turn.channel == candidate.channel);
                let (others, own): (Vec<_>, Vec<_>) = self
                    .waiting
                    .drain(..)
                    .partition(|waiting| waiting.candidate.channel != candidate.channel);
                self.waiting = others;
                self.waiting.extend(own);
            }
            // The channel does not have the model, the operation or a way to say the request: another key does not change
            // that.
            Failure::ModelUnknown | Failure::OperationUnsupported | Failure::Untranslatable => {
                let pair = (candidate.channel, candidate.model);
                self.leave(|turn| (turn.channel, turn.model) == pair);
                self.waiting
                    .retain(|waiting| (waiting.candidate.channel, waiting.candidate.model) != pair);
            }
        }
    }

    /// When the first of the keys that were not called, since their upstream had requested that, may be called again.
    pub const fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }

    /// The candidate that is called once more; one that cools waits like any other.
    fn next_again(&mut self, phase: &impl Fn(Candidate) -> Phase) -> Option<Next> {
        let candidate = self.again.take()?;
        let phase = phase(candidate);
        if matches!(phase, Phase::Cooling { .. }) {
            self.wait(candidate);
            return None;
        }
        Some(Next {
            candidate,
            is_probe: phase == Phase::HalfOpen,
        })
    }

    /// Channels in order, their keys in order; those that cool are put aside.
    fn next_in_turn(&mut self, phase: &impl Fn(Candidate) -> Phase) -> Option<Next> {
        while let Some(turn) = self.turns.front_mut() {
            if self.taken == 0 {
                turn.begin(phase);
            }
            let Some(key) = turn.keys.get(self.taken) else {
                self.turns.pop_front();
                self.taken = 0;
                continue;
            };
            self.taken += 1;
            let candidate = turn.candidate(key);
            match phase(candidate) {
                Phase::Ready => {
                    return Some(Next {
                        candidate,
                        is_probe: false,
                    });
                }
                Phase::HalfOpen => {
                    return Some(Next {
                        candidate,
                        is_probe: true,
                    });
                }
                Phase::Cooling { .. } => self.wait(candidate),
            }
        }
        None
    }

    /// The one that ends first. A key whose upstream stated how long it will be rejected comes after those without a
    /// stated time.
    fn next_waiting(&mut self, phase: &impl Fn(Candidate) -> Phase) -> Option<Next> {
        loop {
            let phases = self
                .waiting
                .iter()
                .map(|waiting| phase(waiting.candidate))
                .enumerate();
            let (place, phase) = phases.min_by_key(|(_, phase)| match phase {
                Phase::Ready | Phase::HalfOpen => (false, Timestamp(0)),
                Phase::Cooling {
                    until,
                    has_retry_after,
                } => (*has_retry_after, *until),
            })?;
            let waiting = self.waiting.remove(place);
            let candidate = waiting.candidate;
            if let Phase::Cooling {
                until,
                has_retry_after: true,
            } = phase
            {
                // All others have to wait at least as long.
                if self.tried_stated.contains(&candidate.model) {
                    self.retry_at = Some(self.retry_at.map_or(until, |known| known.min(until)));
                    continue;
                }
                self.tried_stated.push(candidate.model);
            }
            return Some(Next {
                candidate,
                is_probe: phase == Phase::HalfOpen && !waiting.is_probed_by_other,
            });
        }
    }

    fn wait(&mut self, candidate: Candidate) {
        self.waiting.push(Deferred {
            candidate,
            is_probed_by_other: false,
        });
    }

    /// Puts the keys aside that are left of some turns.
    fn leave(&mut self, is_left: impl Fn(&PlannedChannel) -> bool) {
        let mut taken = self.taken;
        if self.turns.front().is_some_and(&is_left) {
            self.taken = 0;
        }
        let waiting = &mut self.waiting;
        self.turns.retain(|turn| {
            // Only of the first turn some may be taken already.
            let first = std::mem::take(&mut taken);
            if !is_left(turn) {
                return true;
            }
            let keys = (first..).map_while(|place| turn.keys.get(place));
            waiting.extend(keys.map(|key| Deferred {
                candidate: turn.candidate(key),
                is_probed_by_other: false,
            }));
            false
        });
    }
}

#[cfg(test)]
mod tests;
