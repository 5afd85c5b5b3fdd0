//! The processor time that a server has used. Owns reading `/proc`.

use std::fs;

use anyhow::{Context as _, Result};

/// Linux counts in hundredths of a second towards programs, whatever the kernel's clock rate is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of processor time that a process and its living and ended children have used so far.
pub fn seconds(pid: u32) -> Result<f64> {
    let mut ticks = 0;
    let mut found = false;
    for (number, process) in processes()? {
        if number == pid || process.parent == pid {
            found |= number == pid;
            ticks += process.ticks;
        }
    }
    found.then_some(()).context("a server has ended")?;
    Ok(f64::from(ticks) / TICKS_PER_SECOND)
}

/// A process and those that it has started.
pub fn family(pid: u32) -> Result<Vec<u32>> {
    let members: Vec<u32> = processes()?
        .filter(|(number, process)| *number == pid || process.parent == pid)
        .map(|(number, _)| number)
        .collect();
    members
        .contains(&pid)
        .then_some(members)
        .context("a server has ended")
}

/// A process that this one has started.
pub fn child_of(pid: u32) -> Result<u32> {
    let mut processes = processes()?;
    let child = processes.find(|(_, process)| process.parent == pid);
    child
        .map(|(number, _)| number)
        .context("a server has no process below it")
}

fn processes() -> Result<impl Iterator<Item = (u32, Stat)>> {
    let entries = fs::read_dir("/proc").context("reading /proc")?;
    Ok(entries.filter_map(|entry| {
        let number = entry.ok()?.file_name().to_string_lossy().parse().ok()?;
        // Other processes start and end while this reads.
        let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        Some((number, Stat::parse(&text)?))
    }))
}

struct Stat {
    parent: u32,
    ticks: u32,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the name in brackets, and may itself contain spaces and brackets.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u32>().ok();
        // Counted from the third field: utime, stime and those of ended children are fields 14 to 17.
        let ticks = (11..=14).map(number).sum::<Option<u32>>()?;
        Some(Self {
            parent: number(1)?,
            ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_brackets() {
        let text = "42 (a) b) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 127));
    }

    #[test]
    fn this_process_is_found_and_one_that_cannot_be_is_an_error() {
        assert!(seconds(std::process::id()).unwrap() >= 0.0);
        assert!(seconds(u32::MAX).is_err());
        assert!(child_of(u32::MAX).is_err());
        assert!(
            family(std::process::id())
                .unwrap()
                .contains(&std::process::id())
        );
        assert!(family(u32::MAX).is_err());
    }
}
