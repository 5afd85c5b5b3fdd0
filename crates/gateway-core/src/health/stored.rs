//! The record of all failures in the store, as the admin API reads and changes it. Owns what a failing store and a damaged
//! record mean there: neither is a reason to refuse a request.

use std::time::Duration;

use super::record::{Health, HealthEvent};
use crate::ports::{Clock, Log, Random, ReadStore, StoreError, StoreKey, WriteStore};
use crate::store::{self, RecordEdit, RetryLimits};

/// How long a change is tried.
const RETRIES: RetryLimits = RetryLimits {
    attempts: 16,
    time: Duration::from_secs(15),
};

/// The record as it is now. A store that fails or a record that is damaged hides it, and is logged: the configuration is
/// worth showing without it.
pub async fn load<P: ReadStore + Log>(ports: &P) -> Health {
    let read = ports.read(StoreKey::Health).await;
    match read.and_then(|raw| parse(raw.as_deref())) {
        Ok(health) => health,
        Err(error) => {
            ports.line(format_args!("admin: health of upstreams: {error}"));
            Health::default()
        }
    }
}

/// Removes all that is known of the channels, after a change that may have repaired them.
pub async fn forget<P: Clock + Random + Log + WriteStore>(ports: &P, channels: &[String]) {
    let forgotten = |channel: &String| HealthEvent::Forgotten {
        channel: channel.clone(),
    };
    apply(ports, &channels.iter().map(forgotten).collect::<Vec<_>>()).await;
}

/// Adds what an admin found out. A failure is only logged: every cooldown ends without this.
pub async fn apply<P: Clock + Random + Log + WriteStore>(ports: &P, events: &[HealthEvent]) {
    let update = store::update(ports, StoreKey::Health, RETRIES, |stored| {
        let mut health = parse(stored)?;
        let mut has_changed = false;
        for event in events {
            has_changed |= health.apply(event);
        }
        if !has_changed {
            return Ok::<_, StoreError>(RecordEdit::Keep(()));
        }
        let new = serde_json::to_vec(&health).map_err(|error| StoreError(error.to_string()))?;
        Ok(RecordEdit::Replace(new, ()))
    });
    if let Err(error) = update.await {
        ports.line(format_args!(
            "admin: cooldowns of changed or tested channels are not ended: {error}"
        ));
    }
}

fn parse(stored: Option<&[u8]>) -> Result<Health, StoreError> {
    Health::parse(stored).map_err(|error| StoreError(format!("the record is damaged: {error}")))
}
