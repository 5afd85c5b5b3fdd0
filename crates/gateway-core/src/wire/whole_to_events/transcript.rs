//! Events of transcriptions: the text, and the answer's other members with the last one.

use super::ShortObject;
use super::rope::Rope;
use crate::wire::walk::{Unfit, WalkStep};

/// Writes all events.
pub fn write(whole: &str, rope: &mut Rope) -> WalkStep {
    let transcript = ShortObject::parse(whole)?;
    let text = transcript.get("text").filter(|raw| raw.starts_with('"'));
    rope.text("event: transcript.text.delta\ndata: {\"type\":\"transcript.text.delta\",\"delta\":");
    rope.raw(text.ok_or(Unfit)?);
    rope.text("}\n\nevent: transcript.text.done\ndata: {\"type\":\"transcript.text.done\"");
    for (name, raw) in transcript.0.iter().filter(|(name, _)| name != "type") {
        rope.text(",");
        rope.name(name);
        rope.raw(raw);
    }
    rope.text("}\n\n");
    Ok(())
}
