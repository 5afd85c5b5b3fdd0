//! What the gateway lives in for a day: channels with their keys and models, and when each of them is in trouble.
//! Owns how worlds are drawn from a seed. Knows nothing of the gateway but its configuration.

use std::collections::BTreeMap;

use gateway_core::config::model::{
    ChannelConfig, ClientKey, Document, KeyLimits, Settings, StoredSecret, UpstreamKey,
};
use gateway_core::ids;
use gateway_core::secret::Secret;
use gateway_core::units::Timestamp;
use gateway_testkit::sim::{Chance, Fault};

use super::timeline::{Episode, Timeline};

pub const SECOND_MS: u64 = 1_000;
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Trouble ends after this time; requests go on a little longer.
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// How long requests go on after the last trouble.
pub const TAIL_MS: u64 = 30 * MINUTE_MS;
pub const CONNECT_MS: u64 = 2 * SECOND_MS;
pub const FIRST_BYTE_MS: u64 = 8 * SECOND_MS;
pub const IDLE_MS: u64 = 5 * SECOND_MS;
/// Enough to wait for every candidate until it times out.
pub const TOTAL_MS: u64 = 300 * SECOND_MS;
pub const CLIENT_KEY: &str = "sk-simulation";

/// What is wrong with a whole channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelFault {
    Refuses,
    NeverConnects,
    NeverAnswers,
    Resets,
    /// So many answers in a hundred are this status.
    ServerErrors {
        status: u16,
        share: u64,
        retry_after_s: Option<u64>,
    },
    /// A page of a proxy in between, as a success.
    Page,
    ErrorInside200,
    /// A stream's head, and then nothing. Others get no answer.
    SilentStream,
    /// An answer's beginning, and then the connection breaks.
    BreaksMidway,
}

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    Throttled {
        spelling: Spelling,
        /// Names at most this time, though the trouble lasts longer.
        at_most_ms: Option<u64>,
        is_inside_200: bool,
    },
    /// Revoked, forbidden or out of credits: this status.
    Refused(u16),
}

/// How an upstream says how long it will reject requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Nothing,
    Nonsense,
    Seconds,
    Fraction,
    Date,
    Milliseconds,
}

/// What is wrong with one model of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFault {
    NotFound,
    Retired,
    /// NVIDIA NIM's 400.
    Degraded,
}

#[derive(Clone, Debug)]
pub struct Channel {
    pub priority: u16,
    pub weight: u16,
    pub hedge_after_ms: Option<u64>,
    pub is_keyless: bool,
    pub trouble: Timeline<ChannelFault>,
    /// One for a channel without keys, too.
    pub keys: Vec<Timeline<KeyFault>>,
    /// The models that it serves.
    pub models: BTreeMap<usize, Timeline<ModelFault>>,
}

/// What is wrong with the store.
#[derive(Clone, Copy, Debug)]
pub struct StoreFault {
    pub reads: Fault,
    pub writes: Fault,
}

#[derive(Clone, Debug)]
pub struct World {
    pub seed: u64,
    pub channels: Vec<Channel>,
    pub models: usize,
    /// How many instances live all day; 0: each request has its own.
    pub instances: usize,
    pub has_affinity: bool,
    /// The mean time between requests outside of bursts and lulls.
    pub mean_gap_ms: u64,
    pub store: Timeline<StoreFault>,
}

/// One key of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub channel: usize,
    pub key: usize,
}

impl World {
    /// The world of a seed. Every tenth is one without any trouble.
    pub fn draw(seed: u64) -> Self {
        let chance = Chance::seeded(seed);
        let is_calm = seed % 10 == 9;
        // From a few episodes a day to one that never ends.
        let mean_gap_ms = if is_calm {
            u64::MAX
        } else {
            chance.magnitude(20 * MINUTE_MS, 8 * HOUR_MS)
        };
        let models = 2;
        let has_hedges = chance.percent(25);
        let has_broken_store = !is_calm && chance.percent(30);
        let channels = (0..chance.between(1, 4))
            .map(|_| Channel::draw(&chance, models, mean_gap_ms, has_hedges))
            .collect();
        let store_gap_ms = if has_broken_store {
            3 * HOUR_MS
        } else {
            u64::MAX
        };
        Self {
            seed,
            channels,
            models,
            instances: usize::try_from(chance.below(4)).unwrap(),
            has_affinity: chance.percent(10),
            mean_gap_ms: chance.magnitude(15 * SECOND_MS, 40 * SECOND_MS),
            store: Timeline::draw(&chance, DAY_MS, store_gap_ms, StoreFault::draw),
        }
    }

