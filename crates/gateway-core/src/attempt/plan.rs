//! Which candidate is tried next. Owns the order of (channel, key) pairs: each at most once, no more than
//! a maximum in all. Pure: the order of channels and the first keys are given.

use std::collections::VecDeque;

use super::Failure;

/// A channel in the order of a request, with the key that its rotation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The channel's index in its snapshot.
    pub channel: usize,
    /// How many keys it has; a channel without any counts as one.
    pub keys: usize,
    /// Where its rotation begins; any number.
    pub start: usize,
}

/// One (channel, key) pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The channel's index in its snapshot.
    pub channel: usize,
    /// The key's index in its channel.
    pub key: usize,
}

/// The candidates that are left.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Channels with keys left, the current one first.
    turns: VecDeque<Turn>,
    /// Keys of the current channel that were tried.
    tried: usize,
    /// Channels that were put last, with the keys they had left.
    deferred: VecDeque<(Turn, usize)>,
    attempts_left: u32,
}

impl Plan {
    /// A plan over `turns` in their order, for at most `max_attempts` attempts.
    pub fn new(turns: impl IntoIterator<Item = Turn>, max_attempts: u32) -> Self {
        Self {
            turns: turns.into_iter().filter(|turn| turn.keys > 0).collect(),
            tried: 0,
            deferred: VecDeque::new(),
            attempts_left: max_attempts,
        }
    }

    /// The next candidate, or `None` when there is none left.
    pub fn next_candidate(&mut self) -> Option<Candidate> {
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        loop {
            if let Some(turn) = self.turns.front() {
                if self.tried < turn.keys {
                    let key = turn.start.wrapping_add(self.tried) % turn.keys;
                    self.tried += 1;
                    return Some(Candidate {
                        channel: turn.channel,
                        key,
                    });
                }
                self.turns.pop_front();
                self.tried = 0;
            } else {
                let (turn, tried) = self.deferred.pop_front()?;
                self.turns.push_back(turn);
                self.tried = tried;
            }
        }
    }

    /// Learns how the candidate that was given last failed.
    pub fn failed(&mut self, failure: Failure) {
        match failure {
            // The key, or perhaps the channel: its other keys come next.
            Failure::ServerError | Failure::Throttled | Failure::KeyRefused => {}
            // The whole channel: its other keys come after every other channel.
            Failure::Unreachable(_) => {
                if let Some(turn) = self.turns.pop_front() {
                    self.deferred.push_back((turn, self.tried));
                    self.tried = 0;
                }
            }
            // The channel has no such model: another key does not change that.
            Failure::ModelUnknown => {
                self.turns.pop_front();
                self.tried = 0;
            }
            Failure::RequestRefused => {
                self.turns.clear();
                self.deferred.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests;
