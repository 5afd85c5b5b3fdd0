//! Whether a key worked when it was last called, as operators see it. Owns how what the proxies share, what the ledger has
//! and whether it is kept are combined: what is not known is called so, and nothing is healthy that has not worked. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::model::ChannelConfig;
#[cfg(feature = "schema")]
use crate::config::shapes::Time;
use crate::health::cooldown::{Cooldown, CooldownReason};
use crate::health::findings::Finding;
use crate::ledger::key_use::{LastUse, LastUses};
use crate::ledger::record::AttemptOutcome;
use crate::time_text;
use crate::units::Timestamp;

/// Whether a key, or a channel without keys, worked when it was last called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum CallStatus {
    /// It has worked since its last failure.
    Ok,
    /// It was never used.
    Unused,
    /// Its last call failed.
    Failed,
    /// Nothing is recorded of it.
    Unknown,
    /// The provider requires a key and the channel has none, so that no request is sent there.
    NotReady,
}

/// The last call with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastCall {
    /// `ok` only after a success since the last failure; `failed` whether or not there is a cooldown.
    pub status: CallStatus,
    /// When that call was; null when none is known.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub since: Option<String>,
    /// What became of the call that failed: a word of the attempts in the request log; null unless it is `failed`.
    pub outcome: Option<String>,
    /// When a call last succeeded.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Time>"))]
    pub last_success_at: Option<String>,
    /// What there is to say of the failure when no cooldown says more.
    #[serde(skip)]
    pub detail: Option<String>,
}

/// What is recorded of all keys.
#[derive(Debug, Default)]
pub struct KeyRecords {
    /// By the key's id, or the channel's for a channel without keys.
    pub uses: BTreeMap<String, LastUses>,
    /// Whether requests are recorded and the record could be read. Otherwise only tests are known, and a key without a
    /// row may have been used.
    pub is_complete: bool,
}

/// A failure, from whichever source knows the latest.
struct LastFailure {
    at: Timestamp,
    outcome: String,
    detail: String,
}

/// What the uses of a channel are recorded under: its keys, or the channel itself where it has none.
pub fn subjects(channel: &ChannelConfig) -> impl Iterator<Item = &str> {
    let own = channel.keys.is_empty().then_some(channel.id.as_str());
    let keys = channel.keys.iter().map(|key| key.id.as_str());
    keys.chain(own)
}

impl LastCall {
    /// The status without a call to show for it.
    pub const fn without_call(status: CallStatus) -> Self {
        Self {
            status,
            since: None,
            outcome: None,
            last_success_at: None,
            detail: None,
        }
    }

    /// The last call of the key `id`, of which the proxies know `cooldown`.
    pub fn of(id: &str, cooldown: Option<&Cooldown>, records: &KeyRecords) -> Self {
        let is_known = |last: &&LastUse| records.is_complete || last.is_test;
        let uses = records.uses.get(id);
        let answered = uses.and_then(|uses| uses.answered.as_ref());
        let last_success_at = answered.map(|last| time_text::format(last.at));
        let success = answered.filter(is_known).map(|last| last.at);
        let recorded = uses.and_then(|uses| uses.failed.as_ref()).filter(is_known);
        let failure = later(
            cooldown.and_then(of_cooldown),
            recorded.map(|last| LastFailure {
                at: last.at,
                outcome: last.outcome.clone(),
                detail: detail(last),
            }),
        );
        match (failure, success) {
            (Some(failure), success) if success.is_none_or(|success| success <= failure.at) => {
                Self {
                    status: CallStatus::Failed,
                    since: Some(time_text::format(failure.at)),
                    outcome: Some(failure.outcome),
                    last_success_at,
                    detail: Some(failure.detail),
                }
            }
            (_, Some(success)) => Self {
                since: Some(time_text::format(success)),
                last_success_at,
                ..Self::without_call(CallStatus::Ok)
            },
            _ => Self {
                last_success_at,
                ..Self::without_call(if records.is_complete && uses.is_none() {
                    CallStatus::Unused
                } else {
                    CallStatus::Unknown
                })
            },
        }
    }

