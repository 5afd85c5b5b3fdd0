//! Waiting times with four upstreams of which one is slow or fails: by turns, by weight, and by load.
//!
//! `cargo test -p gateway-testkit --test balance figures -- --nocapture` prints the table of `docs/operate/failover.md`.

use std::cell::RefCell;
use std::rc::Rc;

use gateway_core::route::Balance;
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::START;
use gateway_testkit::sim::{Chance, SimReply};

use super::servers::{Server, arrivals};
use super::setup::{Asking, channel, good, stage};

const NAMES: [&str; 4] = ["a", "b", "c", "slow"];
const SECONDS: u64 = 120;

/// What is wrong on a day.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    per_second: u64,
    /// Requests that arrive at once every ten seconds.
    burst: u64,
    /// The mean time of the last upstream; the others take 200 ms.
    slow_ms: u64,
    /// Requests in a hundred that the last upstream rejects at once.
    failing_percent: u64,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "one takes 1 s instead of 200 ms",
        per_second: 20,
        burst: 0,
        slow_ms: 1_000,
        failing_percent: 0,
    },
    Scenario {
        name: "the same, overloaded by its share",
        per_second: 40,
        burst: 0,
        slow_ms: 1_000,
        failing_percent: 0,
    },
    Scenario {
        name: "the same, with bursts of 60",
        per_second: 20,
        burst: 60,
        slow_ms: 1_000,
        failing_percent: 0,
    },
    Scenario {
        name: "one rejects 30 % at once",
        per_second: 20,
        burst: 0,
        slow_ms: 200,
        failing_percent: 30,
    },
];

/// The waiting times of a day, and what the last upstream had to do with it.
struct Figures {
    p50: u64,
    p99: u64,
    /// Requests in a hundred that reached the last upstream first.
    share: u64,
}

impl Figures {
    fn of(mut waits: Vec<u64>, last: usize, calls: usize) -> Self {
        waits.sort_unstable();
        let at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
        Self {
            p50: at(50),
            p99: at(99),
            share: u64::try_from(last * 100 / calls).unwrap(),
        }
    }
}

impl Scenario {
    fn servers(self) -> Vec<Server> {
        let server = |name: &&str| match *name {
            "slow" => Server::new(8, self.slow_ms, self.failing_percent),
            _ => Server::new(8, 200, 0),
        };
        NAMES.iter().map(server).collect()
    }

    fn arrivals(self) -> Vec<u64> {
        arrivals(self.per_second, self.burst, SECONDS, &Chance::seeded(7))
    }

    /// One after the other, without a gateway. A request that fails goes to the next.
    fn by_turns(self) -> Figures {
        let (mut servers, chance) = (self.servers(), Chance::seeded(8));
        let mut next = 0;
        let mut last = 0;
        let arrivals = self.arrivals();
        let waits = arrivals.iter().map(|now| {
            loop {
                let place = next % servers.len();
                next += 1;
                last += usize::from(place == 3);
                if !chance.percent(servers[place].failing_percent) {
                    return servers[place].take(*now, &chance);
                }
            }
        });
        let waits: Vec<u64> = waits.collect();
        Figures::of(waits, last, next)
    }

    fn by_gateway(self, instances: usize, balance: Balance) -> Figures {
        let stage = stage(instances, NAMES.map(channel).to_vec(), balance);
        let (servers, chance) = (RefCell::new(self.servers()), Chance::seeded(8));
        stage.sim.upstream().script(move |call| {
            let place = NAMES.iter().position(|name| *name == call.host()).unwrap();
            let server = &mut servers.borrow_mut()[place];
            if chance.percent(server.failing_percent) {
                return SimReply::json(500, r#"{"error":{"message":"no"}}"#).thinking(2);
            }
            good(server.take(call.began.since_ms(START), &chance))
        });
        let executor = stage.sim.executor().clone();
        let stage = Rc::new(stage);
        let arrivals = self.arrivals();
        let waits = executor.block_on({
            let (stage, executor) = (Rc::clone(&stage), executor.clone());
            async move {
                let mut tasks = Vec::new();
                for (number, at) in arrivals.into_iter().enumerate() {
                    executor.sleep_until(Timestamp(START.0 + at)).await;
                    tasks.push(stage.start(number % stage.instances.len(), Asking::default()));
                }
                let mut waits = Vec::new();
                for task in tasks {
                    let answer = task.await.unwrap();
                    assert_eq!(answer.status, 200);
                    waits.push(answer.after_ms);
                }
                waits
            }
        });
        let hosts = stage.hosts();
        let last = hosts.iter().filter(|host| *host == "slow").count();
        Figures::of(waits, last, hosts.len())
    }
}

#[test]
fn figures_of_a_slow_and_of_a_failing_upstream() {
    println!("| upstream | rule | p50 | p99 | its part of the calls |\n|---|---|---|---|---|");
    for scenario in SCENARIOS {
        let row = |rule: &str, figures: &Figures| {
            let Figures { p50, p99, share } = figures;
            println!(
                "| {} | {rule} | {p50} ms | {p99} ms | {share} % |",
                scenario.name
            );
        };
        row("by turns", &scenario.by_turns());
        let weight = scenario.by_gateway(1, Balance::Weight);
        row("`weight`", &weight);
        for instances in [1, 4] {
            let load = scenario.by_gateway(instances, Balance::LeastBusy);
            let rule = match instances {
                1 => "`least_busy`".to_owned(),
                more => format!("`least_busy`, {more} instances"),
            };
            row(&rule, &load);
            assert!(
                load.share > 0,
                "{}: it is tried from time to time",
                scenario.name
            );
            assert!(
                load.share * 2 < weight.share,
                "{}: {}",
                scenario.name,
                load.share
            );
            assert!(
                load.p50 <= weight.p50 + 5,
                "{}: p50 {}",
                scenario.name,
                load.p50
            );
            if scenario.failing_percent == 0 {
                assert!(
                    load.p99 * 3 < weight.p99 * 2,
                    "{}: p99 {}",
                    scenario.name,
                    load.p99
                );
            }
        }
    }
}

#[test]
fn equal_upstreams_get_equal_parts() {
    let scenario = Scenario {
        slow_ms: 200,
        ..SCENARIOS[0]
    };
    let share = scenario.by_gateway(1, Balance::LeastBusy).share;
    assert!((20..30).contains(&share), "{share}");
}

#[test]
fn under_load_weights_are_capacities() {
    let mut channels = NAMES.map(channel).to_vec();
    channels[3].weight = 3;
    let stage = stage(1, channels, Balance::LeastBusy);
    stage.sim.upstream().script(|_| good(10_000));
    for _ in 0..120 {
        drop(stage.start(0, Asking::default()));
        stage.wait_ms(1);
    }
    let hosts = stage.hosts();
    let heavy = hosts.iter().filter(|host| *host == "slow").count();
    assert!((50..75).contains(&heavy), "about half of 120: {heavy}");
    stage.wait_ms(20_000);
}
