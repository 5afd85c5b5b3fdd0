//! Floods of guesses, in virtual time: what the attacker gets, and how long the owner waits.

use std::collections::HashMap;

use super::table::{Devices, FailureTable, LoginAttempt, MAX_PLACES, Verdict};
use crate::units::Timestamp;

const START: u64 = 1_795_305_600_000;
const HOUR_MS: u64 = 60 * 60_000;
/// The guess that is right; the attackers' are below it.
const OWNERS: u16 = u16::MAX;

/// Deterministic noise.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

fn attempt(address: &str, guess: u16, now: u64) -> LoginAttempt<'_> {
    let name = address.bytes().fold(now / 600_000, |sum, byte| {
        mixed(sum.wrapping_mul(257).wrapping_add(u64::from(byte)))
    });
    LoginAttempt {
        address,
        guess,
        rank: u32::try_from(name >> 32).unwrap(),
    }
}

/// Attackers who never pause.
struct Flood {
    table: FailureTable,
    addresses: Vec<String>,
    /// Different passwords that each address tries.
    guesses: u64,
    /// Milliseconds between two attempts, each from another address.
    pause_ms: u64,
    now: u64,
    made: u64,
    checked: u64,
}

impl Flood {
    fn new(addresses: u64, guesses: u64, pause_ms: u64) -> Self {
        Self {
            table: FailureTable::default(),
            addresses: (0..addresses)
                .map(|number| format!("stranger {number}"))
                .collect(),
            guesses,
            pause_ms,
            now: START,
            made: 0,
            checked: 0,
        }
    }

    fn from(addresses: &[&str], guesses: u64, pause_ms: u64) -> Self {
        Self {
            addresses: addresses.iter().map(|&name| name.to_owned()).collect(),
            ..Self::new(0, guesses, pause_ms)
        }
    }

    fn run_until(&mut self, end: u64) {
        while self.now < end {
            let count = self.addresses.len() as u64;
            let address = &self.addresses[usize::try_from(self.made % count).unwrap()];
            let guess = u16::try_from(self.made / count % self.guesses).unwrap();
            let attempt = attempt(address, guess, self.now);
            if self.table.judge(attempt, Timestamp(self.now)) == Verdict::Check {
                self.checked += 1;
            }
            self.made += 1;
            self.now += self.pause_ms;
        }
    }

    /// Lets a client with the right password come after `lead_ms`, who does what `Retry-After` says. How long until it
    /// is checked; `None` after `most_ms`.
    fn wait_of(&mut self, address: &str, lead_ms: u64, most_ms: u64) -> Option<u64> {
        self.run_until(START + lead_ms);
        let began = self.now;
        while self.now - began <= most_ms {
            match self
                .table
                .judge(attempt(address, OWNERS, self.now), Timestamp(self.now))
            {
                Verdict::Check => return Some(self.now - began),
                Verdict::Appoint { wait_ms } | Verdict::Refuse { wait_ms } => {
                    let next = self.now + wait_ms.div_ceil(1000).max(1) * 1000;
                    self.run_until(next);
                }
            }
        }
        None
    }
}

#[test]
fn the_guesses_of_an_hour_are_bounded_however_many_are_made() {
    for (addresses, guesses, pause_ms, most) in [
        // One address: five, and one every ten seconds.
        (1, 1, 1_000, 365),
        (1, 60_000, 100, 365),
        (4, 60_000, 250, 4 * 365),
        // Any number: a hundred, and one every two seconds.
        (19, 3, 100, 1_900),
        (5_000, 60_000, 250, 1_900),
        (40_000, 1, 250, 1_900),
    ] {
        let mut flood = Flood::new(addresses, guesses, pause_ms);
        flood.run_until(START + HOUR_MS);
        let checked = flood.checked;
        assert!(
            checked <= most,
            "{addresses} addresses: {checked} of {most}"
        );
        assert!(checked > 0);
    }
}

#[test]
fn an_owner_with_an_address_of_their_own_waits_four_seconds_per_attacker_at_most() {
    for (addresses, guesses, pause_ms) in [
        (1, 1, 60_000),
        (1, 60_000, 10),
        (19, 1, 1_000),
        (19, 60_000, 50),
        (100, 60_000, 20),
    ] {
        let mut flood = Flood::new(addresses, guesses, pause_ms);
        let most = 10_000 + 4_000 * addresses;
        for lead_ms in [300_000, 333_333] {
            flood.table.forgive("owner", Timestamp(flood.now));
            let waited = flood.wait_of("owner", lead_ms, 10 * most).unwrap();
            assert!(waited <= most, "{addresses} addresses: {waited} ms");
        }
    }
}

