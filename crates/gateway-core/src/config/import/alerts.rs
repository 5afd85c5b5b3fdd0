//! What becomes of the destinations of alerts that an admin sends: those with a known id keep what is not given. Owns the
//! sealing of their URLs and secrets.

use super::{Protection, Refused, protect};
use crate::config::alerts::{Alerts, Destination, DestinationKind};
use crate::config::model::StoredSecret;
use crate::config::seal;
use crate::config::validate::{AlertsDraft, DestinationDraft, Problems, join};
use crate::ids;
use crate::ports::Random;
use crate::problem::ProblemKind;
use crate::secret;

/// The alerts that a draft describes, where `current` are in force. `path` is where they are in the request.
pub fn resolve(
    path: &str,
    draft: &AlertsDraft,
    current: &Alerts,
    protection: Protection<'_>,
    random: &impl Random,
) -> Result<Alerts, Refused> {
    let mut problems = Problems::default();
    let mut destinations = Vec::new();
    let Some(drafts) = &draft.destinations else {
        return Ok(Alerts {
            rules: draft.rules,
            destinations: current.destinations.clone(),
        });
    };
    for (index, wanted) in drafts.iter().enumerate() {
        let place = format!("{path}[{index}]");
        let resolved = destination(&place, wanted, current, protection, random, &mut problems)?;
        destinations.extend(resolved);
    }
    if problems.list().is_empty() {
        Ok(Alerts {
            rules: draft.rules,
            destinations,
        })
    } else {
        Err(Refused::Invalid(problems))
    }
}

/// One destination, which keeps what is not given of the one with its id; `None`: it lacks something, which was added to
/// `problems`.
pub fn destination(
    path: &str,
    wanted: &DestinationDraft,
    current: &Alerts,
    protection: Protection<'_>,
    random: &impl Random,
    problems: &mut Problems,
) -> Result<Option<Destination>, Refused> {
    let known = current
        .destinations
        .iter()
        .find(|known| Some(&known.id) == wanted.id.as_ref());
    let id = wanted.id.clone();
    let id = id.unwrap_or_else(|| ids::object_id("ad", random));
    let (url, hint) = match (&wanted.url, known) {
        (Some(url), _) => {
            let stored = protect(protection, random, url.expose(), &id)?;
            (Some(stored), url_hint(url.expose()))
        }
        (None, Some(known)) => {
            let url = resealed(&known.url, &id, protection, random)?;
            (Some(url), known.hint.clone())
        }
        (None, None) => (None, String::new()),
    };
    let secret_id = Destination::secret_id(&id);
    let secret = match (
        &wanted.secret,
        known.and_then(|known| known.secret.as_ref()),
    ) {
        (Some(Some(secret)), _) => Some(protect(protection, random, secret.expose(), &secret_id)?),
        (None, Some(known)) => Some(resealed(known, &secret_id, protection, random)?),
        (Some(None), _) | (None, None) => None,
    };
    let name = wanted.name.clone().or_else(|| Some(known?.name.clone()));
    let kind = wanted.kind.or_else(|| Some(known?.kind));
    let recipient = wanted
        .recipient
        .clone()
        .unwrap_or_else(|| known.and_then(|known| known.recipient.clone()));
    let lacks_recipient = kind == Some(DestinationKind::Telegram) && recipient.is_none();
    for (member, is_missing) in [
        ("name", name.is_none()),
        ("kind", kind.is_none()),
        ("url", url.is_none()),
        ("recipient", lacks_recipient),
    ] {
        if is_missing {
            problems.add(join(path, member), ProblemKind::Required);
        }
    }
    let enabled = wanted.enabled.or_else(|| Some(known?.enabled));
    Ok(match (name, kind, url) {
        (Some(name), Some(kind), Some(url)) if !lacks_recipient => Some(Destination {
            id,
            name,
            kind,
            enabled: enabled.unwrap_or(true),
            url,
            hint,
            secret,
            recipient,
        }),
        _ => None,
    })
}

/// A stored secret from the time before the master key is encrypted at the first opportunity.
fn resealed(
    stored: &StoredSecret,
    id: &str,
    protection: Protection<'_>,
    random: &impl Random,
) -> Result<StoredSecret, Refused> {
    match (stored, protection) {
        (StoredSecret::Clear(clear), Ok(Some(master))) => {
            let sealed = seal::store(Some(master), random, clear.expose(), id);
            sealed.map_err(|error| Refused::Unprotected(error.to_string()))
        }
        _ => Ok(stored.clone()),
    }
}

/// The host of a webhook, and the end of a long path or query: enough to recognise it, too little to call it.
pub fn url_hint(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let end = secret::hint(rest.get(host.len()..).unwrap_or_default());
    let end = end.rsplit_once('…').map_or("", |(_, end)| end);
    format!("{host}/…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_host_and_no_more_than_the_end() {
        for (url, hint) in [
            (
                "https://hooks.slack.com/services/T0/B0/abcdefghwxyz",
                "hooks.slack.com/…wxyz",
            ),
            ("https://ntfy.sh/mytopic", "ntfy.sh/…"),
            ("http://h:8080?access_token=0123456789", "h:8080/…6789"),
        ] {
            assert_eq!(url_hint(url), hint);
        }
    }
}