    /// All that serve a model.
    pub fn serving(&self, model: usize) -> impl Iterator<Item = Candidate> {
        let channels = self.channels.iter().enumerate();
        channels
            .filter(move |(_, channel)| channel.models.contains_key(&model))
            .flat_map(|(number, channel)| {
                (0..channel.keys.len()).map(move |key| Candidate {
                    channel: number,
                    key,
                })
            })
    }

    /// Whether candidate, channel and model are without trouble from `from` to `to`.
    pub fn is_fine(&self, who: Candidate, model: usize, from: u64, to: u64) -> bool {
        let channel = &self.channels[who.channel];
        channel.trouble.is_fine(from, to)
            && channel.keys[who.key].is_fine(from, to)
            && channel
                .models
                .get(&model)
                .is_some_and(|timeline| timeline.is_fine(from, to))
    }

    /// The configuration that an admin would have written.
    pub fn document(&self) -> Document {
        Document {
            channels: (0..self.channels.len())
                .map(|number| self.channel_config(number))
                .collect(),
            keys: vec![ClientKey {
                id: "ck_simulation".to_owned(),
                name: "simulation".to_owned(),
                hash: ids::hex(&ids::hash_client_key(CLIENT_KEY.as_bytes())),
                hint: "…".to_owned(),
                enabled: true,
                models: Vec::new(),
                tags: Vec::new(),
                expires_at: None,
                limits: KeyLimits::default(),
                previous: None,
                created_at: Timestamp(0),
            }],
            settings: Settings {
                max_attempts: 50,
                total_timeout_ms: TOTAL_MS,
                session_affinity: self.has_affinity,
                // Nothing of it reaches failover, and eleven million rows would take their time.
                ledger: false,
                ..Settings::default()
            },
            ..Document::default()
        }
    }

    fn channel_config(&self, number: usize) -> ChannelConfig {
        let channel = &self.channels[number];
        let key = |key: usize| UpstreamKey {
            id: format!("uk_{number}_{key}"),
            secret: StoredSecret::Clear(Secret::new(format!("{number}-{key}"))),
            hint: "…".to_owned(),
            enabled: true,
        };
        let keys = if channel.is_keyless {
            Vec::new()
        } else {
            (0..channel.keys.len()).map(key).collect()
        };
        // Every second channel has its own names for its models.
        let names = channel.models.keys().map(|model| format!("m{model}"));
        let models: Vec<String> = names.collect();
        let own = models
            .iter()
            .map(|name| (name.clone(), format!("own/{name}")));
        let model_map = if number.is_multiple_of(2) {
            BTreeMap::new()
        } else {
            own.collect()
        };
        ChannelConfig {
            id: format!("ch_{number}"),
            name: format!("c{number}"),
            base_url: format!("https://c{number}.example/v1"),
            keys,
            models,
            model_map,
            priority: channel.priority,
            weight: channel.weight,
            stream_usage: false,
            connect_timeout_ms: CONNECT_MS,
            first_byte_timeout_ms: FIRST_BYTE_MS,
            idle_timeout_ms: IDLE_MS,
            hedge_after_ms: channel.hedge_after_ms,
            ..ChannelConfig::blank(Timestamp(0))
        }
    }
}

