//! What is known of all keys, channels and models that failed: the state that instances share. Owns what each outcome
//! means for which of them, the document's shape, and its bounds. Pure: the state is the sum of its events, so that
//! instances which write at the same time lose nothing. Knows nothing of stores or requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cooldown::{Cooldown, CooldownReason, FailureSample, Phase};
use crate::units::Timestamp;
use crate::upstream::failure::{FailedAttempt, Failure};

/// Models of one channel that are remembered: clients choose the names, so they must not fill the store.
const MAX_MODELS: usize = 100;
/// Longer names of models are not remembered.
const MAX_MODEL_BYTES: usize = 256;
/// As much of an upstream's message is kept, in characters.
const MAX_MESSAGE_CHARS: usize = 200;

/// What an attempt called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The channel's id.
    pub channel: String,
    /// The upstream key's id; empty for a channel without keys.
    pub key: String,
    /// The model, by the upstream's name.
    pub model: String,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthEvent {
    /// An attempt failed.
    Failed {
        /// What was called.
        target: Target,
        /// What failed.
        failure: Failure,
        /// Why and when.
        sample: FailureSample,
    },
    /// An attempt was answered, or refused for the request's own fault.
    Answered {
        /// What was called.
        target: Target,
        /// When the attempt began.
        began: Timestamp,
        /// Whether the answer was seen to its end.
        whole: bool,
    },
    /// A request probes those of the three that are half-open.
    Probing {
        /// What it calls.
        target: Target,
        /// When it began.
        at: Timestamp,
        /// When it counts as lost.
        until: Timestamp,
        /// Which request it is.
        holder: u64,
    },
    /// The probe ended without a result.
    Released {
        /// What it called.
        target: Target,
        /// Which request it was.
        holder: u64,
    },
    /// An admin changed the channel, so that what is known of it may be wrong.
    Forgotten {
        /// The channel's id.
        channel: String,
    },
}

/// What is known of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelHealth {
    /// The channel as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Cooldown>,
    /// Its keys, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Cooldown>,
    /// Its models, by the upstream's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Cooldown>,
}

/// What is known of every channel that has failed lately. Empty while all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Health {
    channels: BTreeMap<String, ChannelHealth>,
}

impl HealthEvent {
    /// What a failed attempt that began at `began` and ended at `at` says.
    pub fn failed(target: Target, failed: &FailedAttempt, began: Timestamp, at: Timestamp) -> Self {
        let (reason, wait_ms) = match failed.failure {
            Failure::RequestRefused | Failure::Untranslatable => {
                return Self::Answered {
                    target,
                    began,
                    whole: true,
                };
            }
            Failure::Unreachable(_) => (CooldownReason::Unreachable, None),
            Failure::ServerError => (CooldownReason::ServerError, failed.retry_after_ms),
            Failure::Throttled => (CooldownReason::Throttled, failed.retry_after_ms),
            Failure::KeyRefused => (CooldownReason::Refused, failed.retry_after_ms),
            // Models are remembered by the kind of call; see `proxy::routes::health_name`.
            Failure::ModelUnknown | Failure::OperationUnsupported => {
                (CooldownReason::ModelUnknown, None)
            }
        };
        let sample = FailureSample {
            reason,
            began,
            at,
            wait_ms,
            status: failed.status.map(|status| status.as_u16()),
            message: failed
                .error
                .message
                .chars()
                .take(MAX_MESSAGE_CHARS)
                .collect(),
        };
        Self::Failed {
            target,
            failure: failed.failure,
            sample,
        }
    }
}

impl ChannelHealth {
    fn is_empty(&self) -> bool {
        self.channel.is_none() && self.keys.is_empty() && self.models.is_empty()
    }

    /// All that is known of it, each.
    fn cooldowns(&mut self, target: &Target) -> [Option<&mut Cooldown>; 3] {
        [
            self.channel.as_mut(),
            self.keys.get_mut(&target.key),
            self.models.get_mut(&target.model),
        ]
    }

