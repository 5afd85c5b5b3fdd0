//! What the audit log shows of an object's members. Owns the lists of members; pure.

/// Parts of names of members that hold credentials.
const CREDENTIALS: [&str; 6] = ["key", "token", "secret", "password", "auth", "credential"];

/// Characters of a text that is shown of a member which may hold secrets.
const MAX_WORD_CHARS: usize = 20;

/// What is shown of the members of one kind of object.
#[derive(Debug)]
pub struct MemberPolicy {
    /// Members that hold no secret.
    shown: &'static [&'static str],
    /// Members of which short words are shown, but nothing that could be a credential.
    words: &'static [&'static str],
    /// Members that are no change, or are said otherwise.
    ignored: &'static [&'static str],
}

/// Channels. Headers are hidden: their values are often credentials.
pub const CHANNEL: MemberPolicy = MemberPolicy {
    shown: &[
        "name",
        "tags",
        "enabled",
        "provider",
        "base_url",
        "keys",
        "models",
        "model_map",
        "priority",
        "weight",
        "drop_params",
        "rename_params",
        "stream_usage",
        "dialects",
        "quirks",
        "connect_timeout_ms",
        "first_byte_timeout_ms",
        "idle_timeout_ms",
        "hedge_after_ms",
        "azure",
        "prices",
    ],
    words: &["default_params"],
    ignored: &["id", "created_at", "updated_at"],
};

/// Client keys, as [`super::objects`] shows them: without their hashes.
pub const CLIENT_KEY: MemberPolicy = MemberPolicy {
    shown: &[
        "name",
        "hint",
        "tags",
        "previous",
        "enabled",
        "models",
        "expires_at",
        "limits",
    ],
    words: &[],
    ignored: &[],
};

/// The rules of alerts.
pub const ALERT_RULES: MemberPolicy = MemberPolicy {
    shown: &[
        "budget_near_percent",
        "budget_over",
        "gateway_daily_budget_micro_usd",
        "gateway_monthly_budget_micro_usd",
        "channel_down_minutes",
        "error_rate_percent",
        "error_rate_minutes",
        "error_rate_requests",
        "key_rejected",
        "records_lost",
        "repeat_minutes",
    ],
    words: &[],
    ignored: &[],
};

/// Where messages about alerts are sent. Its URL and its secret are hidden.
pub const DESTINATION: MemberPolicy = MemberPolicy {
    shown: &["name", "kind", "enabled", "hint", "recipient"],
    words: &[],
    ignored: &["id"],
};

/// Accounts. That a password or one-time codes were changed is seen, and neither of them.
pub const ACCOUNT: MemberPolicy = MemberPolicy {
    shown: &["name", "role", "enabled"],
    words: &[],
    ignored: &["id", "created_at", "updated_at"],
};

/// The gateway's settings.
pub const SETTINGS: MemberPolicy = MemberPolicy {
    shown: &[
        "max_attempts",
        "total_timeout_ms",
        "max_request_bytes",
        "balance",
        "balance_by_priority",
        "session_affinity",
        "session_headers",
        "ledger",
        "log_error_details",
        "member_login",
        "request_log_rows",
        "request_log_days",
        "response_record_days",
        "usage_days",
        "audit_days",
        "responses_store",
        "prices",
        "default_models",
        "aliases",
        "trusted_proxies",
    ],
    words: &[],
    ignored: &[],
};

impl MemberPolicy {
    /// Whether the member is left out.
    pub fn ignores(&self, member: &str) -> bool {
        self.ignored.contains(&member)
    }

    /// Whether this text in the member, at `path`, is shown.
    pub fn shows(&self, member: &str, path: &str, text: &str) -> bool {
        self.shown.contains(&member) || (self.words.contains(&member) && is_word(path, text))
    }

    /// Whether it is decided what is shown of the member.
    #[cfg(test)]
    pub fn knows(&self, member: &str) -> bool {
        let lists = [self.shown, self.words, self.ignored];
        lists.iter().any(|list| list.contains(&member))
    }
}

/// A short word in lower case such as `low` or `json_object`, that is not named like a credential.
fn is_word(path: &str, text: &str) -> bool {
    let is_of_word = |character: char| character.is_ascii_lowercase() || "_-".contains(character);
    let path = path.to_ascii_lowercase();
    text.len() <= MAX_WORD_CHARS
        && text.chars().all(is_of_word)
        && !CREDENTIALS.iter().any(|name| path.contains(name))
}
