//! How limits are reported: OpenAI's `x-ratelimit-*` headers and the message of a rejection. Owns the spellings, no decision.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::usage::{LimitStatus, Measure};
use crate::time_text;
use crate::units::Timestamp;

/// The names for the limit, what is left and when it is whole again.
type HeaderNames = [HeaderName; 3];

static REQUESTS: HeaderNames = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static TOKENS: HeaderNames = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// The `x-ratelimit-*` headers of an answer.
pub type RateLimitHeaders = Vec<(HeaderName, HeaderValue)>;

/// The headers for a key with these limits. Of two limits of tokens the one with less left is reported.
pub fn headers(statuses: &[LimitStatus], now: Timestamp) -> RateLimitHeaders {
    let requests = statuses
        .iter()
        .find(|status| status.measure == Measure::RequestsPerMinute);
    let tokens = statuses
        .iter()
        .filter(|status| {
            matches!(
                status.measure,
                Measure::TokensPerMinute | Measure::TokensPerDay
            )
        })
        .min_by_key(|status| status.remaining());
    let mut headers = Vec::with_capacity(6);
    for (names, status) in [(&REQUESTS, requests), (&TOKENS, tokens)] {
        let Some(status) = status else { continue };
        let [limit, remaining, reset] = names;
        headers.push((limit.clone(), HeaderValue::from(status.limit)));
        headers.push((remaining.clone(), HeaderValue::from(status.remaining())));
        let reset_in = duration(status.resets_at.since_ms(now));
        if let Ok(value) = HeaderValue::try_from(reset_in) {
            headers.push((reset.clone(), value));
        }
    }
    headers
}

/// Replaces all headers about rate limits by the gateway's own. An upstream's would be about the gateway's account there.
pub fn replace(headers: &mut HeaderMap, own: RateLimitHeaders) {
    let foreign: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-")
        })
        .cloned()
        .collect();
    for name in foreign {
        headers.remove(name);
    }
    headers.extend(own);
}

/// The message of a rejection: the limit, its size and when to try again.
pub fn message(exceeded: &LimitStatus, now: Timestamp) -> String {
    let limit = match exceeded.measure {
        Measure::RequestsPerMinute => format!("limit of {} requests per minute", exceeded.limit),
        Measure::TokensPerMinute => format!("limit of {} tokens per minute", exceeded.limit),
        Measure::TokensPerDay => format!("limit of {} tokens per day (UTC)", exceeded.limit),
        Measure::DailyBudget => format!("budget of {} per day (UTC)", dollars(exceeded.limit)),
        Measure::MonthlyBudget => {
            format!("budget of {} per month (UTC)", dollars(exceeded.limit))
        }
    };
    let amount = |amount: u64| match exceeded.measure {
        Measure::DailyBudget | Measure::MonthlyBudget => dollars(amount),
        _ => amount.to_string(),
    };
    let used = amount(exceeded.used);
    let reserved = match exceeded.reserved {
        0 => String::new(),
        reserved => format!(", {} reserved for requests in progress", amount(reserved)),
    };
    format!(
        "This key's {limit} is used up ({used} used{reserved}). Try again in {}, at {}.",
        duration(exceeded.free_at.since_ms(now)),
        time_text::format(exceeded.free_at)
    )
}

/// The `type` of a rejection's error: OpenAI's words for what there is too much of.
pub const fn kind(measure: Measure) -> &'static str {
    match measure {
        Measure::RequestsPerMinute => "requests",
        Measure::TokensPerMinute | Measure::TokensPerDay => "tokens",
        Measure::DailyBudget | Measure::MonthlyBudget => "insufficient_quota",
    }
}

/// Whole seconds after which a request is admitted again, rounded up; at least 1.
pub fn retry_after_s(exceeded: &LimitStatus, now: Timestamp) -> u64 {
    exceeded.free_at.since_ms(now).div_ceil(1000).max(1)
}