    fn forget(&mut self, is_over: impl Fn(&Cooldown) -> bool) {
        if self.channel.as_ref().is_some_and(&is_over) {
            self.channel = None;
        }
        self.keys.retain(|_, cooldown| !is_over(cooldown));
        self.models.retain(|_, cooldown| !is_over(cooldown));
    }

    /// An answer cures what it shows to work.
    fn cure(
        &mut self,
        target: &Target,
        began: Timestamp,
        whole: bool,
        (key, model): (bool, bool),
    ) -> bool {
        let is_cured = |cooldown: &Cooldown| cooldown.is_cured_by(began, whole);
        let mut changed = false;
        if self.channel.as_ref().is_some_and(is_cured) {
            self.channel = None;
            changed = true;
        }
        if key && self.keys.get(&target.key).is_some_and(is_cured) {
            self.keys.remove(&target.key);
            changed = true;
        }
        if model && self.models.get(&target.model).is_some_and(is_cured) {
            self.models.remove(&target.model);
            changed = true;
        }
        changed
    }

    fn fail(&mut self, target: &Target, failure: Failure, sample: &FailureSample) -> bool {
        match failure {
            Failure::Unreachable(_) | Failure::ServerError => match &mut self.channel {
                Some(known) => known.fail(sample),
                unknown @ None => {
                    *unknown = Some(Cooldown::new(sample));
                    true
                }
            },
            // An upstream that refuses a key or a model is up: the channel's cooldown is out of date.
            Failure::Throttled | Failure::KeyRefused => {
                let cured = self.cure(target, sample.began, true, (false, false));
                cured | fail_one(&mut self.keys, &target.key, sample)
            }
            // Most servers look for the route before they look at the key.
            Failure::OperationUnsupported => {
                let cured = self.cure(target, sample.began, true, (false, false));
                cured | self.fail_model(&target.model, sample)
            }
            Failure::ModelUnknown => {
                let cured = self.cure(target, sample.began, true, (true, false));
                cured | self.fail_model(&target.model, sample)
            }
            Failure::RequestRefused => self.cure(target, sample.began, true, (true, true)),
            // Nothing was sent.
            Failure::Untranslatable => false,
        }
    }

    fn fail_model(&mut self, model: &str, sample: &FailureSample) -> bool {
        if model.len() > MAX_MODEL_BYTES {
            return false;
        }
        if self.models.len() >= MAX_MODELS && !self.models.contains_key(model) {
            // Made-up names must not replace a cooldown that is running.
            let over = self
                .models
                .iter()
                .find(|(_, cooldown)| !matches!(cooldown.phase(sample.at), Phase::Cooling { .. }))
                .map(|(name, _)| name.clone());
            match over {
                Some(name) => self.models.remove(&name),
                None => return false,
            };
        }
        fail_one(&mut self.models, model, sample)
    }
}

fn fail_one(known: &mut BTreeMap<String, Cooldown>, name: &str, sample: &FailureSample) -> bool {
    if let Some(cooldown) = known.get_mut(name) {
        return cooldown.fail(sample);
    }
    known.insert(name.to_owned(), Cooldown::new(sample));
    true
}

impl Health {
    /// The record as it is in the store; without one, no failure is known.
    pub fn parse(stored: Option<&[u8]>) -> Result<Self, serde_json::Error> {
        stored.map_or_else(|| Ok(Self::default()), serde_json::from_slice)
    }

    /// Whether no failure is known.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// What is known of one channel.
    pub fn channel(&self, id: &str) -> Option<&ChannelHealth> {
        self.channels.get(id)
    }

    /// Whether a candidate may be called at `now`: the worst of what is known of its channel, its key and its
    /// model, with the latest end.
    pub fn phase(&self, channel: &str, key: &str, model: &str, now: Timestamp) -> Phase {
        self.worst(channel, key, model, |cooldown| cooldown.phase(now))
    }

    /// The same for the request `holder`: the leases of its own probe do not keep it from calling.
    pub fn phase_for(&self, target: &Target, holder: u64, now: Timestamp) -> Phase {
        self.worst(&target.channel, &target.key, &target.model, |cooldown| {
            cooldown.phase_for(holder, now)
        })
    }

