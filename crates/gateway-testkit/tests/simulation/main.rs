//! Days of a gateway in virtual time: upstreams fail, throttle and recover at random, and the gateway's guarantees to
//! its clients and upstreams are checked on the record of every day.
//!
//! `SIM_SEEDS` says how many days (by default so many that the test takes seconds), `SIM_FIRST` where they begin:
//! `SIM_SEEDS=3000 cargo test --release -p gateway-testkit --test simulation -- --nocapture`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, also in its helpers"
)]

mod check;
mod history;
mod run;
mod timeline;
mod upstreams;
mod world;

use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use check::Figures;
use history::History;
use world::World;

/// Days of an ordinary run: some seconds; without optimisation a day takes eight times as long.
const SEEDS: u64 = if cfg!(debug_assertions) { 20 } else { 300 };

/// More broken days than these say nothing new.
const MAX_BROKEN: usize = 20;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

/// A day and its verdict, or the story of what went wrong.
fn live(seed: u64) -> Result<Figures, String> {
    let world = Rc::new(World::draw(seed));
    let again = format!(
        "again with: SIM_FIRST={seed} SIM_SEEDS=1 cargo test -p gateway-testkit --test simulation"
    );
    let history = run::run(&world).map_err(|stuck| format!("seed {seed}: {stuck}\n{again}"))?;
    check::check(&world, &history).map_err(|violation| {
        let story = history::tell(&world, &history, violation.at);
        format!(
            "seed {seed}, {} ms: {:?}: {}\n{again}\n{story}",
            violation.at, violation.rule, violation.text
        )
    })
}

#[test]
fn no_day_breaks_a_promise() {
    let first = setting("SIM_FIRST", 0);
    let end = first + setting("SIM_SEEDS", SEEDS);
    let next = AtomicU64::new(first);
    let outcomes = Mutex::new((Figures::default(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || outcomes.lock().unwrap().1.len() > MAX_BROKEN {
                        return;
                    }
                    let outcome = live(seed);
                    let mut outcomes = outcomes.lock().unwrap();
                    match outcome {
                        Ok(figures) => outcomes.0 += figures,
                        Err(story) => outcomes.1.push((seed, story)),
                    }
                }
            });
        }
    });
    let (figures, mut broken) = outcomes.into_inner().unwrap();
    broken.sort();
    println!("{} days: {figures:?}", end - first);
    let heads: Vec<_> = broken
        .iter()
        .filter_map(|(_, story)| story.lines().next())
        .collect();
    assert!(broken.is_empty(), "{}\n\n{}", heads.join("\n"), broken[0].1);
    let has_trouble = figures.failed_calls > 0 && figures.probes > 0 && figures.last_resorts > 0;
    assert!(
        end - first < 20 || has_trouble,
        "days on which nothing happens prove nothing: {figures:?}"
    );
}

#[test]
fn a_seed_gives_the_same_day_again() {
    for seed in [0, 1, 2] {
        let day = || -> History {
            let world = Rc::new(World::draw(seed));
            run::run(&world).unwrap()
        };
        let (one, other) = (day(), day());
        assert_eq!(format!("{:?}", one.calls), format!("{:?}", other.calls));
        assert_eq!(one.health_writes, other.health_writes);
    }
}
