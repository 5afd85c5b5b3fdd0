//! When something is in trouble, and in which. Pure.

use gateway_testkit::sim::Chance;

/// A stretch of trouble. Times are milliseconds since the beginning of the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode<F> {
    pub from: u64,
    /// The first moment at which it is over.
    pub to: u64,
    pub fault: F,
}

/// Episodes that don't overlap, in order.
#[derive(Clone, Debug)]
pub struct Timeline<F>(Vec<Episode<F>>);

impl<F> Timeline<F> {
    pub const fn new(episodes: Vec<Episode<F>>) -> Self {
        Self(episodes)
    }

    /// Draws episodes until `end`: every few hours something happens, and lasts from seconds to the better part of
    /// an hour.
    pub fn draw(
        chance: &Chance,
        end: u64,
        mean_gap_ms: u64,
        mut fault: impl FnMut(&Chance) -> F,
    ) -> Self {
        let mut episodes = Vec::new();
        let mut from = chance.waiting(mean_gap_ms);
        while from < end {
            let to = (from + chance.magnitude(2_000, 50 * 60_000)).min(end);
            episodes.push(Episode {
                from,
                to,
                fault: fault(chance),
            });
            from = to + 1 + chance.waiting(mean_gap_ms);
        }
        Self(episodes)
    }

    /// The trouble at `at`.
    pub fn at(&self, at: u64) -> Option<&Episode<F>> {
        let later = self.0.partition_point(|episode| episode.from <= at);
        let last = self.0.get(later.checked_sub(1)?)?;
        (at < last.to).then_some(last)
    }

    /// Whether there is no trouble from `from` to `to`, both included.
    pub fn is_fine(&self, from: u64, to: u64) -> bool {
        let later = self.0.partition_point(|episode| episode.from <= to);
        later
            .checked_sub(1)
            .and_then(|last| self.0.get(last))
            .is_none_or(|last| last.to <= from)
    }

    pub fn episodes(&self) -> impl Iterator<Item = &Episode<F>> {
        self.0.iter()
    }
}

#[test]
fn a_timeline_knows_its_times() {
    let episode = |from, to| Episode {
        from,
        to,
        fault: (),
    };
    let timeline = Timeline::new(vec![episode(10, 20), episode(50, 60)]);
    let in_trouble = [9, 10, 19, 20, 49, 50, 60].map(|at| timeline.at(at).is_some());
    assert_eq!(in_trouble, [false, true, true, false, false, true, false]);
    let fine = [(0, 9), (0, 10), (20, 49), (19, 30), (20, 50), (60, 99)];
    assert_eq!(
        fine.map(|(from, to)| timeline.is_fine(from, to)),
        [true, false, true, false, false, true]
    );
}
