//! Requests over a limit. Owns their error, and which keys an instance rejects from its cache: a client over its limit then
//! costs no call of the database.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::headers::{self, RateLimitHeaders};
use super::usage::{LimitStatus, LimitUsage};
use crate::config::model::{ClientKey, KeyLimits};
use crate::error::{ErrorCode, GatewayError};
use crate::units::Timestamp;

/// Keys in the cache. When there are more it is emptied, which costs a call each.
const MAX_KEYS: usize = 1_000;
/// How long an entry is valid. What is used can become less: a key can be deleted and come back, and a budget lasts a
/// month.
const MAX_AGE_MS: u64 = 60_000;
/// Of the requests that are rejected from the local cache, one in so many milliseconds is recorded for each key: otherwise
/// a client over its limit would push all other requests out of the log, at no cost to itself.
const RECORD_EVERY_MS: u64 = 1_000;

/// A request that is not admitted.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The answer.
    pub error: GatewayError,
    /// Its headers.
    pub headers: RateLimitHeaders,
    /// The limit that is exceeded; `None`: the limits could not be checked.
    pub exceeded: Option<LimitStatus>,
    /// Whether the request is recorded in the ledger.
    pub is_recorded: bool,
}

impl Rejection {
    /// The rejection of a key with this usage, by the limit that lasts longest; `None`: the usage is within all limits.
    pub fn of(usage: LimitUsage, limits: &KeyLimits, now: Timestamp) -> Option<Self> {
        let exceeded = usage.exceeded_limit(limits, now)?;
        Some(Self {
            error: error(&exceeded, now),
            headers: headers::headers(&usage.statuses(limits, now), now),
            exceeded: Some(exceeded),
            is_recorded: true,
        })
    }

    /// The rejection while limits cannot be checked: a limit that admits everything when nothing can be counted would be
    /// none.
    pub fn unavailable() -> Self {
        let error = ErrorCode::StoreUnavailable.error(
            "The gateway cannot check this key's limits right now, and lets nothing through that it cannot count. Try \
             again shortly.",
        );
        Self {
            error: error.with_retry_after_s(1),
            headers: RateLimitHeaders::new(),
            exceeded: None,
            is_recorded: true,
        }
    }
}

fn error(exceeded: &LimitStatus, now: Timestamp) -> GatewayError {
    let mut error = ErrorCode::RateLimited
        .error(headers::message(exceeded, now))
        .with_retry_after_s(headers::retry_after_s(exceeded, now));
    headers::kind(exceeded.measure).clone_into(&mut error.body.kind);
    // OpenAI's SDKs never wait longer than a minute, and would come back too early.
    if exceeded.free_at.since_ms(now) > 60_000 {
        error = error.as_exhausted();
    }
    error
}

/// Keys that are known to be over a limit, in one instance.
#[derive(Debug, Default)]
pub struct RejectionCache(RefCell<HashMap<String, CachedRejection>>);

#[derive(Debug)]
struct CachedRejection {
    /// The limits at that time; with others the entry is not valid.
    limits: KeyLimits,
    usage: LimitUsage,
    /// When the usage was read.
    since: Timestamp,
    /// When a rejected request was last recorded.
    recorded: Cell<Timestamp>,
}

impl RejectionCache {
    /// The rejection of a key that is still over its limit.
    pub fn get(&self, client: &ClientKey, now: Timestamp) -> Option<Rejection> {
        let mut cache = self.0.borrow_mut();
        let cached = cache.get(&client.id)?;
        let is_valid = cached.limits == client.limits && now.since_ms(cached.since) < MAX_AGE_MS;
        let rejection = is_valid
            .then(|| Rejection::of(cached.usage, &client.limits, now))
            .flatten();
        let Some(mut rejection) = rejection else {
            cache.remove(&client.id);
            return None;
        };
        rejection.is_recorded = now.since_ms(cached.recorded.get()) >= RECORD_EVERY_MS;
        if rejection.is_recorded {
            cached.recorded.set(now);
        }
        Some(rejection)
    }

