//! The ports without a separate file: time, randomness, log lines, work after the response. Owns the instance's random
//! generator; store and upstream calls have their own files.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use gateway_core::logging::LogPolicy;
use gateway_core::ports::{Background, Clock, Log, Random};
use gateway_core::units::Timestamp;
use rand::Rng as _;
use rand::rngs::SmallRng;
use spin_sdk::wasip3;
use spin_sdk::wasip3::clocks::monotonic_clock;

use crate::log;
use crate::turn::{self, in_turns};

/// The host's ports. Holds no state; that is the instance's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinPorts;

thread_local! {
    /// Seeded from the host at the first use, so that short-lived instances balance as well as long-lived ones.
    static BALANCING: RefCell<SmallRng> = RefCell::new(rand::make_rng());
}

impl Clock for SpinPorts {
    fn now(&self) -> Timestamp {
        turn::now()
    }

    async fn sleep(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        monotonic_clock::wait_for(nanoseconds).await;
    }
}

impl Random for SpinPorts {
    fn next_u64(&self) -> u64 {
        BALANCING.with_borrow_mut(SmallRng::next_u64)
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

impl Log for SpinPorts {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        log::line(text);
    }

    fn policy(&self) -> LogPolicy {
        log::policy()
    }

    fn set_policy(&self, policy: LogPolicy) {
        log::set_policy(policy);
    }
}

impl Background for SpinPorts {
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        wasip3::spawn(in_turns(work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_fill_the_whole_slice() {
        let mut bytes = [0_u8; 64];
        SpinPorts.fill_secure(&mut bytes);
        // An all-zero half of 64 random bytes has a chance of 2⁻²⁵⁶.
        assert!(bytes[..32].iter().any(|byte| *byte != 0));
        assert!(bytes[32..].iter().any(|byte| *byte != 0));
        assert_ne!(SpinPorts.next_u64(), SpinPorts.next_u64());
    }
}
