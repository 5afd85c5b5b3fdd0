//! Self-hosted upstreams: each works on a few requests at once, and the others wait in a queue. Owns the queue.

use gateway_testkit::sim::Chance;

/// One upstream.
#[derive(Clone, Debug)]
pub struct Server {
    /// When each of its slots is free again, in milliseconds.
    slots: Vec<u64>,
    /// The mean time for which a request takes a slot.
    mean_ms: u64,
    /// Requests in a hundred that it rejects at once.
    pub failing_percent: u64,
}

impl Server {
    pub fn new(slots: usize, mean_ms: u64, failing_percent: u64) -> Self {
        Self {
            slots: vec![0; slots],
            mean_ms,
            failing_percent,
        }
    }

    /// How long a request that arrives `now` waits for its answer.
    pub fn take(&mut self, now: u64, chance: &Chance) -> u64 {
        let took_ms = self.mean_ms / 2 + chance.waiting(self.mean_ms / 2);
        let slot = self.slots.iter_mut().min().unwrap();
        *slot = now.max(*slot) + took_ms;
        *slot - now
    }
}

/// When requests arrive within `seconds`, in milliseconds: so many per second by chance, and every ten seconds `burst` more.
pub fn arrivals(per_second: u64, burst: u64, seconds: u64, chance: &Chance) -> Vec<u64> {
    let mut times = Vec::new();
    let mut now = 0;
    loop {
        now += chance.waiting(1_000 / per_second);
        if now >= seconds * 1_000 {
            break;
        }
        times.push(now);
    }
    for start in (5_000..seconds * 1_000).step_by(10_000) {
        times.extend((0..burst).map(|_| start));
    }
    times.sort_unstable();
    times
}
