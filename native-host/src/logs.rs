//! The host's own lines on standard error, in the same form as the gateway's. Owns the form; what requests log is the core's.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use gateway_core::logging::LogPolicy;
use gateway_core::units::Timestamp;

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Chooses the form for the whole process: JSON, or text. Also that of messages about panics.
pub fn init(is_json: bool) {
    IS_JSON.store(is_json, Ordering::Relaxed);
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        note(format_args!("error: thread {name}: {panic}"));
    }));
}

/// Now, in UTC.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Writes a line about the process.
pub fn note(text: fmt::Arguments<'_>) {
    let form = if IS_JSON.load(Ordering::Relaxed) {
        "json"
    } else {
        "text"
    };
    let policy = LogPolicy::parse(form).unwrap_or_default();
    let prefixed = format_args!("ai-gateway: {text}");
    if let Some(line) = policy.note(now(), prefixed) {
        line_as_it_is(format_args!("{line}"));
    }
}

/// Writes one finished line. A closed standard error is ignored.
pub fn line_as_it_is(text: fmt::Arguments<'_>) {
    // One write, so that the lines of several threads do not mix.
    let line = format!("{text}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