#[test]
fn an_owner_at_the_attackers_own_address_gets_in_too() {
    // The five guesses are used up, and one more a minute, or many a second of a few passwords.
    for (guesses, pause_ms, most) in [
        (60_000, 60_000, 10_000),
        (1, 10, 20_000),
        (5, 10, 70_000),
        (5, 100, 70_000),
    ] {
        let mut flood = Flood::from(&["shared"], guesses, pause_ms);
        flood.run_until(START + 5 * pause_ms.max(1_000));
        let waited = flood.wait_of("shared", 600_000, 1_000_000).unwrap();
        assert!(waited <= most, "{guesses} every {pause_ms} ms: {waited} ms");
    }
    // And while nineteen others attack as well.
    let mut names: Vec<String> = (0..19).map(|number| format!("other {number}")).collect();
    names.push("shared".to_owned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut flood = Flood::from(&names, 1, 20);
    let waited = flood.wait_of("shared", 600_000, 1_000_000).unwrap();
    assert!(waited <= 100_000, "{waited} ms");
}

#[test]
fn more_attackers_than_places_only_stretch_the_wait() {
    // A place is the owner's by chance; on average within 8 s per address.
    let mut waits = Vec::new();
    for number in 0..6 {
        let mut flood = Flood::new(300, 60_000, 50);
        let owner = format!("owner {number}");
        waits.push(flood.wait_of(&owner, 60_000, 12_000_000).unwrap());
    }
    let mean = waits.iter().sum::<u64>() / 6;
    assert!(mean <= 8_000 * 300, "{waits:?}");
}

#[test]
fn an_appointment_is_exact_and_belongs_to_the_password() {
    let mut table = FailureTable::default();
    for guess in 0..5 {
        let verdict = table.judge(attempt("a", guess, START), Timestamp(START));
        assert_eq!(verdict, Verdict::Check);
    }
    let mut at = |guess, now| table.judge(attempt("a", guess, now), Timestamp(START + now));
    assert_eq!(at(OWNERS, 0), Verdict::Appoint { wait_ms: 10_000 });
    assert_eq!(at(7, 0), Verdict::Appoint { wait_ms: 20_000 });
    assert_eq!(at(OWNERS, 1), Verdict::Refuse { wait_ms: 9_999 });
    assert_eq!(at(OWNERS, 9_999), Verdict::Refuse { wait_ms: 1 });
    assert_eq!(at(OWNERS, 10_000), Verdict::Check);
    assert_eq!(at(7, 20_000 + 59_999), Verdict::Check);
}

#[test]
fn the_record_stays_small() {
    let mut flood = Flood::new(20_000, 60_000, 10);
    for minute in 1..=3 {
        flood.run_until(START + minute * 60_000);
        let size = flood.table.bytes().len();
        assert!(size <= MAX_PLACES * 240, "{size} bytes");
    }
    let mut table = FailureTable::parse(Some(&flood.table.bytes()));
    assert_eq!(table, flood.table);
    let later = Timestamp(flood.now + 20 * 60_000);
    assert_eq!(table.judge(attempt("x", 1, later.0), later), Verdict::Check);
    assert!(table.bytes().len() < 200);
}

#[test]
fn devices_have_counts_of_their_own() {
    let mut devices = Devices::default();
    let mut checked = HashMap::new();
    for second in 0..24 * 3_600 {
        let now = Timestamp(START + second * 1000);
        if devices.count("stolen", now) {
            *checked.entry("stolen").or_insert(0) += 1;
        }
        if second % 3600 == 0 && devices.count("own", now) {
            devices.forgive("own");
            *checked.entry("own").or_insert(0) += 1;
        }
    }
    assert_eq!(checked["own"], 24);
    assert!(checked["stolen"] <= 485, "{checked:?}");
    for number in 0..1_000 {
        devices.count(&format!("{number:032}"), Timestamp(START + HOUR_MS));
    }
    assert!(devices.bytes().len() < 16_000);
    assert_eq!(Devices::parse(Some(&devices.bytes())), devices);
}