    /// Adds a key whose request was rejected, and recorded, just now. One that is rejected only for what its requests in
    /// progress reserve is left out: any of them may end before the next request.
    pub fn insert(&self, client: &ClientKey, usage: LimitUsage, now: Timestamp) {
        let usage = usage.at(now).without_reservations();
        if usage.exceeded_limit(&client.limits, now).is_none() {
            return;
        }
        let mut cache = self.0.borrow_mut();
        if cache.len() >= MAX_KEYS {
            cache.clear();
        }
        let rejection = CachedRejection {
            limits: client.limits,
            usage,
            since: now,
            recorded: Cell::new(now),
        };
        cache.insert(client.id.clone(), rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::{Consumed, Measure, Settlement};
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_305_600_000);

    fn client(id: &str) -> ClientKey {
        ClientKey {
            id: id.to_owned(),
            name: String::new(),
            hash: String::new(),
            hint: String::new(),
            previous: None,
            enabled: true,
            models: Vec::new(),
            tags: Vec::new(),
            expires_at: None,
            limits: KeyLimits {
                requests_per_minute: Some(1),
                ..KeyLimits::default()
            },
            created_at: NOW,
        }
    }

    /// The one request of a minute has been made.
    fn used_up() -> LimitUsage {
        let mut usage = LimitUsage::fresh(NOW);
        usage.requests.current = 1;
        usage
    }

    #[test]
    fn sdks_retry_by_themselves_up_to_a_wait_of_one_minute() {
        for (wait_ms, is_exhausted) in [(59_999, false), (60_000, false), (60_001, true)] {
            let exceeded = LimitStatus {
                measure: Measure::RequestsPerMinute,
                limit: 1,
                used: 1,
                reserved: 0,
                free_at: NOW.plus_ms(wait_ms),
                resets_at: NOW.plus_ms(wait_ms),
            };
            let error = error(&exceeded, NOW);
            assert_eq!(error.exhausted, is_exhausted, "{wait_ms}");
            assert_eq!(error.body.code.as_deref(), Some("rate_limit_exceeded"));
            assert_eq!(error.retry_after_s, Some(wait_ms.div_ceil(1_000)));
        }
    }

    #[test]
    fn what_is_only_reserved_is_not_cached() {
        let limits = KeyLimits {
            tokens_per_minute: Some(100),
            tokens_per_day: Some(200),
            ..KeyLimits::default()
        };
        let client = ClientKey {
            limits,
            ..client("ck_1")
        };
        let estimate = Consumed {
            tokens: 150,
            cost_micro_usd: 0,
        };
        let cache = RejectionCache::default();
        let reserved = LimitUsage::fresh(NOW).admitted(estimate).admitted(estimate);
        assert!(reserved.exceeded_limit(&limits, NOW).is_some());
        cache.insert(&client, reserved, NOW);
        assert!(cache.get(&client, NOW).is_none());
        let settlement = Settlement {
            reserved: reserved.reservation(estimate),
            consumed: estimate,
        };
        cache.insert(&client, reserved.settled(settlement), NOW);
        let rejection = cache.get(&client, NOW).unwrap();
        assert_eq!(rejection.exceeded.unwrap().used, 150);
    }

    #[test]
    fn the_cache_holds_a_thousand_keys_and_is_emptied_by_the_next() {
        let cache = RejectionCache::default();
        let ids: Vec<String> = (0..=MAX_KEYS)
            .map(|number| format!("ck_{number}"))
            .collect();
        for id in &ids[..MAX_KEYS] {
            cache.insert(&client(id), used_up(), NOW);
        }
        for id in &ids[..MAX_KEYS] {
            assert!(cache.get(&client(id), NOW).is_some(), "{id}");
        }
        let last = client(&ids[MAX_KEYS]);
        assert!(cache.get(&last, NOW).is_none());
        cache.insert(&last, used_up(), NOW);
        assert!(cache.get(&last, NOW).is_some());
        assert_eq!(cache.0.borrow().len(), 1);
    }
}