    fn worst(
        &self,
        channel: &str,
        key: &str,
        model: &str,
        phase: impl Fn(&Cooldown) -> Phase,
    ) -> Phase {
        let Some(known) = self.channels.get(channel) else {
            return Phase::Ready;
        };
        let three = [
            known.channel.as_ref(),
            known.keys.get(key),
            known.models.get(model),
        ];
        three
            .into_iter()
            .flatten()
            .map(phase)
            .fold(Phase::Ready, worse)
    }

    /// The state of a channel's model alone, without its channel and key.
    pub fn model_phase(&self, channel: &str, model: &str, now: Timestamp) -> Phase {
        let known = self
            .channels
            .get(channel)
            .and_then(|known| known.models.get(model));
        known.map_or(Phase::Ready, |cooldown| cooldown.phase(now))
    }

    /// Whether the request `holder` is the one that probes what is half-open of `target`.
    pub fn is_probed_by(&self, target: &Target, holder: u64) -> bool {
        let known = self.channels.get(&target.channel);
        let three = known.map(|known| {
            [
                known.channel.as_ref(),
                known.keys.get(&target.key),
                known.models.get(&target.model),
            ]
        });
        three
            .into_iter()
            .flatten()
            .flatten()
            .any(|cooldown| cooldown.lease.is_some() && cooldown.holder == holder)
    }

    /// Applies an event; whether anything changed. To apply the same event twice is the same as once.
    pub fn apply(&mut self, event: &HealthEvent) -> bool {
        let changed = match event {
            HealthEvent::Failed {
                target,
                failure,
                sample,
            } => self
                .channels
                .entry(target.channel.clone())
                .or_default()
                .fail(target, *failure, sample),
            HealthEvent::Answered {
                target,
                began,
                whole,
            } => self
                .channels
                .get_mut(&target.channel)
                .is_some_and(|known| known.cure(target, *began, *whole, (true, true))),
            HealthEvent::Probing {
                target,
                at,
                until,
                holder,
            } => self.each(target, |cooldown| {
                let is_free = cooldown.phase(*at) == Phase::HalfOpen;
                if is_free {
                    cooldown.lease = Some(*until);
                    cooldown.holder = *holder;
                }
                is_free
            }),
            HealthEvent::Released { target, holder } => self.each(target, |cooldown| {
                let is_mine = cooldown.lease.is_some() && cooldown.holder == *holder;
                if is_mine {
                    cooldown.lease = None;
                }
                is_mine
            }),
            HealthEvent::Forgotten { channel } => self.channels.remove(channel).is_some(),
        };
        self.channels.retain(|_, known| !known.is_empty());
        changed
    }

    /// Drops what is too old to matter.
    pub fn forget(&mut self, now: Timestamp) {
        self.channels.retain(|_, known| {
            known.forget(|cooldown| cooldown.is_forgotten(now));
            !known.is_empty()
        });
    }

    fn each(&mut self, target: &Target, mut change: impl FnMut(&mut Cooldown) -> bool) -> bool {
        let Some(known) = self.channels.get_mut(&target.channel) else {
            return false;
        };
        known
            .cooldowns(target)
            .into_iter()
            .flatten()
            .fold(false, |changed, cooldown| change(cooldown) | changed)
    }
}

/// The worse of two: the later end decides, and a `Retry-After` stays one.
fn worse(one: Phase, other: Phase) -> Phase {
    match (one, other) {
        (
            Phase::Cooling {
                until,
                has_retry_after,
            },
            Phase::Cooling {
                until: other_until,
                has_retry_after: other_has_retry_after,
            },
        ) => Phase::Cooling {
            until: until.max(other_until),
            has_retry_after: has_retry_after || other_has_retry_after,
        },
        (cooling @ Phase::Cooling { .. }, _) | (_, cooling @ Phase::Cooling { .. }) => cooling,
        (Phase::HalfOpen, _) | (_, Phase::HalfOpen) => Phase::HalfOpen,
        (Phase::Ready, Phase::Ready) => Phase::Ready,
    }
}

#[cfg(test)]
mod tests;
