//! The price tables of channels and settings. Owns which table applies; what a request costs is
//! [`crate::ledger::price`]'s.

use crate::config::model::{Price, Prices};

/// The price of a model: by the client's name for it in the channel's own table, then by the upstream's name, then both in
/// the settings' table. `None`: there is none.
pub fn find<'p>(
    channel: &'p Prices,
    settings: &'p Prices,
    model: &str,
    upstream_model: &str,
) -> Option<&'p Price> {
    [channel, settings]
        .into_iter()
        .flat_map(|table| [table.get(model), table.get(upstream_model)])
        .flatten()
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channels_table_and_the_clients_name_come_first() {
        let table = |names: &[(&str, u64)]| -> Prices {
            names
                .iter()
                .map(|(name, each)| {
                    (
                        (*name).to_owned(),
                        Price {
                            prompt: *each,
                            ..Price::default()
                        },
                    )
                })
                .collect()
        };
        let found = |channel: &[(&str, u64)], settings: &[(&str, u64)]| {
            find(&table(channel), &table(settings), "gpt-4o", "llama").map(|price| price.prompt)
        };
        let both = [("gpt-4o", 3), ("llama", 4)];
        assert_eq!(found(&[("gpt-4o", 1), ("llama", 2)], &both), Some(1));
        assert_eq!(found(&[("llama", 2)], &both), Some(2));
        assert_eq!(found(&[("other", 9)], &both), Some(3));
        assert_eq!(found(&[], &[("llama", 4)]), Some(4));
        assert_eq!(found(&[], &[("other", 9)]), None);
    }
}
