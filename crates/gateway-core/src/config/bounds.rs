//! The bounds of everything that an admin can set: the validation, the description of the API and, through that, the
//! panel take them from here. Defaults are in [`super::model`].

use crate::units::MIB;

/// Channels of one gateway: far more than any deployment has, few enough for one document.
pub const MAX_CHANNELS: usize = 1000;
/// Client keys of one gateway: each of their 512 shards has 200 then, which is little to read and to write.
pub const MAX_CLIENT_KEYS: usize = 100_000;
/// Keys of one channel.
pub const MAX_KEYS: usize = 500;
/// Bytes of one upstream key; JSON web tokens are the longest that are used as keys.
pub const MAX_KEY_BYTES: usize = 4096;
/// Characters of a display name.
pub const MAX_NAME_CHARS: usize = 100;
/// Tags of one channel or client key.
pub const MAX_TAGS: usize = 20;
/// Characters of a tag.
pub const MAX_TAG_CHARS: usize = 50;
/// The fewest characters of an account's password.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// Longer passwords than this are not even hashed.
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// Characters of an id. Ids are part of paths of the admin API and of log lines.
pub const MAX_ID_CHARS: usize = 64;
/// Characters of a client key's hint: too few to hold a key.
pub const MAX_HINT_CHARS: usize = 20;
/// Characters of a model's name.
pub const MAX_MODEL_CHARS: usize = 256;
/// Entries of any list or map of models.
pub const MAX_MODELS: usize = 5000;
/// Bytes of a base URL.
pub const MAX_URL_BYTES: usize = 2048;
/// Headers of a channel.
pub const MAX_HEADERS: usize = 64;
/// Bytes of a header's value.
pub const MAX_HEADER_BYTES: usize = 8192;
/// Parameters that a channel drops, renames or adds.
pub const MAX_PARAMS: usize = 100;
/// Members without which a request has another meaning: no channel drops, renames or adds them.
pub const KEPT_PARAMS: [&str; 2] = ["model", "stream"];
/// Bytes of the parameters that a channel adds, as JSON.
pub const MAX_DEFAULT_PARAMS_BYTES: usize = 16 * 1024;
/// Other names of models in the settings.
pub const MAX_ALIASES: usize = 1000;
/// Models that are tried for one of them.
pub const MAX_ALIAS_MODELS: usize = 20;
/// The largest priority and the largest weight.
pub const MAX_RANK: u64 = 1000;
/// Priorities with their own rule of balance: every one.
pub const MAX_BALANCED: usize = 1001;
/// One hour: longer than any model thinks, shorter than a mistyped number of microseconds.
pub const MAX_TIMEOUT_MS: u64 = 3_600_000;
/// Characters of Azure's `api-version`.
pub const MAX_API_VERSION_CHARS: usize = 40;
/// Characters of the name of a deployment.
pub const MAX_DEPLOYMENT_CHARS: usize = 128;
/// Seconds for which a client key that was replaced stays valid, unless the admin says otherwise: one day.
pub const DEFAULT_GRACE_S: u64 = 86_400;
/// The longest such time: 30 days.
pub const MAX_GRACE_S: u64 = 30 * 86_400;
/// The largest number that every JSON reader keeps exactly.
pub const MAX_LIMIT: u64 = (1 << 53) - 1;
/// A thousand million dollars, in millionths of one.
pub const MAX_BUDGET: u64 = 1_000_000_000_000_000;
/// Models of one table of prices: several times what any provider offers.
pub const MAX_PRICES: usize = 2000;
/// A million dollars per million tokens: a thousand times the most expensive model, and small enough for sums.
pub const MAX_PRICE: u64 = 1_000_000_000_000;
/// A thousand dollars per image, second or request, in millionths of a dollar per million of them.
pub const MAX_UNIT_PRICE: u64 = 1_000_000_000_000_000;
/// Lengths of prompts from which on a model has other prices; the price lists have up to three.
pub const MAX_PRICE_TIERS: usize = 8;
/// The largest part of the standard price that a service tier can cost, in percent.
pub const MAX_PRICE_PERCENT: u64 = 1000;
/// Attempts per request.
pub const MAX_ATTEMPTS: u64 = 100;
/// The smallest bound of a request's body.
pub const MIN_REQUEST_BYTES: usize = 1024;
/// A body is held twice, as received and as sent; `memory` has room for one of this size.
pub const MAX_REQUEST_BYTES: usize = 64 * MIB;
/// A shorter log is useless.
pub const MIN_LOG_ROWS: u64 = 1_000;
/// A longer log takes gigabytes.
pub const MAX_LOG_ROWS: u64 = 10_000_000;
/// Ten years.
pub const MAX_LOG_DAYS: u64 = 3_650;
/// Headers that name a session, besides those that are known.
pub const MAX_SESSION_HEADERS: usize = 8;
/// Networks of trusted proxies: far more than any gateway has in front of it.
pub const MAX_PROXIES: usize = 100;

/// Destinations of alerts.
pub const MAX_DESTINATIONS: usize = 20;
/// Bytes of a destination's secret.
pub const MAX_WEBHOOK_SECRET_CHARS: usize = 500;
/// Minutes for which a channel may be down before there is an alert: one day.
pub const MAX_ALERT_MINUTES: u64 = 1440;
/// Minutes over which a rate of errors is taken.
pub const MAX_ERROR_MINUTES: u64 = 60;
/// Requests without which a rate of errors means nothing; more are not counted.
pub const MAX_ALERT_REQUESTS: u64 = 10_000;
/// The shortest time from one message about an alert to the next.
pub const MIN_REPEAT_MINUTES: u64 = 5;
/// The longest: one week.
pub const MAX_REPEAT_MINUTES: u64 = 10_080;

/// Operations, by their paths below `/v1/`, whose requests may leave the model out.
pub const OPERATIONS_WITH_DEFAULTS: [&str; 14] = [
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "chat/completions",
    "completions",
    "embeddings",
    "images/edits",
    "images/generations",
    "images/variations",
    "messages",
    "messages/count_tokens",
    "moderations",
    "rerank",
    "responses",
];
