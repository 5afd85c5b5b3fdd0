//! What the core costs as a gateway grows: requests beside many channels, models, client keys and rows of the log, and the
//! work of an admin with many client keys. Owns the order of the measurements and the tables. Everything is in memory and
//! in this process, so that a figure is the core's alone.

mod gateways;

use std::error::Error;
use std::time::{Duration, Instant};

use gateways::Grown;

/// Requests of one measurement.
const REQUESTS: usize = 400;
/// Client keys of the admin's table.
const KEYS: usize = 100_000;

/// Measures, and prints two tables in Markdown. `is_quick`: fewer rounds and a shorter log.
///
/// # Errors
/// A gateway did not answer as expected.
pub fn run(is_quick: bool) -> Result<(), Box<dyn Error>> {
    let (rounds, rows) = if is_quick {
        (5, 100_000)
    } else {
        (15, 1_000_000)
    };
    let cases = [
        ("1 channel, 1 client key", Grown::with_channels(1, 1)?),
        ("1,000 channels", Grown::with_channels(1_000, 1)?),
        ("10,000 models", Grown::with_channels(2, 5_000)?),
        ("100,000 client keys", Grown::with_keys(KEYS)?),
        ("rows of the log", Grown::with_rows(rows)?),
    ];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    for round in 0..rounds {
        for turn in 0..cases.len() {
            let place = (turn + round) % cases.len();
            let (Some((_, grown)), Some(times)) = (cases.get(place), times.get_mut(place)) else {
                continue;
            };
            let began = Instant::now();
            for _ in 0..REQUESTS {
                grown.request()?;
            }
            times.push(began.elapsed());
        }
    }
    println!("| gateway | µs per request | of the first |\n|---|--:|--:|");
    let mut first = None;
    for ((name, _), times) in cases.iter().zip(&mut times) {
        let one = per_request(times);
        let first = *first.get_or_insert(one);
        let name = match *name {
            "rows of the log" => format!("{rows} rows of the log"),
            name => name.to_owned(),
        };
        println!("| {name} | {one:.1} | {:.0} % |", one / first * 100.0);
    }
    println!("\n| with {KEYS} client keys | ms |\n|---|--:|");
    let [.., (_, keys), _] = &cases;
    for (name, work) in Grown::admin_work() {
        let began = Instant::now();
        work(keys)?;
        println!("| {name} | {:.1} |", began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// The median, in microseconds.
fn per_request(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    median.as_secs_f64() * 1e6 / f64::from(u32::try_from(REQUESTS).unwrap_or(u32::MAX))
}
