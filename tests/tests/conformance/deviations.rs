//! Which host is excused from which case. Owns the list, and that the documents have the same one.

use anyhow::{Result, ensure};
use gateway_tests::{Host, workspace_root};

use super::{CASES, HOSTS};

/// A case that a host does not meet.
pub struct Deviation {
    /// The host.
    pub host: Host,
    /// The case's name.
    pub case: &'static str,
}

/// All of them; the reasons are in `docs/operate/hosts/README.md`.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        host: Host::Fakes,
        case: "panel_files",
    },
    Deviation {
        host: Host::Workerd,
        case: "disconnect_from_a_silent_stream",
    },
    Deviation {
        host: Host::Workerd,
        case: "disconnect_before_the_head",
    },
    Deviation {
        host: Host::Workerd,
        case: "connect_timeout",
    },
];

/// Every deviation has a row with its case and its host in the documents, and a case of that name.
pub fn agree_with_the_documents() -> Result<()> {
    let text = std::fs::read_to_string(workspace_root().join("docs/operate/hosts/README.md"))?;
    for Deviation { host, case } in DEVIATIONS {
        ensure!(
            CASES.iter().any(|known| known.name == *case),
            "there is no case {case}"
        );
        let name = HOSTS
            .iter()
            .find_map(|(known, name)| (known == host).then_some(*name));
        let row = format!("| `{case}` | {} |", name.unwrap_or_default());
        ensure!(
            text.contains(&row),
            "docs/operate/hosts/README.md has no row {row}"
        );
    }
    let rows = text.matches("\n| `").count();
    let named: usize = CASES
        .iter()
        .map(|case| text.matches(&format!("\n| `{}` |", case.name)).count())
        .sum();
    ensure!(
        named == DEVIATIONS.len(),
        "docs/operate/hosts/README.md has {named} rows about cases among {rows}, {} are expected",
        DEVIATIONS.len()
    );
    Ok(())
}
