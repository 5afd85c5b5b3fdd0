//! Packages of other ecosystems that tests use. Owns when they are installed; how is the caller's.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Installs unless that was done for the same list: `stamp` is a copy of it.
pub fn install(list: &Path, stamp: &Path, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = std::fs::read(list).with_context(|| list.display().to_string())?;
    if std::fs::read(stamp).is_ok_and(|known| known == wanted) {
        return Ok(());
    }
    work()?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// Runs a command to its end.
pub fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
