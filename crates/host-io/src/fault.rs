//! A database or store that fails, for tests of its users. Owns the options' syntax and how long a fault lasts.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The interval between checks of a lasting fault.
const LOOK: Duration = Duration::from_millis(10);

/// The fault of every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The same always.
    Always(Behaviour),
    /// The content of this file at the time; no fault when the file is missing or empty.
    AsIn(PathBuf),
}

/// A call that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused, as an option of the local host asks for")
    }
}

/// How a database fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Every call fails at once.
    Refuse,
    /// Every call takes this much longer, or never ends.
    Hang(Option<Duration>),
}

impl Fault {
    /// Reads `refuse`, `hang`, `hang:MS` or `file:NAME`, a file below `folder` that holds one of the others.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        Ok(match text.strip_prefix("file:") {
            Some(name) if !name.is_empty() => Self::AsIn(folder.join(name)),
            _ => Self::Always(Behaviour::parse(text)?),
        })
    }

    /// Applies the fault to a call: returns when the call may continue.
    pub async fn meet(&self) -> Result<(), Refused> {
        let start = Instant::now();
        loop {
            let wait = match self.now() {
                None => return Ok(()),
                Some(Behaviour::Refuse) => return Err(Refused),
                Some(Behaviour::Hang(None)) => LOOK,
                Some(Behaviour::Hang(Some(time))) => match time.checked_sub(start.elapsed()) {
                    Some(left) if !left.is_zero() => left.min(LOOK),
                    _ => return Ok(()),
                },
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn now(&self) -> Option<Behaviour> {
        match self {
            Self::Always(behaviour) => Some(*behaviour),
            Self::AsIn(path) => Behaviour::parse(fs::read_to_string(path).ok()?.trim()).ok(),
        }
    }
}

impl Behaviour {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text.split_once(':') {
            None if text == "refuse" => Self::Refuse,
            None if text == "hang" => Self::Hang(None),
            Some(("hang", time)) => {
                let time = time
                    .parse()
                    .with_context(|| format!("{time:?} is no number of milliseconds"))?;
                Self::Hang(Some(Duration::from_millis(time)))
            }
            _ => bail!("{text:?} is none of refuse, hang, hang:MS, file:NAME"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_nonsense_is_refused() {
        let parse = |text| Fault::parse(text, Path::new("/state"));
        let hang = |time| Fault::Always(Behaviour::Hang(time));
        assert_eq!(parse("refuse").unwrap(), Fault::Always(Behaviour::Refuse));
        assert_eq!(parse("hang").unwrap(), hang(None));
        assert_eq!(
            parse("hang:70").unwrap(),
            hang(Some(Duration::from_millis(70)))
        );
        assert_eq!(
            parse("file:fault").unwrap(),
            Fault::AsIn("/state/fault".into())
        );
        for nonsense in ["", "hang:", "hang:x", "file:", "break"] {
            assert!(parse(nonsense).is_err(), "{nonsense}");
        }
    }

    #[tokio::test]
    async fn a_fault_in_a_file_lasts_as_long_as_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let fault = Fault::parse("file:fault", folder.path()).unwrap();
        assert_eq!(fault.meet().await, Ok(()));
        let path = folder.path().join("fault");
        fs::write(&path, "refuse\n").unwrap();
        assert!(fault.meet().await.is_err());
        fs::write(&path, "hang").unwrap();
        let mut waiting = Box::pin(fault.meet());
        let early = tokio::time::timeout(3 * LOOK, &mut waiting).await;
        assert!(early.is_err(), "it must hang");
        fs::remove_file(&path).unwrap();
        assert_eq!(waiting.await, Ok(()));
    }
}
