//! Events of transcriptions: the last one has the whole transcript in it.

use bytes::Bytes;

use super::AssemblyProgress;
use super::gathered::{Budget, GrowingObject, Texts};
use crate::wire::walk::{self, Unfit};

/// The answer so far.
#[derive(Debug, Default)]
pub struct Transcript {
    done: Option<GrowingObject>,
}

impl Transcript {
    /// Adds one event.
    pub fn push(&mut self, data: &str) -> Result<AssemblyProgress, Unfit> {
        if data.starts_with("[DONE]") {
            return Ok(AssemblyProgress::Complete);
        }
        let mut kind = "";
        walk::members(data, |name, raw| {
            if name == "type" {
                kind = raw;
            }
            Ok(())
        })?;
        if kind != "\"transcript.text.done\"" {
            return Ok(AssemblyProgress::More);
        }
        let mut done = GrowingObject::default();
        done.join_all(data, Texts::Replace, &mut Budget::default())?;
        done.remove("type");
        self.done = Some(done);
        Ok(AssemblyProgress::Complete)
    }

    /// The whole answer.
    pub fn finish(self) -> Result<Bytes, Unfit> {
        let mut out = String::new();
        self.done.ok_or(Unfit)?.write(&mut out);
        Ok(Bytes::from(out))
    }
}