    /// What is found of its subject, with the last failure where no cooldown tells it.
    pub fn complete(&self, mut finding: Finding) -> Finding {
        if self.status == CallStatus::Failed && finding.detail.is_none() {
            finding.detail.clone_from(&self.detail);
            finding.failed_at.clone_from(&self.since);
        }
        finding
    }

    /// The same for a channel of which the proxies know `cooldown`, as a whole.
    pub fn with_cooldown(self, cooldown: Option<&Cooldown>) -> Self {
        let Some(failure) = cooldown.and_then(of_cooldown) else {
            return self;
        };
        let at = time_text::format(failure.at);
        // Times of this form are in the order of their texts.
        if self.since.as_ref().is_some_and(|since| *since > at) {
            return self;
        }
        Self {
            status: CallStatus::Failed,
            since: Some(at),
            outcome: Some(failure.outcome),
            last_success_at: self.last_success_at,
            detail: Some(failure.detail),
        }
    }

    /// A channel by its enabled keys: it works if one of them does, and failed if all of them did.
    pub fn of_keys(keys: &[&Self]) -> Self {
        let latest = |status: CallStatus| {
            let of_status = keys.iter().filter(|key| key.status == status);
            of_status
                .max_by(|one, other| one.since.cmp(&other.since))
                .map(|key| (*key).clone())
        };
        let has = |status: CallStatus| keys.iter().any(|key| key.status == status);
        if let Some(ok) = latest(CallStatus::Ok) {
            return ok;
        }
        if has(CallStatus::Unused) {
            return Self::without_call(CallStatus::Unused);
        }
        if has(CallStatus::Unknown) {
            return Self::without_call(CallStatus::Unknown);
        }
        latest(CallStatus::Failed).unwrap_or(Self::without_call(CallStatus::Unknown))
    }
}

/// The later of two failures. The proxies know more of theirs, so that a tie is theirs.
fn later(known: Option<LastFailure>, recorded: Option<LastFailure>) -> Option<LastFailure> {
    match (known, recorded) {
        // The record has the time of the request, the proxies that of its failure: the same call is later there.
        (Some(known), Some(recorded)) if recorded.at > known.at => Some(recorded),
        (known, recorded) => known.or(recorded),
    }
}

fn of_cooldown(cooldown: &Cooldown) -> Option<LastFailure> {
    let outcome = match cooldown.reason {
        _ if cooldown.strikes == 0 => return None,
        CooldownReason::Throttled => AttemptOutcome::Throttled,
        CooldownReason::Refused => AttemptOutcome::KeyRefused,
        CooldownReason::Unreachable => AttemptOutcome::Unreachable,
        CooldownReason::ServerError => AttemptOutcome::ServerError,
        CooldownReason::ModelUnknown => return None,
    };
    Some(LastFailure {
        at: cooldown.at,
        outcome: outcome.word().to_owned(),
        detail: cooldown.detail(),
    })
}

/// In the upstream's words where they were kept, else in ours.
fn detail(last: &LastUse) -> String {
    let known = AttemptOutcome::ALL
        .into_iter()
        .find(|outcome| outcome.word() == last.outcome);
    let what = last.detail.as_deref().unwrap_or(match known {
        Some(AttemptOutcome::Unreachable) => "no connection, or it broke",
        Some(AttemptOutcome::Timeout) => "no answer in time",
        Some(AttemptOutcome::ServerError) => "a server error, or an answer that broke off",
        Some(AttemptOutcome::Throttled) => "over the rate limit or quota",
        Some(AttemptOutcome::KeyRefused) => "the key was rejected",
        _ => last.outcome.as_str(),
    });
    match last.status {
        Some(status) => format!("{status}: {what}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
