//! The memory that a server takes. Owns reading it from `/proc`.

use std::fs;

use anyhow::{Context as _, Result};

use crate::cpu;

/// Kilobytes of a process and those below it: their shares of what they have in memory (PSS), so that nothing counts twice.
pub fn kilobytes(pid: u32) -> Result<u32> {
    let mut sum = 0;
    for process in cpu::family(pid)? {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        sum += pss(&text).with_context(|| format!("{path} has no Pss"))?;
    }
    Ok(sum)
}

fn pss(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_read_in_kilobytes() {
        let text = "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:  2048 kB\nPss:                1033 kB\nPss_Dirty: 10 kB\n";
        assert_eq!(pss(text), Some(1033));
        assert_eq!(pss("Rss: 1 kB\n"), None);
        assert!(kilobytes(std::process::id()).unwrap() > 500);
    }
}
