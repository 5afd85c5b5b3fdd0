//! Units of measure that travel through the core. Owns no clock: hosts pass time in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since the Unix epoch (UTC).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time `milliseconds` later; saturates instead of wrapping.
    #[must_use]
    pub const fn plus_ms(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// The time `duration` later; saturates instead of wrapping.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_ms(milliseconds(duration))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is later (a clock that was set back).
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since the Unix epoch, as OpenAI's `created` fields carry them.
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }
}

/// Whole milliseconds of a duration.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Bytes in one mebibyte.
pub const MIB: usize = 1024 * 1024;

/// The maximum cost of a request, in millionths of a US dollar: a thousand million dollars. An upstream that claims
/// more tokens than that is wrong, and sums must stay within the database's range.
pub const MAX_COST_MICRO_USD: u64 = 1_000_000_000_000_000;

/// Milliseconds of an hour.
pub const HOUR_MS: u64 = 3_600_000;

/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * HOUR_MS;
