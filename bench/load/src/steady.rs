//! What a server costs its users while it is not saturated: latency under an open loop, many streams at once, memory, and
//! how long a start takes. Owns the order of these measurements and their table.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use crate::load::{milliseconds, quantile};
use crate::servers::{Stage, Target};
use crate::{memory, open_loop, streams};

/// Numbers of streams at once.
const AT_ONCE: [usize; 2] = [100, 200];
/// Streams that are open while memory is looked at.
const HELD: u16 = 1_000;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds in which each server has its turn.
    pub rounds: usize,
    /// The length of an open loop.
    pub open_loop: Duration,
    /// Streams in a row on each connection.
    pub streams: usize,
    /// Starts of each host.
    pub starts: usize,
}

/// Everything that was measured of one server.
#[derive(Debug, Default)]
struct Row {
    name: &'static str,
    latencies: Vec<Duration>,
    streams: [streams::Figures; AT_ONCE.len()],
    idle_kb: u32,
    before_kb: u32,
    held_kb: u32,
    starts: Vec<Duration>,
}

/// What servers take before the first request.
pub fn idle(targets: &[&Target]) -> Result<Vec<u32>> {
    targets
        .iter()
        .map(|target| memory::kilobytes(target.pid))
        .collect()
}

/// Measures all servers and returns the Markdown table. `idle` is what they took before the first request.
pub async fn measure(stage: &Stage, idle: &[u32], plan: Plan) -> Result<String> {
    let targets = stage.targets();
    let mut rows: Vec<Row> = targets
        .iter()
        .zip(idle)
        .map(|(target, idle)| Row {
            name: target.name,
            idle_kb: *idle,
            ..Row::default()
        })
        .collect();
    for round in 0..plan.rounds {
        for turn in 0..targets.len() {
            // A different one first each time.
            let index = (turn + round) % targets.len();
            let (target, row) = (targets[index], &mut rows[index]);
            eprintln!(
                "steady load, round {} of {}: {}",
                round + 1,
                plan.rounds,
                target.name
            );
            row.latencies
                .extend(open_loop::measure(target, plan.open_loop).await?);
            for (at_once, figures) in AT_ONCE.into_iter().zip(&mut row.streams) {
                let more = streams::measure(target, at_once, plan.streams).await?;
                figures.first.extend(more.first);
                figures.late.extend(more.late);
            }
        }
    }
    for (target, row) in targets.iter().zip(&mut rows) {
        eprintln!("{HELD} open streams: {}", target.name);
        row.before_kb = memory::kilobytes(target.pid)?;
        let held = streams::hold(target, HELD.into()).await?;
        row.held_kb = memory::kilobytes(target.pid)?;
        drop(held);
    }
    for (index, row) in rows.iter_mut().enumerate() {
        for _ in 0..plan.starts {
            row.starts.extend(stage.start_again(index)?);
        }
    }
    Ok(render(&rows))
}

/// The first row is the upstream itself: what is added is the difference to it.
fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "| server | {0}/s: p50 ms | p99 ms | added p50 | added p99 | {1} streams: first token added p50 | p99 | piece added p99 \
         | {2} streams: first token added p50 | p99 | piece added p99 | memory idle MB | {HELD} streams MB | per stream KB | start ms |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        open_loop::PER_SECOND,
        AT_ONCE[0],
        AT_ONCE[1],
    );
    let figures: Vec<Vec<f64>> = rows.iter().map(times).collect();
    let Some(direct) = figures.first() else {
        return text;
    };
    for (row, its) in rows.iter().zip(&figures) {
        let added = |index: usize| its[index] - direct[index];
        let _ = write!(text, "| {} | {:.2} | {:.2} |", row.name, its[0], its[1]);
        for index in 0..its.len() {
            let _ = write!(text, " {:.2} |", added(index));
        }
        let _ = write!(
            text,
            " {:.1} | {:.1} | {:.1} |",
            megabytes(row.idle_kb),
            megabytes(row.held_kb),
            (f64::from(row.held_kb) - f64::from(row.before_kb)) / f64::from(HELD),
        );
        let mut starts = row.starts.clone();
        starts.sort_unstable();
        let start = (!starts.is_empty()).then(|| milliseconds(quantile(&starts, 50)));
        let start = start.map_or_else(String::new, |start| format!("{start:.0}"));
        let _ = writeln!(text, " {start} |");
    }
    text
}

/// Latency p50 and p99; then for each number of streams first token p50 and p99, and pieces p99.
fn times(row: &Row) -> Vec<f64> {
    let of = |values: &[Duration], percent| {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        milliseconds(quantile(&sorted, percent))
    };
    let mut times = vec![of(&row.latencies, 50), of(&row.latencies, 99)];
    for figures in &row.streams {
        times.push(of(&figures.first, 50));
        times.push(of(&figures.first, 99));
        times.push(of(&figures.late, 99));
    }
    times
}

fn megabytes(kilobytes: u32) -> f64 {
    f64::from(kilobytes) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, milliseconds: u64, held_kb: u32) -> Row {
        let all = |add| vec![Duration::from_millis(milliseconds + add)];
        let figures = || streams::Figures {
            first: all(1),
            late: all(2),
        };
        Row {
            name,
            latencies: all(0),
            streams: [figures(), figures()],
            idle_kb: 2_048,
            before_kb: 4_096,
            held_kb,
            starts: vec![Duration::from_millis(9), Duration::from_millis(7)],
        }
    }

    #[test]
    fn what_is_added_is_the_difference_to_the_first_server() {
        let text = render(&[row("direct", 1, 4_096), row("gateway", 4, 24_576)]);
        let expected = "| gateway | 4.00 | 4.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 3.00 | 2.0 | 24.0 | 20.5 | 7 |";
        assert!(text.lines().any(|line| line == expected), "{text}");
        let columns = |line: &str| line.matches('|').count();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(columns(lines[0]), columns(lines[2]));
        assert_eq!(columns(lines[0]), columns(lines[1]));
    }
}
