//! When an upstream may be called again. Owns the formats in use: `retry-after-ms`, and `Retry-After` in seconds (also
//! with a fraction or a unit), as an HTTP date or as a time since 1970; and the words that some use instead.

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::units::Timestamp;

/// The longest wait that is accepted, in milliseconds: a day. Anything above is a mistake or an attack.
pub const MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds to wait from `now`; `None` when the headers have no readable value.
pub fn read(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let milliseconds = text("retry-after-ms").and_then(|value| number(value, 1.0, now));
    let wait = milliseconds.or_else(|| {
        let value = text(RETRY_AFTER.as_str())?;
        number(value, 1000.0, now)
            .or_else(|| date(value, now))
            .or_else(|| duration(value, now))
    })?;
    Some(wait.min(MAX_MS))
}

/// The same for a 429, whose message may state what its headers don't: "Please retry after 3 seconds" (Azure), "Please
/// try again in 9m38.016s" (Groq, OpenAI), "Please retry in 37.4s" (Gemini).
pub fn of_throttling(headers: &HeaderMap, message: &str, now: Timestamp) -> Option<u64> {
    read(headers, now).or_else(|| in_words(message, now))
}

fn in_words(message: &str, now: Timestamp) -> Option<u64> {
    let beginnings = ["retry after ", "retry in ", "try again in "];
    let rest = beginnings.iter().find_map(|beginning| {
        let (_, rest) = message.split_once(beginning)?;
        Some(rest)
    })?;
    duration(rest, now).map(|wait| wait.min(MAX_MS))
}

/// A wait with its unit, such as `20s` or `9m38.016s`; what follows it is ignored.
fn duration(text: &str, now: Timestamp) -> Option<u64> {
    let mut rest = text.trim_start();
    let mut wait = None;
    // Minutes and seconds follow each other without a space.
    while rest.starts_with(|letter: char| letter.is_ascii_digit()) {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (figure, after) = rest.split_at_checked(end)?;
        let after = after.strip_prefix(' ').unwrap_or(after);
        let end = after.find(|letter: char| !letter.is_ascii_alphabetic());
        let (unit, after) = after.split_at_checked(end.unwrap_or(after.len()))?;
        let unit_ms = match unit {
            "ms" | "milliseconds" => 1.0,
            "s" | "second" | "seconds" => 1000.0,
            "m" | "minute" | "minutes" => 60_000.0,
            "h" | "hour" | "hours" => 3_600_000.0,
            _ => return None,
        };
        let part = number(figure, unit_ms, now)?;
        wait = Some(wait.unwrap_or(0_u64).saturating_add(part));
        rest = after;
    }
    wait
}

/// Numbers from here on are seconds since 1970: as a wait they would be 30 years, or in milliseconds 11 days.
const EPOCH_SECONDS: f64 = 1e9;
/// And from here on milliseconds since 1970.
const EPOCH_MILLISECONDS: f64 = 1e12;

fn number(text: &str, unit_ms: f64, now: Timestamp) -> Option<u64> {
    // What Rust also parses as a number: `inf`, `nan`.
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a positive number; `as` saturates above"
    )]
    let whole = |value: f64| value.ceil() as u64;
    if value.is_sign_negative() {
        None
    } else if value >= EPOCH_MILLISECONDS {
        Some(Timestamp(whole(value)).since_ms(now))
    } else if value >= EPOCH_SECONDS {
        Some(Timestamp(whole(value * 1000.0)).since_ms(now))
    } else {
        Some(whole(value * unit_ms))
    }
}

fn date(text: &str, now: Timestamp) -> Option<u64> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since_epoch = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at = Timestamp(u64::try_from(since_epoch.as_millis()).ok()?);
    Some(at.since_ms(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(name: &'static str, value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        // 2015-10-21 07:28:00 UTC
        read(&headers, Timestamp(1_445_412_480_000))
    }

    #[test]
    fn all_spellings_are_read_and_bounded() {
        assert_eq!(wait("retry-after-ms", "250"), Some(250));
        assert_eq!(wait("retry-after", "7"), Some(7_000));
        assert_eq!(wait("retry-after", "0.25"), Some(250));
        assert_eq!(
            wait("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
            Some(30_000)
        );
        assert_eq!(
            wait("retry-after", "Wed, 21 Oct 2015 07:27:30 GMT"),
            Some(0)
        );
        assert_eq!(wait("retry-after", "1e300"), Some(MAX_MS));
        let nonsense = [
            "-3", "-0.0", "NaN", "nan", "inf", "+inf", "-inf", "infinity", "Infinity", "1e999",
            "soon", "", " ", ",", "20,", "0x14",
        ];
        for nonsense in nonsense {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
            assert_eq!(wait("retry-after-ms", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn times_since_1970_are_dates() {
        for name in ["retry-after", "retry-after-ms"] {
            for (value, expected) in [
                ("1445412510", 30_000),
                ("1445412480.25", 250),
                ("1445412510000", 30_000),
                ("1445412509999.5", 30_000),
                // Passed.
                ("1445412400", 0),
                ("1000000000", 0),
                ("1000000000000", 0),
                // Longer than any accepted wait.
                ("1446000000", MAX_MS),
                ("1446000000000", MAX_MS),
                ("999999999999", MAX_MS),
            ] {
                assert_eq!(wait(name, value), Some(expected), "{name}: {value}");
            }
        }
        assert_eq!(wait("retry-after", "86399"), Some(MAX_MS - 1_000));
        for long in ["86400", "86401", "604800", "999999999"] {
            assert_eq!(wait("retry-after", long), Some(MAX_MS), "{long}");
        }
    }

    #[test]
    fn a_wait_may_have_its_unit() {
        for (value, expected) in [
            ("20s", 20_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("2 minutes", 120_000),
        ] {
            assert_eq!(wait("retry-after", value), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_as_if_absent() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after-ms", "inf".parse().unwrap());
        headers.insert("retry-after", "2".parse().unwrap());
        assert_eq!(read(&headers, Timestamp(0)), Some(2_000));
        headers.insert("retry-after", "-1".parse().unwrap());
        let words = "Please try again in 644ms.";
        assert_eq!(of_throttling(&headers, words, Timestamp(0)), Some(644));
    }

    #[test]
    fn words_count_where_headers_are_silent() {
        let mut headers = HeaderMap::new();
        let of = |headers: &HeaderMap, text: &str| of_throttling(headers, text, Timestamp(0));
        for (words, expected) in [
            ("Please retry after 3 seconds. Please go here", Some(3_000)),
            ("Please retry after 86400 seconds.", Some(MAX_MS)),
            ("Please try again in 9m38.016s. Need more", Some(578_016)),
            ("Please try again in 644ms.", Some(644)),
            ("Please retry in 37.4s.", Some(37_400)),
            ("try again in 1 minute", Some(60_000)),
            ("try again in 99999999999999999999999h", Some(MAX_MS)),
            ("try again in 5", None),
            ("try again in 5 bananas", None),
            ("try again in 1.2.3s", None),
            ("try again in 1700000000 seconds", Some(MAX_MS)),
            ("try again in a while", None),
            ("slow down", None),
        ] {
            assert_eq!(of(&headers, words), expected, "{words}");
        }
        headers.insert("retry-after", "2".parse().unwrap());
        assert_eq!(of(&headers, "Please retry after 3 seconds"), Some(2_000));
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "2".parse().unwrap());
        headers.insert("retry-after-ms", "1500".parse().unwrap());
        assert_eq!(read(&headers, Timestamp(0)), Some(1500));
    }
}
