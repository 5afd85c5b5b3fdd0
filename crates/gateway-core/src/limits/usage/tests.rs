//! What is admitted, by the rules alone: bounds over any minute, fairness, and what time does to the counts.

use proptest::prelude::*;

use super::*;

const NOON: Timestamp = Timestamp(1_795_348_800_000);

const fn per_minute(limit: u64) -> KeyLimits {
    KeyLimits {
        requests_per_minute: Some(limit),
        tokens_per_minute: None,
        tokens_per_day: None,
        daily_budget_micro_usd: None,
        monthly_budget_micro_usd: None,
    }
}

/// A key that makes requests.
struct Client {
    limits: KeyLimits,
    usage: LimitUsage,
    /// When requests were admitted.
    passed: Vec<u64>,
}

impl Client {
    fn new(limit: u64) -> Self {
        Self {
            limits: per_minute(limit),
            usage: LimitUsage::default(),
            passed: Vec::new(),
        }
    }

    fn ask(&mut self, at_ms: u64) -> bool {
        let now = NOON.plus_ms(at_ms);
        self.usage = self.usage.at(now);
        let is_admitted = self.usage.exceeded_limit(&self.limits, now).is_none();
        if is_admitted {
            self.usage.requests.current += 1;
            self.passed.push(at_ms);
        }
        is_admitted
    }

    /// The most that passed within any minute.
    fn most_in_a_minute(&self) -> u64 {
        let count = |begin: &u64| {
            let within = self
                .passed
                .iter()
                .filter(|at| (*begin..*begin + WINDOW_MS).contains(*at));
            u64::try_from(within.count()).unwrap()
        };
        self.passed.iter().map(count).max().unwrap_or(0)
    }
}

#[test]
fn a_burst_gets_exactly_the_limit_and_then_one_place_after_the_other() {
    let mut client = Client::new(6);
    let passed = (0..50).filter(|_| client.ask(0)).count();
    assert_eq!(passed, 6);
    assert!(!client.ask(59_999));
    let status = client.usage.exceeded_limit(&client.limits, NOON).unwrap();
    assert_eq!(status.free_at, NOON.plus_ms(60_000));
    assert_eq!(status.resets_at, NOON.plus_ms(60_000 + 50_000));
    assert!(client.ask(60_000));
    assert!(!client.ask(60_000));
    assert!(!client.ask(69_999));
    assert!(client.ask(70_000));
    // After two minutes of quiet everything is free at once.
    assert_eq!((0..50).filter(|_| client.ask(190_000)).count(), 6);
}

#[test]
fn one_request_a_minute_is_one_a_minute() {
    let mut client = Client::new(1);
    for minute in 0..10 {
        assert!(client.ask(minute * 60_000), "{minute}");
        assert!(!client.ask(minute * 60_000 + 59_999), "{minute}");
    }
}

#[test]
fn days_and_months_begin_anew_and_clocks_may_differ() {
    let limits = KeyLimits {
        tokens_per_day: Some(100),
        daily_budget_micro_usd: Some(100),
        monthly_budget_micro_usd: Some(1_000),
        ..KeyLimits::default()
    };
    let mut used = LimitUsage::fresh(NOON);
    used.day_tokens = 100;
    used.day_cost = 99;
    used.month_cost = 999;
    let exceeded = |used: LimitUsage, now| {
        let status = used.exceeded_limit(&limits, now);
        status.map(|status| (status.measure, status.free_at))
    };
    let (day_end, month_end) = (calendar::day_end(used.day), calendar::month_end(used.month));
    assert_eq!(exceeded(used, NOON), Some((Measure::TokensPerDay, day_end)));
    assert_eq!(exceeded(used, day_end), None);
    used.month_cost = 1_000;
    let monthly = Some((Measure::MonthlyBudget, month_end));
    assert_eq!(exceeded(used, NOON), monthly);
    assert_eq!(exceeded(used, day_end), monthly);
    assert_eq!(exceeded(used, month_end), None);
    assert_eq!(used.at(month_end).month_cost, 0);
    // An instance whose clock is behind does not forget the day that has begun elsewhere.
    let next_day = LimitUsage {
        day_tokens: 100,
        ..LimitUsage::fresh(day_end)
    };
    let behind = Timestamp(day_end.0 - 5);
    assert_eq!(next_day.at(behind).day_tokens, 100);
    // But a day that is years ahead was a mistake of the clock.
    let ahead = LimitUsage {
        day_tokens: 100,
        month_cost: 5_000,
        requests: Counts {
            current: 9,
            before: 9,
        },
        ..LimitUsage::fresh(NOON.plus_ms(3 * 365 * crate::units::DAY_MS))
    };
    assert_eq!(ahead.at(NOON), LimitUsage::fresh(NOON));
}

