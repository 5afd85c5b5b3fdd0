//! Micro-benchmarks of the core: the parts of a request's path that decide what it costs. Owns the cases and their inputs;
//! `benches/times.rs` measures their time, `src/bin/instructions.rs` runs one for a count of its instructions.
//!
//! Nothing here is left to chance: random numbers are seeded, and no case reads a clock.
#![forbid(unsafe_code)]

mod cases;
mod inputs;

use std::fmt;

pub use cases::CASES;

/// What is measured: `prepare` makes its inputs and returns one run of it.
#[derive(Clone, Copy)]
pub struct Case {
    /// How the baseline and the command line name it.
    pub name: &'static str,
    /// Makes the inputs. What it returns can be run many times, always with the same work.
    pub prepare: fn() -> Run,
}

/// One run of a case.
pub type Run = Box<dyn FnMut()>;

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CASES;

    #[test]
    fn every_case_has_a_name_and_runs_more_than_once() {
        let names: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        for case in CASES {
            let mut run = (case.prepare)();
            run();
            run();
        }
    }
}
