//! Sentences of the API's document that are too long for the table of routes. Owns texts only.

pub const ACCOUNT: &str = "Its sessions end with a new password or role, and when it is disabled or deleted. The last \
    owner who can log in stays while no `admin_password` is set: 409 `last_owner`.";
pub const CHANNEL_CHANGED: &str =
    "The channel as it is now. What was known of its health is forgotten.";
pub const TEST: &str = "Sends the smallest possible prompt, within two minutes. A model that refuses `max_tokens` is \
    asked once more with `max_completion_tokens`. Models with `embed` in their name, or in the upstream's name for \
    them, get an embedding instead of a chat. A channel that is switched off can be tested. With `keys` each key is \
    tested, six at once, each within 30 s and all within 100 s. A test counts as a use of its key, and a success \
    ends the cooldowns of the key and the channel.";
pub const TESTED: &str =
    "What the upstream did; a failure of the upstream is a result, not an error.";
pub const AZURE_MODELS: &str = "Azure does not list its deployments: for a channel of the provider `azure` the \
    answer is 400.";
pub const MODELS_OF_DRAFT: &str = "List an upstream's models before the channel is stored";
pub const MODELS_WITHOUT_STORING: &str = "Takes a channel as it would be created or changed, calls its upstream, \
    stores nothing. At least `base_url` or `channel_id` must be there.";
pub const CHANGED_MANY: &str =
    "What was changed, with the former values of the members that the change named.";
pub const CHANGE_MANY: &str = "One change of the configuration: all objects or, when anything is wrong with one of \
    them, none. What is wrong with an object has its place in the request as path, such as `ids[3].models`. Sent \
    back as `changes`, former values and revisions undo a change; a deletion cannot be undone.";
pub const CHANGE_MANY_CHANNELS: &str = "One change of the configuration: all objects or, when anything is wrong \
    with one of them, none. What is wrong with an object has its place in the request as path, such as \
    `ids[3].models`. Sent back as `changes`, former values and revisions undo a change; a deletion cannot be \
    undone. What was known of the health of these channels is forgotten, unless only tags were changed.";
pub const ROTATED: &str = "The client key with the new key; it is never shown again.";
pub const ROTATE: &str = "Id, limits, models and history stay. The old key is valid for the grace time; one that was \
    replaced before is rejected at once, so that at most two are valid.";
pub const PLAYGROUND_KEY_SHOWN: &str = "The client key `ck_playground` with its value.";
pub const PLAYGROUND_KEY: &str = "There is one for all admins. It is made when it is first asked for, is valid for an \
    hour, and is renewed by this call in the second half of it; the value before stays valid until it expires. Lists of \
    client keys leave it out, unless `q` has the word `playground` or `ck_playground`.";
pub const IMPORT: &str = "Replaces everything, or nothing when anything is wrong. At most 64 MiB. Of two imports at \
    the same time the later one wins as a whole.";
pub const CONFIG_IMPORTED: &str = "The configuration as it is now, without whole keys.";
pub const IMPORT_PRICES: &str = "Takes LiteLLM's `model_prices_and_context_window.json` or the answer of OpenRouter's \
    `/api/v1/models`, of at most 8 MiB. Changes the prices of the settings that were imported before and adds those of \
    models without a price. Prices that were set by hand stay, and so do all prices of channels.";
pub const PRICES_IMPORTED: &str = "What was changed, or would be.";
pub const MOVE: &str = "Takes a database or an export of one-api or new-api, or a `config.yaml` of LiteLLM, of at most \
    12 MB. Client keys keep working, since they are stored by their hash. Everything is created, or nothing when \
    anything fails; what cannot be created is skipped, with the reason in its notes.";
pub const MOVE_PREVIEW: &str = "What would be created. Nothing is stored.";
pub const MOVED: &str = "What was created.";
pub const ROUTE: &str = "The candidates in order, and why the others are excluded.";
pub const USAGE: &str = "Sums are kept by the hour, so that `from` and `to` stand for the hours they lie in. Buckets \
    with nothing in them are left out. At most 10,000 rows.";
pub const USAGE_CSV: &str = "The same rows as `GET usage`, whatever their number, in a file that is sent while it is \
    read. Its first row names the columns. Texts that a spreadsheet could take for formulas begin with an apostrophe.";
pub const REQUESTS_CSV: &str = "All requests that the filters select, in a file that is sent while it is read. Its \
    first row names the columns. Texts that a spreadsheet could take for formulas begin with an apostrophe.";
pub const REQUEST: &str =
    "A request is in the log a moment after its end, and until it is removed: 404 otherwise.";
pub const ALERT_TESTED: &str = "What the destination did; its failure is a result, not an error. One that is switched off can be tested.";
pub const AUDIT: &str = "Every change through this API, logins, and exports with upstream keys. Secrets are hidden. \
    How many days are kept is a setting.";
pub const AUDIT_FILE: &str =
    "Comma-separated values (RFC 4180) with a row per change, newest first.";
pub const AUDIT_ROWS: &str = "At most 10,000 entries or 8 MiB. The header `x-next-cursor` is there when older ones are \
    left; it is the `cursor` of the next file. Values that a spreadsheet would take for a formula begin with an \
    apostrophe.";
pub const REQUESTS: &str = "Metadata only. How many rows and days are kept is a setting.";
