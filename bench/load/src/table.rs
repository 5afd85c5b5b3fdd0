//! The table: medians over the rounds, and ratios. Owns the Markdown; measures nothing.

use std::fmt::Write as _;
use std::time::Duration;

use crate::load::{Cell, milliseconds};

/// The first server is what all forward to; the last three are the pass-through, the gateway, and it without its ledger.
const DIRECT: usize = 0;

/// Everything that was measured, by server and number of connections.
pub struct Results<const ROWS: usize> {
    names: Vec<&'static str>,
    connections: [usize; ROWS],
    cells: Vec<[Vec<Cell>; ROWS]>,
    first_tokens: Vec<Vec<Duration>>,
    /// With the ledger, and without.
    mixed: [Vec<Cell>; 2],
}

impl<const ROWS: usize> Results<ROWS> {
    /// Nothing measured yet.
    pub fn new(names: Vec<&'static str>, connections: [usize; ROWS]) -> Self {
        let empty = |_| std::array::from_fn(|_| Vec::new());
        Self {
            cells: names.iter().map(empty).collect(),
            first_tokens: names.iter().map(|_| Vec::new()).collect(),
            names,
            connections,
            mixed: [Vec::new(), Vec::new()],
        }
    }

    /// One round's figures of one server at one number of connections.
    pub fn add(&mut self, target: usize, row: usize, cell: Cell) {
        self.cells[target][row].push(cell);
    }

    /// One round's figures of the mixed load, of the gateway (0) or of the one without its ledger (1).
    pub fn add_mixed(&mut self, which: usize, cell: Cell) {
        self.mixed[which].push(cell);
    }

    /// One stream's time to its first byte.
    pub fn add_first_token(&mut self, target: usize, time: Duration) {
        self.first_tokens[target].push(time);
    }

    /// The Markdown table, and the line with the project's target.
    pub fn render(&self) -> String {
        let [pass_through, gateway, without_ledger] =
            [3, 2, 1].map(|from_last| self.names.len() - from_last);
        let mut text = String::from(
            "| connections | server | requests/s | of direct | of pass-through | p50 ms | p99 ms \
             | CPU s per 1,000 | first token, added ms |\n|--:|---|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for (row, connections) in self.connections.iter().enumerate() {
            let rate = |target: usize| self.median(target, row, |cell| cell.per_second);
            for (target, name) in self.names.iter().enumerate() {
                let of = |figure: fn(&Cell) -> f64| self.median(target, row, figure);
                // Streams are measured one at a time, so their time is listed under one connection.
                let added = if *connections == 1 && target != DIRECT {
                    format!("{:.2}", self.first_token(target) - self.first_token(DIRECT))
                } else {
                    String::new()
                };
                text += &[
                    format!("| {connections} | {name} | {:.0} ", rate(target)),
                    format!("| {} ", percent(rate(target), rate(DIRECT))),
                    format!("| {} ", percent(rate(target), rate(pass_through))),
                    format!(
                        "| {:.2} | {:.2} ",
                        of(|cell| cell.p50_ms),
                        of(|cell| cell.p99_ms)
                    ),
                    format!("| {:.3} | {added} |\n", of(|cell| cell.cpu_per_1000)),
                ]
                .concat();
            }
        }
        let ratio = |other: usize, figure: fn(&Cell) -> f64| {
            let ratios = self
                .connections
                .iter()
                .enumerate()
                .map(|(row, connections)| {
                    let of = |target: usize| self.median(target, row, figure);
                    format!("{} at {connections}", percent(of(gateway), of(other)))
                });
            ratios.collect::<Vec<_>>().join(", ")
        };
        let rate = |cell: &Cell| cell.per_second;
        let p50 = |cell: &Cell| cell.p50_ms;
        format!(
            "{text}\ngateway / pass-through, requests per second: {}\n\
             gateway / gateway without ledger, requests per second: {}\n\
             gateway / gateway without ledger, p50: {}\n\n{}",
            ratio(pass_through, rate),
            ratio(without_ledger, rate),
            ratio(without_ledger, p50),
            self.mixed_load(),
        )
    }

