//! Rules about what is known at a time, checked in one pass through the day: what cools is skipped, one request probes,
//! what has recovered is used again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CALL_MS, CHANNEL_CAP_MS, KEY_CAP_MS, MODEL_CAP_MS, Rule, SHARED_MS, Violation, broken, is_known,
};
use crate::history::{Call, End, History, Scope};
use crate::world::{CONNECT_MS, Candidate, FIRST_BYTE_MS, SECOND_MS, World};

/// The shortest time for which a probe keeps others away.
const LEASE_MS: u64 = CONNECT_MS + FIRST_BYTE_MS;
/// The longest time until all know how a probe ended, from its beginning.
const PROBE_MS: u64 = LEASE_MS + 2 * SHARED_MS;
/// Failures of one subject that are remembered; more of them say nothing new.
const MAX_FAILURES: usize = 16;

/// What the pass found beside its rules.
pub struct Swept {
    /// Calls that found out whether a channel or key works again.
    pub probes: usize,
    /// For each call: whether one of those it concerned had failed since it last worked.
    pub is_suspect: Vec<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Channel(usize),
    Key(Candidate),
    Model(usize, usize),
}

/// A failure after which its subject must cool.
#[derive(Clone, Copy)]
struct Failure {
    instance: usize,
    at: u64,
    /// The shortest time for which its subject cools.
    cools_ms: u64,
    /// As long after its cooldown, it is forgotten.
    cap_ms: u64,
}

#[derive(Default)]
struct State {
    /// Since the last answer that showed that it works.
    failures: Vec<Failure>,
    /// The end of the last failure of any kind, also of one that the gateway may not have seen.
    last_failure: Option<u64>,
    /// When a call last proved that it works.
    proved: Option<u64>,
    /// Calls under way that will fail.
    failing: usize,
    /// The first whole answer since the last failure has yet to come.
    is_suspect: bool,
    probe: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// An answer began well.
    Proof,
    Begin,
    End,
}

struct Sweep<'a> {
    world: &'a World,
    history: &'a History,
    states: BTreeMap<Subject, State>,
    /// When a candidate served a model well for the first time since one of the three failed.
    served: BTreeMap<(Candidate, usize), u64>,
    calls_of_channel: BTreeMap<usize, Vec<usize>>,
    tried: BTreeMap<usize, Vec<usize>>,
    /// When clients left before any upstream was called for them, in order.
    left_uncalled: Vec<u64>,
    found: Swept,
}

pub fn check(world: &World, history: &History) -> Result<Swept, Violation> {
    let mut events = Vec::new();
    for (number, call) in history.calls.iter().enumerate() {
        events.push((call.began, Kind::Begin, number));
        events.push((call.ended, Kind::End, number));
        if let Some(at) = call.proved_good(history) {
            events.push((at, Kind::Proof, number));
        }
    }
    events.sort_unstable();
    let mut sweep = Sweep {
        world,
        history,
        states: BTreeMap::new(),
        served: BTreeMap::new(),
        calls_of_channel: BTreeMap::new(),
        tried: BTreeMap::new(),
        left_uncalled: left_uncalled(history),
        found: Swept {
            probes: 0,
            is_suspect: vec![false; history.calls.len()],
        },
    };
    for (_, kind, number) in events {
        match kind {
            Kind::Proof => sweep.proof(number),
            Kind::Begin => sweep.begin(number)?,
            Kind::End => sweep.end(number),
        }
    }
    Ok(sweep.found)
}

fn left_uncalled(history: &History) -> Vec<u64> {
    let called: BTreeSet<usize> = history.calls.iter().map(|call| call.request).collect();
    let requests = history.requests.iter().enumerate();
    let mut left: Vec<u64> = requests
        .filter_map(|(number, request)| match request.end {
            End::Left { at } if !called.contains(&number) => Some(at),
            _ => None,
        })
        .collect();
    left.sort_unstable();
    left
}

const fn subjects(call: &Call) -> [Subject; 3] {
    subjects_of(call.who, call.model)
}

const fn subjects_of(who: Candidate, model: usize) -> [Subject; 3] {
    [
        Subject::Channel(who.channel),
        Subject::Key(who),
        Subject::Model(who.channel, model),
    ]
}

/// What a call's failure concerns.
fn concerned(call: &Call) -> Option<Subject> {
    let [channel, key, model] = subjects(call);
    Some(match call.trouble()?.scope {
        Scope::Channel => channel,
        Scope::Key => key,
        Scope::Model => model,
    })
}

/// What a call's failure proves to work: a channel that rejects a key is reachable.
fn cleared(call: &Call) -> &'static [usize] {
    match call.trouble().map(|trouble| trouble.scope) {
        None => &[0, 1, 2],
        Some(Scope::Channel) => &[],
        Some(Scope::Key) => &[0],
        Some(Scope::Model) => &[0, 1],
    }
}

