//! Days and months in UTC, as numbers that grow by one. Owns no clock.

use time::{Date, Month, OffsetDateTime};

use crate::units::{DAY_MS, Timestamp};

/// Days since 1970-01-01.
pub const fn day(time: Timestamp) -> u64 {
    time.0 / DAY_MS
}

/// When a day ends and the next one begins.
pub const fn day_end(day: u64) -> Timestamp {
    Timestamp(day.saturating_add(1).saturating_mul(DAY_MS))
}

/// Months since the year 0. Times past the year 9999 are in January 1970, as if the clock was never set.
pub fn month(time: Timestamp) -> u64 {
    let seconds = i64::try_from(time.unix_seconds()).unwrap_or_default();
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let year = u64::try_from(moment.year()).unwrap_or_default();
    year * 12 + u64::from(u8::from(moment.month())) - 1
}

/// When a month begins; the begin of time for months that have no date.
pub fn month_begin(month: u64) -> Timestamp {
    first_of(month).unwrap_or_default()
}

/// When a month ends and the next one begins; the end of time for months that have no date.
pub fn month_end(month: u64) -> Timestamp {
    first_of(month.saturating_add(1)).unwrap_or(Timestamp(u64::MAX))
}

fn first_of(month: u64) -> Option<Timestamp> {
    let year = i32::try_from(month / 12).ok()?;
    let name = Month::try_from(u8::try_from(month % 12 + 1).ok()?).ok()?;
    let first = Date::from_calendar_date(year, name, 1).ok()?;
    let seconds = u64::try_from(first.midnight().assume_utc().unix_timestamp()).ok()?;
    Some(Timestamp(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time_text;

    #[test]
    fn days_and_months_end_where_the_next_ones_begin() {
        for (time, day_ends, month_ends) in [
            ("1970-01-01T00:00:00Z", "1970-01-02", "1970-02-01"),
            ("2026-11-23T10:00:00Z", "2026-11-24", "2026-12-01"),
            ("2026-12-31T23:59:59.999Z", "2027-01-01", "2027-01-01"),
            ("2028-02-28T12:00:00Z", "2028-02-29", "2028-03-01"),
        ] {
            let now = time_text::parse(time).unwrap();
            let expected = |date: &str| time_text::parse(&format!("{date}T00:00:00Z")).unwrap();
            assert_eq!(day_end(day(now)), expected(day_ends), "{time}");
            assert_eq!(month_end(month(now)), expected(month_ends), "{time}");
            assert_eq!(month(month_end(month(now))), month(now) + 1, "{time}");
            assert_eq!(month_begin(month(now) + 1), month_end(month(now)), "{time}");
            assert_eq!(day(day_end(day(now))), day(now) + 1, "{time}");
        }
    }

    #[test]
    fn no_clock_is_too_wrong() {
        for time in [Timestamp(0), Timestamp(u64::MAX), Timestamp(1 << 60)] {
            assert!(month_end(month(time)) > Timestamp(0));
            assert!(day_end(day(time)) >= Timestamp(DAY_MS));
        }
    }
}
