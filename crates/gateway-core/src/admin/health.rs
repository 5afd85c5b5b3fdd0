//! What the proxies have found out about upstreams, for people to see. Owns reading it, its words, and forgetting it
//! when an admin may have repaired the cause; changes nothing else.

use serde::Serialize;

use super::document::{MAX_TRIES, step_aside};
use crate::health::cooldown::{Cooldown, CooldownReason, Phase};
use crate::health::record::{Health, HealthEvent};
use crate::ports::{AdminPorts, Log, ReadStore, StoreError, StoreKey, Swap};
use crate::time_text;
use crate::units::Timestamp;

/// How an upstream key, channel or model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum HealthStatus {
    /// Nothing speaks against it.
    Ok,
    /// Left alone for a while.
    Cooling,
    /// A key that the upstream refuses; tried again later.
    Rejected,
}

impl HealthStatus {
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

/// What is known now. A store that fails or a record that is damaged hides it, and is logged: the configuration is
/// worth showing without it.
pub async fn load<P: ReadStore + Log>(ports: &P) -> Health {
    match read(ports).await {
        Ok((health, _)) => health,
        Err(error) => {
            ports.line(format_args!("admin: health of upstreams: {error}"));
            Health::default()
        }
    }
}

/// Forgets what is known of a channel, after a change that may have repaired it.
pub async fn forget<P: AdminPorts>(ports: &P, channel: &str) {
    forget_all(ports, &[channel.to_owned()]).await;
}

/// The same for several channels, in one write. A failure is logged only: what is wrongly known ends by itself.
pub async fn forget_all<P: AdminPorts>(ports: &P, channels: &[String]) {
    if let Err(error) = try_to_forget(ports, channels).await {
        let channels = channels.join(", ");
        ports.line(format_args!(
            "admin: health of channel {channels} is not forgotten: {error}"
        ));
    }
}

async fn try_to_forget<P: AdminPorts>(ports: &P, channels: &[String]) -> Result<(), StoreError> {
    for turn in 0..MAX_TRIES {
        let (mut health, raw) = read(ports).await?;
        let mut changed = false;
        for channel in channels {
            let channel = channel.clone();
            changed |= health.apply(&HealthEvent::Forgotten { channel });
        }
        if !changed {
            return Ok(());
        }
        let new = serde_json::to_vec(&health).map_err(|error| StoreError(error.to_string()))?;
        if ports.swap(StoreKey::Health, raw.as_deref(), &new).await? == Swap::Done {
            return Ok(());
        }
        step_aside(ports, turn).await;
    }
    Err(StoreError(
        "others kept writing at the same time".to_owned(),
    ))
}

async fn read<P: ReadStore>(ports: &P) -> Result<(Health, Option<Vec<u8>>), StoreError> {
    let raw = ports.read(StoreKey::Health).await?;
    let health = match raw.as_deref() {
        Some(raw) => serde_json::from_slice(raw)
            .map_err(|error| StoreError(format!("the record is damaged: {error}")))?,
        None => Health::default(),
    };
    Ok((health, raw))
}
