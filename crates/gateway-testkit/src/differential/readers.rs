//! Programs in other languages that read requests with their own parsers. Owns how they are run: requests go to their
//! standard input from a file, they return one line per request.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use super::gateway::Forwarded;

/// One program.
pub struct Reader {
    command: Vec<String>,
}

/// How one parser reads a request.
#[derive(Clone, Debug, Deserialize)]
pub struct Reading {
    /// The parser.
    #[expect(dead_code, reason = "printed in findings")]
    by: String,
    /// Every value of `model`.
    #[serde(default)]
    pub model: Vec<Value>,
    /// Every value of `stream`.
    #[serde(default)]
    pub stream: Vec<Value>,
    /// Why it rejects the request.
    #[serde(default)]
    pub error: Option<String>,
}

impl Reader {
    /// A program with its arguments, separated by spaces.
    pub fn new(command: &str) -> Self {
        Self {
            command: command.split(' ').map(str::to_owned).collect(),
        }
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        self.command.last().map_or("", String::as_str)
    }

    /// How its parsers read each request.
    pub fn read<'a>(
        &self,
        requests: impl Iterator<Item = &'a Forwarded>,
    ) -> io::Result<Vec<Vec<Reading>>> {
        let path = std::env::temp_dir().join(format!("differential-{}", std::process::id()));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        // The open file is enough; it is removed with its last holder.
        std::fs::remove_file(&path)?;
        let mut count = 0;
        for request in requests {
            count += 1;
            for part in [&request.content_type[..], &request.body] {
                let length = u32::try_from(part.len()).map_err(io::Error::other)?;
                file.write_all(&length.to_be_bytes())?;
                file.write_all(part)?;
            }
        }
        file.rewind()?;
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| io::Error::other("an empty command"))?;
        let output = Command::new(program)
            .args(arguments)
            .stdin(file)
            .stderr(Stdio::inherit())
            .output()?;
        let lines: Result<Vec<Vec<Reading>>, _> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect();
        let lines = lines?;
        if !output.status.success() || lines.len() != count {
            let message = format!(
                "{} ended with {} after {} of {count} requests",
                self.name(),
                output.status,
                lines.len()
            );
            return Err(io::Error::other(message));
        }
        Ok(lines)
    }
}