#[test]
fn the_limit_that_lasts_longest_is_reported() {
    let limits = KeyLimits {
        requests_per_minute: Some(5),
        tokens_per_minute: Some(10),
        ..KeyLimits::default()
    };
    let used = LimitUsage {
        requests: Counts {
            current: 5,
            before: 0,
        },
        tokens: Counts {
            current: 30,
            before: 0,
        },
        ..LimitUsage::fresh(NOON)
    };
    let status = used.exceeded_limit(&limits, NOON).unwrap();
    assert_eq!(
        (status.measure, status.limit, status.used),
        (Measure::TokensPerMinute, 10, 30)
    );
    assert_eq!((status.remaining(), status.is_used_up()), (0, true));
    assert!(status.free_at > NOON.plus_ms(WINDOW_MS));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes when: never more than twice the limit in any minute, nor more than the limit per minute and
    /// once more in the long run; and a rejection names the first moment that is free.
    #[test]
    fn never_more_than_the_bounds_say(limit in 1..20_u64, pauses in prop::collection::vec(0..15_000_u64, 1..400)) {
        let mut client = Client::new(limit);
        let mut now = 0;
        for pause in pauses {
            now += pause;
            if !client.ask(now) {
                let at = NOON.plus_ms(now);
                let free_at = client.usage.exceeded_limit(&client.limits, at).unwrap().free_at;
                prop_assert!(client.usage.exceeded_limit(&client.limits, Timestamp(free_at.0 - 1)).is_some());
                prop_assert!(client.usage.exceeded_limit(&client.limits, free_at).is_none());
            }
        }
        prop_assert!(client.most_in_a_minute() <= 2 * limit);
        let minutes = now / WINDOW_MS + 1;
        let passed = u64::try_from(client.passed.len()).unwrap();
        prop_assert!(passed <= limit * (minutes + 1), "{passed} of {limit} in {minutes}");
    }

    /// Requests that are spread as the limit allows always pass, whenever they begin.
    #[test]
    fn an_even_pace_is_never_rejected(limit in 1..600_u64, late in prop::collection::vec(0..50_u64, 200)) {
        let mut client = Client::new(limit);
        let mut now = 0;
        for late in late {
            prop_assert!(client.ask(now), "at {now}");
            now += WINDOW_MS.div_ceil(limit) + late;
        }
    }
}

#[test]
fn nothing_consumed_is_neither_tokens_nor_cost() {
    for (tokens, cost_micro_usd, is_zero) in
        [(0, 0, true), (1, 0, false), (0, 1, false), (1, 1, false)]
    {
        let consumed = Consumed {
            tokens,
            cost_micro_usd,
        };
        assert_eq!(consumed.is_zero(), is_zero, "{consumed:?}");
    }
}

#[test]
fn counts_outlive_the_window_by_one_and_clocks_differ_by_no_more_than_a_minute() {
    let mut usage = LimitUsage::fresh(NOON);
    usage.requests.current = 7;
    let before = |ahead_ms: u64| usage.at(NOON.plus_ms(ahead_ms)).requests.before;
    assert_eq!(before(2 * WINDOW_MS - 1), 7);
    assert_eq!(before(2 * WINDOW_MS), 0);
    let current = |behind_ms: u64| usage.at(Timestamp(NOON.0 - behind_ms)).requests.current;
    assert_eq!(current(WINDOW_MS), 7);
    assert_eq!(current(WINDOW_MS + 1), 0);
}

#[test]
fn a_month_that_another_clock_has_begun_stays() {
    let mut usage = LimitUsage::fresh(NOON);
    usage.month += 1;
    usage.month_cost = 5;
    assert_eq!(usage.at(NOON).month_cost, 5);
    usage.month += 1;
    assert_eq!(usage.at(NOON).month_cost, 0);
}

/// A request of a burst: when it comes, how long it takes, its estimate, and what it uses in percent of that.
type Burst = Vec<(u64, u64, u64, u64)>;

fn burst(most_percent: u64) -> impl Strategy<Value = Burst> {
    let request = (0..4_000_u64, 0..SLOT_MS, 1..200_u64, 0..=most_percent);
    prop::collection::vec(request, 1..200)
}

/// What happened in a burst against limits of tokens.
struct Outcome {
    /// The most that was used of the day.
    day_tokens: u64,
    /// What was used by requests that were admitted in one window of a minute, the most.
    window_tokens: u64,
    /// The largest estimate of a request that was admitted.
    largest: u64,
    /// What requests used beyond their estimates.
    excess: u64,
}

