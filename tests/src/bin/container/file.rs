//! What the `Containerfile` says of its process: user, state, command, health check. Owns the few instructions that count.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// The instructions that a run follows.
#[derive(Debug, PartialEq, Eq)]
pub struct Containerfile {
    /// User and group, as numbers.
    pub user: (u32, u32),
    /// The one volume.
    pub state: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The same of the health check.
    pub healthcheck: Vec<String>,
    /// Environment.
    pub environment: Vec<(String, String)>,
}

impl Containerfile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        ensure!(
            value(text, "FROM")? == "scratch",
            "the image is based on another one"
        );
        let user = value(text, "USER")?;
        let (user, group) = user.split_once(':').context("USER has no group")?;
        let [state] = <[String; 1]>::try_from(words(value(text, "VOLUME")?)?)
            .map_err(|volumes| anyhow::anyhow!("the volumes are {volumes:?}"))?;
        let check = value(text, "HEALTHCHECK")?;
        let (_, check) = check.split_once("CMD ").context("HEALTHCHECK has no CMD")?;
        let mut command = words(value(text, "ENTRYPOINT")?)?;
        command.extend(words(value(text, "CMD")?)?);
        let environment = text.lines().filter_map(|line| line.strip_prefix("ENV "));
        let environment = environment.filter_map(|line| line.split_once('='));
        Ok(Self {
            user: (user.parse()?, group.parse()?),
            state,
            command,
            healthcheck: words(check)?,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }
}

/// What follows an instruction that is there once.
fn value<'a>(text: &'a str, instruction: &str) -> Result<&'a str> {
    let mut values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(instruction)?.strip_prefix(' ')?;
        Some(rest.trim())
    });
    let value = values
        .next()
        .with_context(|| format!("{instruction} is missing"))?;
    ensure!(values.next().is_none(), "{instruction} is there twice");
    Ok(value)
}

/// The words of an instruction in its JSON form; the other form would need a shell.
fn words(value: &str) -> Result<Vec<String>> {
    serde_json::from_str(value).with_context(|| format!("{value} is not a JSON list of strings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "FROM scratch\nENV A=b\nUSER 7:8\nVOLUME [\"/s\"]\n\
        HEALTHCHECK --interval=1s CMD [\"/p\", \"check\"]\nENTRYPOINT [\"/p\"]\nCMD [\"--x\"]\n";

    #[test]
    fn the_instructions_of_a_run_are_read() {
        let file = Containerfile::parse(SAMPLE).unwrap();
        assert_eq!(file.user, (7, 8));
        assert_eq!(file.state, "/s");
        assert_eq!(file.command, ["/p", "--x"]);
        assert_eq!(file.healthcheck, ["/p", "check"]);
        assert_eq!(file.environment, [("A".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn what_needs_more_than_an_empty_root_is_an_error() {
        for (good, bad) in [
            ("FROM scratch", "FROM debian"),
            ("USER 7:8", ""),
            ("USER 7:8", "USER root:root"),
            ("CMD [\"--x\"]", "CMD --x"),
            (
                "ENTRYPOINT [\"/p\"]",
                "ENTRYPOINT [\"/p\"]\nENTRYPOINT [\"/q\"]",
            ),
            ("[\"/s\"]", "[\"/s\", \"/t\"]"),
        ] {
            let text = SAMPLE.replacen(good, bad, 1);
            assert_ne!(text, SAMPLE);
            assert!(Containerfile::parse(&text).is_err(), "{bad}");
        }
    }
}