    /// The table of the mixed load.
    fn mixed_load(&self) -> String {
        let of = |which: usize, figure: fn(&Cell) -> f64| {
            median(self.mixed[which].iter().map(figure).collect())
        };
        let mut text = String::from(
            "| mixed load | requests/s | p50 of chats, ms | p99 of chats, ms | CPU s per 1,000 |\n|---|--:|--:|--:|--:|\n",
        );
        for (which, name) in ["gateway", "gateway, ledger off"].into_iter().enumerate() {
            let _ = writeln!(
                text,
                "| {name} | {:.0} | {:.2} | {:.2} | {:.3} |",
                of(which, |cell| cell.per_second),
                of(which, |cell| cell.p50_ms),
                of(which, |cell| cell.p99_ms),
                of(which, |cell| cell.cpu_per_1000),
            );
        }
        let ratio = |figure: fn(&Cell) -> f64| percent(of(0, figure), of(1, figure));
        format!(
            "{text}\nmixed load, gateway / gateway without ledger: requests per second {}, p50 of chats {}\n",
            ratio(|cell| cell.per_second),
            ratio(|cell| cell.p50_ms)
        )
    }

    fn median(&self, target: usize, row: usize, figure: fn(&Cell) -> f64) -> f64 {
        median(self.cells[target][row].iter().map(figure).collect())
    }

    fn first_token(&self, target: usize) -> f64 {
        median(
            self.first_tokens[target]
                .iter()
                .copied()
                .map(milliseconds)
                .collect(),
        )
    }
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.0} %", 100.0 * part / whole)
}

/// The middle value, or the mean of the two middle ones; not a number if there is none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(value)) => *value,
        (_, Some(value)) => f64::midpoint(values[middle - 1], *value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(per_second: f64) -> Cell {
        Cell {
            per_second,
            p50_ms: 1.0,
            p99_ms: 2.5,
            cpu_per_1000: 0.125,
        }
    }

    #[test]
    fn the_median_ignores_one_wild_round() {
        assert!((median(vec![900.0, 5.0, 7.0]) - 7.0).abs() < 1e-9);
        assert!((median(vec![4.0, 2.0]) - 3.0).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn the_table_compares_with_direct_with_the_pass_through_and_without_the_ledger() {
        let names = vec!["direct", "nginx", "bare", "gateway", "without ledger"];
        let mut results = Results::new(names, [1]);
        let rates = [4000.0, 3000.0, 2000.0, 1800.0, 1875.0];
        for (target, rate) in rates.into_iter().enumerate() {
            results.add(target, 0, cell(rate));
            results.add_first_token(target, Duration::from_micros(500 * (target as u64 + 1)));
        }
        let text = results.render();
        let gateway = "| 1 | gateway | 1800 | 45 % | 90 % | 1.00 | 2.50 | 0.125 | 1.50 |";
        assert!(text.lines().any(|line| line == gateway), "{text}");
        let direct = "| 1 | direct | 4000 | 100 % | 200 % | 1.00 | 2.50 | 0.125 |  |";
        assert!(text.lines().any(|line| line == direct), "{text}");
        let ratios = "gateway / pass-through, requests per second: 90 % at 1\n\
            gateway / gateway without ledger, requests per second: 96 % at 1\n\
            gateway / gateway without ledger, p50: 100 % at 1\n";
        assert!(text.contains(ratios), "{text}");
    }

    #[test]
    fn the_mixed_load_compares_with_and_without_the_ledger() {
        let mut results = Results::new(vec!["direct", "bare", "gateway", "without ledger"], [1]);
        for (with, without) in [(970.0, 1000.0), (1.0, 1.0), (980.0, 1000.0)] {
            results.add_mixed(0, cell(with));
            results.add_mixed(1, cell(without));
        }
        let text = results.render();
        assert!(
            text.contains("| gateway | 970 | 1.00 | 2.50 | 0.125 |"),
            "{text}"
        );
        let line = "mixed load, gateway / gateway without ledger: requests per second 97 %, p50 of chats 100 %\n";
        assert!(text.ends_with(line), "{text}");
    }
}
