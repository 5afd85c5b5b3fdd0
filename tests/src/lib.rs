//! What the end-to-end tests share: a gateway process, an admin, a stage with a scripted upstream. Owns no assertion
//! about the gateway; those are in `tests/`.
#![forbid(unsafe_code)]

mod admin;
mod gateway;
mod hosts;
mod http;
pub mod packages;
pub mod play;
mod stage;
pub mod store;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

pub use admin::Admin;
pub use gateway::{Gateway, Host, PASSWORD, Setup};
pub use hosts::native_program;
pub use http::{Reply, client};
pub use stage::Stage;

/// Within which a change of the configuration is in force: two seconds by the contract, and some for the
/// request that finds out.
pub const IN_FORCE: Duration = Duration::from_millis(2_500);

/// Whether every instance serves one request only: then nothing is remembered but what is in the store.
pub fn instances_are_single_use() -> bool {
    std::env::var_os("GATEWAY_TEST_REUSE").is_some_and(|count| count == "1")
}

/// Microseconds since the Unix epoch, as the upstream's records have them.
pub fn now_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or_default()
}

/// The workspace's root.
pub fn workspace_root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Repeats `check` until it holds, and fails when it does not within `limit`.
pub async fn eventually<F, C>(limit: Duration, what: &str, mut check: F) -> Result<()>
where
    F: FnMut() -> C,
    C: Future<Output = Result<bool>>,
{
    let start = Instant::now();
    while start.elapsed() < limit {
        if check().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("not within {limit:?}: {what}")
}