/// Runs it, each request to its end.
fn run(limits: &KeyLimits, requests: &Burst) -> Outcome {
    let mut usage = LimitUsage::fresh(NOON);
    let mut in_progress: Vec<(u64, Settlement)> = Vec::new();
    let mut by_window = std::collections::BTreeMap::<Timestamp, u64>::new();
    let (mut largest, mut excess, mut now_ms) = (0, 0, 0);
    let settle = |usage: &mut LimitUsage, in_progress: &mut Vec<(u64, Settlement)>, until: u64| {
        in_progress.sort_by_key(|(end, _)| *end);
        let ended = in_progress.partition_point(|(end, _)| *end <= until);
        for (end, settlement) in in_progress.drain(..ended) {
            *usage = usage.at(NOON.plus_ms(end)).settled(settlement);
        }
    };
    for (pause, duration, tokens, percent) in requests {
        now_ms += pause;
        settle(&mut usage, &mut in_progress, now_ms);
        let now = NOON.plus_ms(now_ms);
        usage = usage.at(now);
        let amount = |tokens| Consumed {
            tokens,
            cost_micro_usd: 0,
        };
        if usage.exceeded_limit(limits, now).is_some() {
            continue;
        }
        usage = usage.admitted(amount(*tokens));
        let used = tokens * percent / 100;
        let settlement = Settlement {
            reserved: usage.reservation(amount(*tokens)),
            consumed: amount(used),
        };
        in_progress.push((now_ms + duration, settlement));
        *by_window.entry(usage.window).or_default() += used;
        largest = largest.max(*tokens);
        excess += used.saturating_sub(*tokens);
    }
    settle(&mut usage, &mut in_progress, u64::MAX);
    assert_eq!(usage.reserved_tokens.sum(), 0, "everything is given back");
    Outcome {
        day_tokens: usage.day_tokens,
        window_tokens: by_window.into_values().max().unwrap_or(0),
        largest,
        excess,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However many come at once and however long they take: a limit is exceeded by less than one request, and by what
    /// requests use beyond their estimates.
    #[test]
    fn a_burst_exceeds_a_limit_by_less_than_one_request(
        limit in 1..2_000_u64,
        is_daily in any::<bool>(),
        requests in prop_oneof![burst(100), burst(300)],
    ) {
        let limits = KeyLimits {
            tokens_per_minute: Some(limit).filter(|_| !is_daily),
            tokens_per_day: Some(limit).filter(|_| is_daily),
            ..KeyLimits::default()
        };
        let outcome = run(&limits, &requests);
        let used = if is_daily { outcome.day_tokens } else { outcome.window_tokens };
        let most = limit - 1 + outcome.largest + outcome.excess;
        prop_assert!(used <= most, "{used} of {limit}: at most {most}");
    }
}

#[test]
fn a_reservation_counts_for_its_slot_and_the_next_one() {
    let begin = Timestamp(NOON.0 / SLOT_MS * SLOT_MS);
    let amount = Consumed {
        tokens: 7,
        cost_micro_usd: 9,
    };
    let usage = LimitUsage::fresh(begin).admitted(amount);
    let reserved = |ahead_ms: u64| {
        let usage = usage.at(begin.plus_ms(ahead_ms));
        (usage.reserved_tokens.sum(), usage.reserved_cost.sum())
    };
    assert_eq!(reserved(2 * SLOT_MS - 1), (7, 9));
    assert_eq!(reserved(2 * SLOT_MS), (0, 0));
    // A clock that is behind by no more than a slot takes nothing away.
    assert_eq!(
        usage.at(Timestamp(begin.0 - SLOT_MS)).reserved_tokens.sum(),
        7
    );
    assert_eq!(
        usage
            .at(Timestamp(begin.0 - SLOT_MS - 1))
            .reserved_tokens
            .sum(),
        0
    );
    // Settled later, it takes nothing from those of others.
    let late = usage.at(begin.plus_ms(3 * SLOT_MS)).admitted(amount);
    let settlement = Settlement {
        reserved: usage.reservation(amount),
        consumed: Consumed::default(),
    };
    assert_eq!(late.settled(settlement), late);
}

#[test]
fn what_a_request_did_not_use_goes_back_to_its_own_minute() {
    let of = |tokens| Consumed {
        tokens,
        cost_micro_usd: 0,
    };
    let usage = LimitUsage::fresh(NOON).admitted(of(100));
    let tokens = |ahead_ms: u64, used: u64| {
        let settlement = Settlement {
            reserved: usage.reservation(of(100)),
            consumed: of(used),
        };
        let Counts { current, before } =
            usage.at(NOON.plus_ms(ahead_ms)).settled(settlement).tokens;
        (current, before)
    };
    assert_eq!(tokens(0, 30), (30, 0));
    assert_eq!(tokens(0, 130), (130, 0));
    assert_eq!(tokens(WINDOW_MS, 30), (0, 30));
    assert_eq!(tokens(WINDOW_MS, 130), (0, 130));
    assert_eq!(tokens(2 * WINDOW_MS, 30), (0, 0));
    assert_eq!(tokens(2 * WINDOW_MS, 130), (30, 0));
}