impl Channel {
    fn draw(chance: &Chance, models: usize, mean_gap_ms: u64, has_hedges: bool) -> Self {
        let keys = chance.below(4);
        let mut served: Vec<usize> = (0..models).filter(|_| chance.percent(75)).collect();
        if served.is_empty() {
            served.push(0);
        }
        let model = |model| {
            let gap_ms = mean_gap_ms.saturating_mul(2);
            let timeline = Timeline::draw(chance, DAY_MS, gap_ms, ModelFault::draw);
            (model, timeline)
        };
        Self {
            priority: u16::try_from(chance.below(3)).unwrap(),
            weight: u16::try_from(chance.below(5)).unwrap(),
            hedge_after_ms: (has_hedges && chance.percent(60))
                .then(|| chance.between(500, 4 * SECOND_MS)),
            is_keyless: keys == 0,
            trouble: Timeline::draw(chance, DAY_MS, mean_gap_ms, ChannelFault::draw),
            keys: (0..keys.max(1))
                .map(|_| Timeline::draw(chance, DAY_MS, mean_gap_ms, KeyFault::draw))
                .collect(),
            models: served.into_iter().map(model).collect(),
        }
    }
}

impl ChannelFault {
    fn draw(chance: &Chance) -> Self {
        match chance.below(10) {
            0 => Self::Refuses,
            1 => Self::NeverConnects,
            2 => Self::NeverAnswers,
            3 => Self::Resets,
            4 => Self::Page,
            5 => Self::ErrorInside200,
            6 => Self::SilentStream,
            7 => Self::BreaksMidway,
            _ => Self::ServerErrors {
                status: *chance.pick(&[500, 502, 503, 529, 408]),
                share: *chance.pick(&[30, 80, 100, 100]),
                retry_after_s: chance.percent(30).then(|| chance.magnitude(1, 900)),
            },
        }
    }
}

impl KeyFault {
    fn draw(chance: &Chance) -> Self {
        if chance.percent(30) {
            return Self::Refused(*chance.pick(&[401, 402, 403]));
        }
        Self::Throttled {
            spelling: *chance.pick(&[
                Spelling::Nothing,
                Spelling::Nonsense,
                Spelling::Seconds,
                Spelling::Fraction,
                Spelling::Date,
                Spelling::Milliseconds,
            ]),
            at_most_ms: chance.percent(50).then(|| chance.magnitude(200, MINUTE_MS)),
            is_inside_200: chance.percent(10),
        }
    }
}

impl ModelFault {
    fn draw(chance: &Chance) -> Self {
        *chance.pick(&[Self::NotFound, Self::Retired, Self::Degraded])
    }
}

impl StoreFault {
    fn draw(chance: &Chance) -> Self {
        let fault = |chance: &Chance| match chance.below(5) {
            0 => Fault::None,
            1 | 2 => Fault::Fails,
            3 => Fault::LosesAnswers,
            _ => Fault::Slow(chance.magnitude(20, 10 * SECOND_MS)),
        };
        Self {
            reads: fault(chance),
            writes: if chance.percent(20) {
                Fault::Hangs
            } else {
                fault(chance)
            },
        }
    }
}

/// One line per stretch of trouble that touches the time from `from` to `to`.
pub fn tell_trouble(world: &World, from: u64, to: u64) -> Vec<String> {
    fn lines<F: std::fmt::Debug>(
        name: &str,
        timeline: &Timeline<F>,
        (from, to): (u64, u64),
        lines: &mut Vec<String>,
    ) {
        let touching = timeline
            .episodes()
            .filter(|episode| episode.from <= to && episode.to > from);
        for Episode { from, to, fault } in touching {
            lines.push(format!("  {name}: {fault:?} from {from} to {to}"));
        }
    }
    let (mut printed, window) = (Vec::new(), (from, to));
    for (number, channel) in world.channels.iter().enumerate() {
        lines(
            &format!("c{number}"),
            &channel.trouble,
            window,
            &mut printed,
        );
        for (key, timeline) in channel.keys.iter().enumerate() {
            lines(
                &format!("c{number} key {key}"),
                timeline,
                window,
                &mut printed,
            );
        }
        for (model, timeline) in &channel.models {
            lines(
                &format!("c{number} m{model}"),
                timeline,
                window,
                &mut printed,
            );
        }
    }
    lines("store", &world.store, window, &mut printed);
    printed
}
