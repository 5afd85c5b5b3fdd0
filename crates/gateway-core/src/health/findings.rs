//! A cooldown as operators see it: the state of a channel, a key or a model, until when, and why. Owns the terms; what
//! they mean for requests is [`super::cooldown`]'s. Pure.

use serde::Serialize;

use super::cooldown::{Cooldown, CooldownReason, Phase};
use super::record::ChannelHealth;
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::time_text;
use crate::units::Timestamp;

/// Whether requests call something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum FindingState {
    /// No cooldown.
    Ready,
    /// The cooldown is over: the next request probes, all others wait for its result.
    Probing,
    /// Not called while there are other candidates.
    Cooling,
    /// A key that the upstream rejects; not called either.
    Rejected,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum About {
    /// The channel as a whole.
    Channel,
    /// One of its keys.
    Key,
    /// One of its models.
    Model,
}

/// The state of a channel, a key or a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// Whether it is called.
    pub state: FindingState,
    /// When the cooldown ends.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub until: Option<String>,
    /// What the reason is about; null when there is none.
    pub about: Option<About>,
    /// Why; null when nothing is wrong.
    pub reason: Option<CooldownReason>,
    /// The last failure: the upstream's status, if there was one, and its message.
    pub detail: Option<String>,
    /// When the last failure was.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub failed_at: Option<String>,
}

impl Finding {
    /// What is known of one subject at `now`.
    pub fn of(about: About, cooldown: Option<&Cooldown>, now: Timestamp) -> Self {
        let ready = Self {
            state: FindingState::Ready,
            until: None,
            about: None,
            reason: None,
            detail: None,
            failed_at: None,
        };
        let Some(cooldown) = cooldown else {
            return ready;
        };
        let (state, until) = match cooldown.phase(now) {
            // Failures that are only counted so far are no reason for anything.
            Phase::Ready => return ready,
            Phase::HalfOpen => (FindingState::Probing, None),
            Phase::Cooling { until, .. } if cooldown.reason == CooldownReason::Refused => {
                (FindingState::Rejected, Some(until))
            }
            Phase::Cooling { until, .. } => (FindingState::Cooling, Some(until)),
        };
        Self {
            state,
            until: until.map(time_text::format),
            about: Some(about),
            reason: Some(cooldown.reason),
            detail: Some(cooldown.detail()),
            failed_at: Some(time_text::format(cooldown.at)),
        }
    }

    /// What decides about a candidate at `now`: of its channel, its key and its model the one whose cooldown ends last.
    pub fn of_candidate(
        known: Option<&ChannelHealth>,
        key: &str,
        model: &str,
        now: Timestamp,
    ) -> Self {
        let three = [
            (
                About::Channel,
                known.and_then(|known| known.channel.as_ref()),
            ),
            (About::Key, known.and_then(|known| known.keys.get(key))),
            (
                About::Model,
                known.and_then(|known| known.models.get(model)),
            ),
        ];
        let rank = |cooldown: Option<&Cooldown>| match cooldown.map(|cooldown| cooldown.phase(now))
        {
            None | Some(Phase::Ready) => (0, Timestamp(0)),
            Some(Phase::HalfOpen) => (1, Timestamp(0)),
            Some(Phase::Cooling { until, .. }) => (2, until),
        };
        let (about, cooldown) = three
            .into_iter()
            .max_by_key(|(_, cooldown)| rank(*cooldown))
            .unwrap_or((About::Channel, None));
        Self::of(about, cooldown, now)
    }
}

/// The state of an upstream key in the list of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "HealthStatus")
)]
pub enum KeyState {
    /// No cooldown.
    Ok,
    /// In a cooldown.
    Cooling,
    /// A key that the upstream rejects; tried again later.
    Rejected,
}

impl KeyState {
    /// The status at `now`, and until when it stays so.
    pub fn of(cooldown: Option<&Cooldown>, now: Timestamp) -> (Self, Option<String>) {
        let Some(cooldown) = cooldown else {
            return (Self::Ok, None);
        };
        let Phase::Cooling { until, .. } = cooldown.phase(now) else {
            return (Self::Ok, None);
        };
        let status = if cooldown.reason == CooldownReason::Refused {
            Self::Rejected
        } else {
            Self::Cooling
        };
        (status, Some(time_text::format(until)))
    }
}

#[cfg(test)]
mod tests;
