//! Times in the API's format: RFC 3339, UTC, milliseconds. Owns the format, no clock.

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::units::Timestamp;

/// The last millisecond of the year 9999, beyond which RFC 3339 has no format.
const LATEST_MS: u64 = 253_402_300_799_999;

/// A time that is written in this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, with = "crate::config::shapes::Time")
)]
pub struct TimeText(Timestamp);

impl From<Timestamp> for TimeText {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl Serialize for TimeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(self.0))
    }
}

/// `2026-11-22T00:00:00.000Z`. A time past the year 9999 is shown as that year's end.
pub fn format(time: Timestamp) -> String {
    let nanoseconds = i128::from(time.0.min(LATEST_MS)) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.millisecond()
    )
}

/// `2026-11-22T00:00:00Z`, for times that denote a whole hour or day.
pub fn format_second(time: Timestamp) -> String {
    let mut text = format(time);
    text.truncate("2026-11-22T00:00:00".len());
    text.push('Z');
    text
}

/// Reads any RFC 3339 time, with any offset; `None` when it is none or lies before 1970.
pub fn parse(text: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let milliseconds = moment.unix_timestamp_nanos() / 1_000_000;
    u64::try_from(milliseconds)
        .ok()
        .filter(|milliseconds| *milliseconds <= LATEST_MS)
        .map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_have_known_spellings() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_795_305_600_123, "2026-11-22T00:00:00.123Z"),
            (LATEST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format(Timestamp(milliseconds)), text);
            assert_eq!(parse(text), Some(Timestamp(milliseconds)));
        }
        assert_eq!(format(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn whole_seconds_have_no_fraction() {
        let time = Timestamp(1_795_305_600_123);
        assert_eq!(format_second(time), "2026-11-22T00:00:00Z");
        assert_eq!(format_second(Timestamp(u64::MAX)), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn offsets_and_missing_fractions_are_read() {
        assert_eq!(parse("1970-01-01T01:00:01+01:00"), Some(Timestamp(1000)));
        for wrong in [
            "",
            "1969-12-31T23:59:59Z",
            "2026-11-22",
            "2026-02-30T00:00:00Z",
            "1795305600",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