/// A duration as OpenAI spells it (which is Go's spelling): `20ms`, `7.66s`, `1m30s`, `24h0m0s`.
pub fn duration(milliseconds: u64) -> String {
    if (1..1000).contains(&milliseconds) {
        return format!("{milliseconds}ms");
    }
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let fraction = if rest == 0 {
        String::new()
    } else {
        format!(".{rest:03}").trim_end_matches('0').to_owned()
    };
    let seconds = seconds % 60;
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

/// An amount of money with at least two decimals: `$5.00`, `$0.000125`.
fn dollars(micro_usd: u64) -> String {
    let (whole, rest) = (micro_usd / 1_000_000, micro_usd % 1_000_000);
    let digits = format!("{rest:06}");
    let (cents, more) = digits.split_at(2);
    format!("${whole}.{cents}{}", more.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_305_600_000);

    fn status(measure: Measure, limit: u64, used: u64, wait_ms: u64) -> LimitStatus {
        LimitStatus {
            measure,
            limit,
            used,
            reserved: 0,
            free_at: NOW.plus_ms(wait_ms),
            resets_at: NOW.plus_ms(2 * wait_ms),
        }
    }

    #[test]
    fn durations_are_spelled_as_openai_spells_them() {
        for (milliseconds, text) in [
            (0, "0s"),
            (20, "20ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (7_660, "7.66s"),
            (59_999, "59.999s"),
            (60_000, "1m0s"),
            (90_000, "1m30s"),
            (90_001, "1m30.001s"),
            (360_000, "6m0s"),
            (3_600_000, "1h0m0s"),
            (86_400_000, "24h0m0s"),
            (2_678_399_500, "743h59m59.5s"),
        ] {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn money_has_no_more_decimals_than_it_needs_and_at_least_two() {
        for (micro_usd, text) in [
            (0, "$0.00"),
            (1, "$0.000001"),
            (125_000, "$0.125"),
            (5_000_000, "$5.00"),
            (12_340_000, "$12.34"),
            (1_000_000_000_000_000, "$1000000000.00"),
        ] {
            assert_eq!(dollars(micro_usd), text);
        }
    }

    #[test]
    fn a_rejection_names_the_limit_its_size_and_when_it_ends() {
        for (measure, limit, used, text) in [
            (
                Measure::RequestsPerMinute,
                37,
                37,
                "limit of 37 requests per minute is used up (37 used)",
            ),
            (
                Measure::TokensPerMinute,
                10,
                30,
                "limit of 10 tokens per minute is used up (30 used)",
            ),
            (
                Measure::TokensPerDay,
                10,
                10,
                "limit of 10 tokens per day (UTC) is used up (10 used)",
            ),
            (
                Measure::DailyBudget,
                5_000_000,
                5_250_000,
                "budget of $5.00 per day (UTC) is used up ($5.25 used)",
            ),
            (
                Measure::MonthlyBudget,
                1,
                1,
                "budget of $0.000001 per month (UTC) is used up ($0.000001 used)",
            ),
        ] {
            let text_of_rejection = message(&status(measure, limit, used, 90_001), NOW);
            let end = ". Try again in 1m30.001s, at 2026-11-22T00:01:30.001Z.";
            assert_eq!(text_of_rejection, format!("This key's {text}{end}"));
        }
        let mut in_progress = status(Measure::DailyBudget, 5_000_000, 1_000_000, 5_000);
        in_progress.reserved = 4_500_000;
        let text = "budget of $5.00 per day (UTC) is used up ($1.00 used, $4.50 reserved for requests in progress). Try again in 5s";
        assert!(message(&in_progress, NOW).contains(text));
        let seconds = |wait_ms| retry_after_s(&status(Measure::TokensPerDay, 1, 1, wait_ms), NOW);
        assert_eq!([0, 1, 1_000, 1_001].map(seconds), [1, 1, 1, 2]);
    }

    #[test]
    fn headers_report_what_is_left() {
        let reported = |statuses: &[LimitStatus]| -> Vec<String> {
            let headers = headers(statuses, NOW);
            let text = |(name, value): &(HeaderName, HeaderValue)| {
                let name = name.as_str().trim_start_matches("x-ratelimit-");
                format!("{name} {}", value.to_str().unwrap())
            };
            headers.iter().map(text).collect()
        };
        let requests = status(Measure::RequestsPerMinute, 37, 7, 0);
        let minute = status(Measure::TokensPerMinute, 1_000, 1_300, 45_000);
        let day = status(Measure::TokensPerDay, 9_000, 8_999, 500);
        let budget = status(Measure::DailyBudget, 1, 1, 500);
        let mut in_progress = status(Measure::TokensPerDay, 9_000, 8_000, 500);
        in_progress.reserved = 600;
        assert_eq!(
            reported(&[in_progress])[..2],
            ["limit-tokens 9000", "remaining-tokens 400"]
        );
        assert_eq!(
            reported(&[requests, minute, day, budget]),
            [
                "limit-requests 37",
                "remaining-requests 30",
                "reset-requests 0s",
                "limit-tokens 1000",
                "remaining-tokens 0",
                "reset-tokens 1m30s",
            ]
        );
        let minute = status(Measure::TokensPerMinute, 1_000, 0, 0);
        assert_eq!(
            reported(&[minute, day])[..2],
            ["limit-tokens 9000", "remaining-tokens 1"]
        );
        assert!(reported(&[budget]).is_empty());
    }

    #[test]
    fn an_upstreams_headers_about_limits_are_replaced() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-ratelimit-limit-requests",
            "anthropic-ratelimit-tokens-limit",
            "x-request-id",
        ] {
            headers.insert(name, HeaderValue::from_static("theirs"));
        }
        let own = HeaderName::from_static("x-ratelimit-limit-tokens");
        replace(&mut headers, vec![(own.clone(), HeaderValue::from(5))]);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["x-ratelimit-limit-tokens", "x-request-id"]);
        assert_eq!(headers[own], "5");
    }

    #[test]
    fn an_error_has_openais_type_for_what_is_limited() {
        for (measure, text) in [
            (Measure::RequestsPerMinute, "requests"),
            (Measure::TokensPerMinute, "tokens"),
            (Measure::TokensPerDay, "tokens"),
            (Measure::DailyBudget, "insufficient_quota"),
            (Measure::MonthlyBudget, "insufficient_quota"),
        ] {
            assert_eq!(kind(measure), text);
        }
    }
}
