//! OpenAI's models that reason: later ones know `none` instead of `minimal`, and more above `high`. Owns which efforts each
//! accepts, as OpenAI documented them in November 2026.

use super::UpstreamTraits;
use crate::dialect::effort::Effort;
use crate::upstream::quirks::EffortBound;

/// What most models above GPT-5.0 have no step for.
const NO_MINIMAL: &[EffortBound] = &[EffortBound::Minimal];

/// Whether a model reasons, by its name without the part before `/`.
pub fn reasons(name: &str) -> bool {
    let is_named_so = ["o1", "o3", "o4", "codex"]
        .iter()
        .any(|family| name.starts_with(family));
    (is_named_so || version(name) >= Some((5, 0))) && !name.contains("-chat")
}

/// Sets the efforts that a model accepts.
pub fn set_efforts(traits: &mut UpstreamTraits, name: &str) {
    let version = version(name);
    let (min, max, missing) = match version {
        None => (Effort::Low, Effort::High, &[][..]),
        Some(version) if version < (5, 1) => (Effort::Minimal, Effort::High, &[][..]),
        Some(version) if version < (5, 2) => (Effort::None, Effort::High, NO_MINIMAL),
        Some(version) if version < (5, 6) => (Effort::None, Effort::Xhigh, NO_MINIMAL),
        Some(_) => (Effort::None, Effort::Max, NO_MINIMAL),
    };
    let always_reasons =
        name.contains("codex") || name.contains("astra") || name.starts_with("gpt-6.1-sol");
    traits.min_effort = match version {
        Some(_) if name.contains("-pro") => Effort::High,
        _ if always_reasons => Effort::Low,
        _ => min,
    };
    traits.max_effort = if name.contains("codex-max") {
        max.max(Effort::Xhigh)
    } else {
        max
    };
    traits.missing_efforts = missing;
}

/// The version in a name such as `gpt-5.2-codex`; `None` for `gpt-4o`, `gpt-oss-20b` and other families.
fn version(name: &str) -> Option<(u32, u32)> {
    let number = name.strip_prefix("gpt-")?.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::envelope::Origin;
    use crate::upstream::provider::Provider;

    fn traits(name: &str) -> UpstreamTraits {
        let origin = Origin {
            provider: Provider::OpenAi,
            channel: "c".to_owned(),
        };
        let mut traits = UpstreamTraits::unknown(name, origin);
        set_efforts(&mut traits, name);
        traits
    }

    #[test]
    fn efforts_are_those_of_the_version() {
        use Effort::{High, Low, Max, Medium, Minimal, None, Xhigh};
        // For `none`, `minimal`, `medium`, `xhigh` and `max`.
        for (name, expected) in [
            ("o3", [Low, Low, Medium, High, High]),
            ("codex-mini-latest", [Low, Low, Medium, High, High]),
            ("gpt-5", [Minimal, Minimal, Medium, High, High]),
            ("gpt-5-codex", [Low, Low, Medium, High, High]),
            ("gpt-5-pro-2025-10-06", [High, High, High, High, High]),
            ("gpt-5.1", [None, Low, Medium, High, High]),
            ("gpt-5.1-codex-max", [Low, Low, Medium, Xhigh, Xhigh]),
            ("gpt-5.2", [None, Low, Medium, Xhigh, Xhigh]),
            ("gpt-5.2-pro", [High, High, High, Xhigh, Xhigh]),
            ("gpt-5.6-luna", [None, Low, Medium, Xhigh, Max]),
            ("gpt-6-astra", [Low, Low, Medium, Xhigh, Max]),
            ("gpt-6.1-sol", [Low, Low, Medium, Xhigh, Max]),
            ("gpt-6-luna", [None, Low, Medium, Xhigh, Max]),
        ] {
            let traits = traits(name);
            let sent = [None, Minimal, Medium, Xhigh, Max].map(|effort| traits.effort(effort));
            assert_eq!(sent, expected, "{name}");
        }
    }

    #[test]
    fn models_that_reason_are_known_by_their_names() {
        for name in ["o1", "o4-mini", "gpt-5", "gpt-5.2-codex", "gpt-6-luna"] {
            assert!(reasons(name), "{name}");
        }
        for name in ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "gpt-oss-20b", "x"] {
            assert!(!reasons(name), "{name}");
        }
    }
}
