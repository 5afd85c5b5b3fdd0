//! Which dialect a channel is called in. Owns the order: the client's own dialect where the channel has it, since every
//! translation loses something; otherwise the one that loses least. Pure: what is known of a channel's answers is given.

use crate::config::snapshot::Channel;
use crate::wire::dialect::Dialect;

/// Whether requests of a dialect can be translated at all.
pub const fn is_translatable(own: Dialect) -> bool {
    matches!(
        own,
        Dialect::Chat | Dialect::Messages | Dialect::Responses | Dialect::Gemini
    )
}

/// The dialects for requests of a client's dialect, the better first.
const fn preferred(own: Dialect) -> [Dialect; 3] {
    match own {
        // Reasoning survives between Messages and Responses, and not in Chat.
        Dialect::Messages | Dialect::Gemini => {
            [Dialect::Messages, Dialect::Responses, Dialect::Chat]
        }
        Dialect::Responses => [Dialect::Responses, Dialect::Messages, Dialect::Chat],
        _ => [Dialect::Chat, Dialect::Responses, Dialect::Messages],
    }
}

/// The dialect to call `channel` in for a request of the dialect `own`. `lacks`: whether the channel has answered that it
/// has no such operation.
pub fn choose(own: Dialect, channel: &Channel, lacks: impl Fn(Dialect) -> bool) -> Dialect {
    if !is_translatable(own) {
        return own;
    }
    let found = order(own, channel).find(|dialect| !lacks(*dialect));
    found.or_else(|| order(own, channel).next()).unwrap_or(own)
}

/// Whether another dialect is left when the channel lacks those of which `lacks` says so.
pub fn has_other(own: Dialect, channel: &Channel, lacks: impl Fn(Dialect) -> bool) -> bool {
    is_translatable(own) && order(own, channel).any(|dialect| !lacks(dialect))
}

fn order(own: Dialect, channel: &Channel) -> impl Iterator<Item = Dialect> {
    let list = if let Some(configured) = &channel.dialects {
        preferred(own).map(|dialect| configured.contains(&dialect).then_some(dialect))
    } else {
        // What nearly every server of the kind has is the one that is tried besides: each further try would be a useless
        // call for every wrong model and base URL.
        let assumed = channel.endpoint.kind().dialects();
        let own_first = assumed.contains(&own).then_some(own);
        let usual = assumed.first().copied().filter(|usual| *usual != own);
        [own_first, usual, None]
    };
    list.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{ChannelConfig, Document};
    use crate::config::snapshot::{Snapshot, tests::channel};
    use crate::upstream::provider::Provider;

    fn chosen(
        own: Dialect,
        provider: Provider,
        dialects: Option<&[Dialect]>,
        lacking: &[Dialect],
    ) -> (Dialect, bool) {
        let stored = ChannelConfig {
            provider,
            dialects: dialects.map(<[_]>::to_vec),
            ..channel("c")
        };
        let document = Document {
            channels: vec![stored],
            ..Document::default()
        };
        let snapshot = Snapshot::build(document, None, || 0);
        let channel = snapshot.channel(0).unwrap();
        let lacks = |dialect| lacking.contains(&dialect);
        (choose(own, channel, lacks), has_other(own, channel, lacks))
    }

    #[test]
    fn the_own_dialect_comes_first_and_then_the_one_that_loses_least() {
        use Dialect::{Chat, Completions, Messages, Responses};
        use Provider::{Anthropic, OpenAi};
        let all: &[Dialect] = &[Chat, Messages, Responses];
        for (own, provider, dialects, lacking, expected) in [
            (Chat, OpenAi, None, &[][..], (Chat, true)),
            (Chat, OpenAi, None, &[Chat], (Chat, false)),
            (Messages, OpenAi, None, &[], (Messages, true)),
            (Messages, OpenAi, None, &[Messages], (Chat, true)),
            (Responses, OpenAi, None, &[Responses], (Chat, true)),
            (Responses, OpenAi, None, all, (Responses, false)),
            (Chat, Anthropic, None, &[], (Messages, true)),
            (Chat, Anthropic, None, &[Messages], (Messages, false)),
            (
                Messages,
                OpenAi,
                Some(&[Chat, Responses][..]),
                &[],
                (Responses, true),
            ),
            (
                Responses,
                OpenAi,
                Some(&[Chat, Messages]),
                &[],
                (Messages, true),
            ),
            (Responses, OpenAi, Some(all), &[], (Responses, true)),
            (Responses, OpenAi, Some(&[Chat]), &[Chat], (Chat, false)),
            (
                Completions,
                OpenAi,
                Some(&[Messages]),
                &[],
                (Completions, false),
            ),
        ] {
            let found = chosen(own, provider, dialects, lacking);
            assert_eq!(
                found, expected,
                "{own:?} {provider:?} {dialects:?} {lacking:?}"
            );
        }
    }
}