impl Sweep<'_> {
    fn proof(&mut self, number: usize) {
        let call = &self.history.calls[number];
        for subject in subjects(call) {
            let state = self.states.entry(subject).or_default();
            state.failures.clear();
            state.proved = call.proved_good(self.history);
        }
        let began_clean = subjects(call).iter().all(|subject| {
            let state = &self.states[subject];
            state.failing == 0 && state.last_failure.is_none_or(|at| at < call.began)
        });
        if began_clean {
            self.served
                .entry((call.who, call.model))
                .or_insert(call.proved_good(self.history).unwrap_or(call.ended));
        }
    }

    fn end(&mut self, number: usize) {
        let call = &self.history.calls[number];
        let subjects = subjects(call);
        let is_heard =
            call.known_trouble(self.history).is_some() || call.proved_good(self.history).is_some();
        for place in cleared(call).iter().filter(|_| is_heard) {
            let state = self.states.entry(subjects[*place]).or_default();
            state.failures.clear();
            if state.last_failure.is_none_or(|at| at < call.began) && state.failing == 0 {
                state.is_suspect = false;
            }
        }
        for subject in subjects {
            let state = self.states.entry(subject).or_default();
            if state.probe == Some(number) {
                state.probe = None;
            }
        }
        let (Some(subject), Some(trouble)) = (concerned(call), call.trouble()) else {
            return;
        };
        let is_known = call.known_trouble(self.history).is_some();
        let state = self.states.entry(subject).or_default();
        state.failing -= 1;
        state.last_failure = Some(call.ended);
        // A failure of a call that began before another one proved the contrary may be taken for the older of the two:
        // instances see both in any order.
        let is_disputed = state.proved.is_some_and(|at| call.began <= at);
        if is_known && trouble.is_certain && !is_disputed {
            // A failure here meanwhile has answered what a probe in progress was to find out.
            state.probe = None;
            if state.failures.len() == MAX_FAILURES {
                state.failures.remove(1);
            }
            state.failures.push(Failure {
                instance: call.instance,
                at: call.ended,
                // An eighth of a cooldown does not justify a write; a wait requested by an upstream is kept to the
                // millisecond.
                cools_ms: match call.stated_until() {
                    Some(until) => until.saturating_sub(call.ended),
                    None => trouble.first_ms * 7 / 8,
                },
                cap_ms: trouble.cap_ms,
            });
        }
    }

    fn begin(&mut self, number: usize) -> Result<(), Violation> {
        let call = &self.history.calls[number];
        self.used_again(call)?;
        let has_alternative = self.has_alternative(call);
        let mut is_probe = false;
        for subject in subjects(call) {
            if has_alternative {
                is_probe |= self.cools(number, subject)?;
            }
            let state = self.states.entry(subject).or_default();
            self.found.is_suspect[number] |= state.is_suspect;
        }
        self.found.probes += usize::from(is_probe);
        if let Some(subject) = concerned(call) {
            let state = self.states.entry(subject).or_default();
            state.failing += 1;
            state.is_suspect = true;
            self.served
                .retain(|(who, model), _| !subjects_of(*who, *model).contains(&subject));
        }
        let calls = self.calls_of_channel.entry(call.who.channel).or_default();
        calls.push(number);
        self.tried.entry(call.request).or_default().push(number);
        Ok(())
    }

    /// Whether another candidate was left that was known to work, so that this call was no last resort.
    fn has_alternative(&self, call: &Call) -> bool {
        let arrived = self.history.requests[call.request].arrived;
        self.others_left(call).any(|other| {
            let is_untroubled = subjects_of(other, call.model).iter().all(|subject| {
                self.states
                    .get(subject)
                    .is_none_or(|state| state.failing == 0 && state.last_failure.is_none())
            });
            let has_served = self.served.get(&(other, call.model)).is_some_and(|since| {
                since + SHARED_MS <= arrived && self.world.store.is_fine(*since, arrived)
            });
            is_untroubled || has_served
        })
    }

    /// Candidates that this request has neither tried nor ruled out.
    fn others_left(&self, call: &Call) -> impl Iterator<Item = Candidate> {
        let tried = self.tried.get(&call.request);
        let tried = tried.map(Vec::as_slice).unwrap_or_default();
        self.world.serving(call.model).filter(move |other| {
            *other != call.who
                && tried.iter().all(|before| {
                    let before = &self.history.calls[*before];
                    let has_no_model =
                        concerned(before) == Some(Subject::Model(other.channel, call.model));
                    before.who != *other && !has_no_model
                })
        })
    }

    /// Checks one of those that a call concerns, which is no last resort; returns whether it is a probe.
    fn cools(&mut self, number: usize, subject: Subject) -> Result<bool, Violation> {
        let (world, history) = (self.world, self.history);
        let call = &history.calls[number];
        let Some(state) = self.states.get_mut(&subject) else {
            return Ok(false);
        };
        let known = state.failures.iter().filter(|failure| {
            let learned = (failure.instance, failure.at);
            is_known(world, history, learned, call.request, call.began)
        });
        let Some(last) = known.clone().next_back() else {
            return Ok(false);
        };
        let mut cooling = known.filter(|failure| call.began < failure.at + failure.cools_ms);
        if let Some(failure) = cooling.next() {
            let text = format!(
                "request {} calls {:?} though {subject:?} failed at {}, and others were left",
                call.request, call.who, failure.at
            );
            return broken(Rule::CalledWhileCooling, call.began, text);
        }
        // Entries that are no longer requested expire, and then there is nothing to probe.
        if call.began > last.at + last.cap_ms {
            return Ok(false);
        }
        let other = state.probe.map(|probe| &history.calls[probe]);
        if let Some(other) = other
            && other.ended > call.began
            && call.began < other.began + LEASE_MS
            && world
                .store
                .is_fine(other.began.saturating_sub(SECOND_MS), call.began)
        {
            let text = format!(
                "requests {} and {} probe {subject:?} at the same time",
                other.request, call.request
            );
            return broken(Rule::TwoProbes, call.began, text);
        }
        state.probe = Some(number);
        Ok(true)
    }

    /// No channel of a lower priority is called while one of a higher priority has been working for longer than the
    /// time between two probes, unless it is being probed.
    fn used_again(&self, call: &Call) -> Result<(), Violation> {
        let world = self.world;
        let priority = world.channels[call.who.channel].priority;
        let arrived = self.history.requests[call.request].arrived;
        for other in self.others_left(call) {
            if world.channels[other.channel].priority >= priority
                || !is_long_fine(world, self.history, other, call.model, arrived, call.began)
            {
                continue;
            }
            let is_tried_now = self.is_tried_now(call, other.channel, arrived)
                || self.is_claimed_in_vain(arrived)
                || self.is_being_claimed(call, other.channel);
            if !is_tried_now {
                let text = format!(
                    "request {} calls {:?}, though {other:?} goes before and has been fine for long",
                    call.request, call.who
                );
                return broken(Rule::NotUsedAgain, call.began, text);
            }
        }
        Ok(())
    }

    /// Whether a request that is there already calls a channel in a moment: it has the claim, and waits for the store.
    fn is_being_claimed(&self, call: &Call, channel: usize) -> bool {
        self.history.calls.iter().any(|other| {
            other.who.channel == channel
                && other.request != call.request
                && (call.began..call.began + SECOND_MS).contains(&other.began)
                && self.history.requests[other.request].arrived <= call.began
        })
    }

    /// Whether a channel was called so shortly before that no other request may probe it: by another request, or by
    /// this one, which checked the channel's other keys for a hedge while its own probe was in progress.
    fn is_tried_now(&self, call: &Call, channel: usize, arrived: u64) -> bool {
        let own = || latest_first(self.history, self.tried.get(&call.request)).chain([call]);
        let is_beside = |probe: &Call| {
            own().any(|hedge| hedge.began > probe.began && hedge.began < probe.ended)
        };
        latest_first(self.history, self.calls_of_channel.get(&channel))
            .take_while(|probe| probe.began + PROBE_MS > arrived)
            .any(|probe| probe.request != call.request || is_beside(probe))
    }

    /// Whether a client left so shortly before, between the claim of a probe and its call, that the claim still holds.
    fn is_claimed_in_vain(&self, arrived: u64) -> bool {
        let later = self.left_uncalled.partition_point(|at| *at <= arrived);
        later
            .checked_sub(1)
            .and_then(|last| self.left_uncalled.get(last))
            .is_some_and(|at| at + PROBE_MS > arrived)
    }
}

fn latest_first<'a>(
    history: &'a History,
    numbers: Option<&'a Vec<usize>>,
) -> impl Iterator<Item = &'a Call> {
    let numbers = numbers.map(Vec::as_slice).unwrap_or_default();
    numbers.iter().rev().map(|number| &history.calls[*number])
}

/// Whether a candidate has been without trouble for so long before `from` that every cooldown must be over, and stays so
/// until `to`.
pub fn is_long_fine(
    world: &World,
    history: &History,
    who: Candidate,
    model: usize,
    from: u64,
    to: u64,
) -> bool {
    let channel = &world.channels[who.channel];
    let since = |cap_ms: u64| from.saturating_sub(cap_ms + CALL_MS + SHARED_MS);
    channel.trouble.is_fine(since(CHANNEL_CAP_MS), to)
        && channel.keys[who.key].is_fine(since(KEY_CAP_MS), to)
        && channel
            .models
            .get(&model)
            .is_some_and(|timeline| timeline.is_fine(since(MODEL_CAP_MS), to))
        && history.asked_until(who, to) <= from
}
