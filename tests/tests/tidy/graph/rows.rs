//! Which folder of the core may use which, and which files know ports. Owns the lists, not the check.

/// Modules with plain data that everything may use, and nothing else.
pub const EVERYWHERE: [&str; 3] = ["error", "reply", "units"];

/// Every folder and file of the core's root with what it may use. An entry with `::` allows that module alone.
pub const ROWS: &[(&str, &[&str])] = &[
    (
        "admin",
        &[
            "attempt",
            "body_buffer",
            "config",
            "database",
            "health",
            "ids",
            "ledger",
            "limits",
            "memory",
            "moving",
            "peer",
            "ports",
            "problem",
            "route",
            "secret",
            "sql",
            "store",
            "time_text",
            "upstream",
            "wire",
        ],
    ),
    (
        "app",
        &[
            "admin", "config", "ids", "logging", "memory", "peer", "ports", "proxy", "secret",
        ],
    ),
    ("attempt", &["health", "ports", "upstream"]),
    ("body_buffer", &[]),
    (
        "config",
        &[
            "ids",
            "ports",
            "problem",
            "route",
            "secret",
            "store",
            "time_text",
            "timeout",
            "upstream::endpoint",
            "upstream::presets",
            "upstream::provider",
            "upstream::quirks",
            "wire",
        ],
    ),
    ("database", &["ports", "sql", "timeout"]),
    (
        "dialect",
        &[
            "config",
            "ids",
            "upstream::presets",
            "upstream::provider",
            "upstream::quirks",
            "wire",
        ],
    ),
    ("error", &["problem"]),
    ("flusher", &["ports"]),
    (
        "health",
        &["config::shapes", "ports", "store", "time_text", "upstream"],
    ),
    ("ids", &["ports"]),
    (
        "ledger",
        &[
            "config",
            "database",
            "flusher",
            "limits",
            "logging",
            "memory",
            "ports",
            "sql",
            "store",
            "time_text",
            "upstream",
            "wire",
        ],
    ),
    (
        "limits",
        &["config", "database", "flusher", "ports", "sql", "time_text"],
    ),
    ("logging", &["time_text"]),
    ("memory", &[]),
    ("moving", &["config::bounds", "secret"]),
    ("peer", &[]),
    ("ports", &["logging", "sql"]),
    ("problem", &[]),
    (
        "proxy",
        &[
            "attempt",
            "body_buffer",
            "config",
            "database",
            "dialect",
            "health",
            "ids",
            "ledger",
            "limits",
            "memory",
            "ports",
            "route",
            "segmented_buffer",
            "store",
            "time_text",
            "timeout",
            "upstream",
            "wire",
        ],
    ),
    ("reply", &[]),
    ("route", &[]),
    ("secret", &[]),
    ("segmented_buffer", &[]),
    ("sql", &[]),
    ("store", &["logging", "ports", "timeout"]),
    ("time_text", &[]),
    ("timeout", &["ports"]),
    ("units", &[]),
    (
        "upstream",
        &[
            "body_buffer",
            "config::bounds",
            "config::snapshot",
            "config::validate",
            "memory",
            "ports",
            "segmented_buffer",
            "timeout",
            "wire",
        ],
    ),
    ("wire", &["memory"]),
];

/// Folders whose files make decisions only. Their services, which hold ports, are in [`SERVICES`].
pub const PURE: [&str; 8] = [
    "attempt", "dialect", "health", "ledger", "limits", "moving", "route", "wire",
];

/// The files of pure folders that hold ports.
pub const SERVICES: &[&str] = &[
    "health::service",
    "health::stored",
    "ledger::entry",
    "ledger::kept_responses",
    "ledger::response_records",
    "ledger::service",
    "ledger::sql",
    "limits::service",
    "limits::sql",
];

/// Plain data beside a port's signature; to name it is not to know the port.
pub const DATA: [&str; 2] = ["ports::SendErrorKind", "ports::Timeouts"];
