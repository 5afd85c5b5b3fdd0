//! The upstreams' lists of models as instances share them: one record of the store. Owns its shape and its bound; reads
//! and writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::units::{MIB, Timestamp};

/// The largest record. Beyond it, the lists that were read first are left out.
const MAX_BYTES: usize = MIB;

/// The lists, by the channels' ids.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SharedLists(BTreeMap<String, SharedList>);

/// One upstream's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedList {
    /// The address that it was read from; for another one it is invalid.
    pub address: String,
    /// When the upstream was last queried.
    pub asked: Timestamp,
    /// The names; `None`: the upstream has not returned any yet.
    pub names: Option<BTreeSet<String>>,
}

impl SharedLists {
    /// Reads the record. A damaged one counts as none: the upstreams are queried again.
    pub fn parse(stored: Option<&[u8]>) -> Self {
        stored
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default()
    }

    /// The list of a channel at this address, if it was read after `asked`.
    pub fn newer(
        &self,
        channel: &str,
        address: &str,
        asked: Option<Timestamp>,
    ) -> Option<&SharedList> {
        self.0
            .get(channel)
            .filter(|list| list.address == address && Some(list.asked) > asked)
    }

    /// Adds a list. Where the upstream returned none, the earlier names stay.
    pub fn put(&mut self, channel: &str, mut list: SharedList) {
        let known = self.0.remove(channel);
        if list.names.is_none() {
            list.names = known
                .filter(|known| known.address == list.address)
                .and_then(|known| known.names);
        }
        self.0.insert(channel.to_owned(), list);
    }

    /// The record's bytes, within its bound.
    pub fn into_bytes(mut self) -> Vec<u8> {
        loop {
            let bytes = serde_json::to_vec(&self).unwrap_or_default();
            if bytes.len() <= MAX_BYTES {
                return bytes;
            }
            let oldest = self.0.iter().min_by_key(|(_, list)| list.asked);
            match oldest.map(|(id, _)| id.clone()) {
                Some(id) => self.0.remove(&id),
                None => return Vec::new(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(asked: u64, names: Option<&[&str]>) -> SharedList {
        SharedList {
            address: "https://a/v1/models".to_owned(),
            asked: Timestamp(asked),
            names: names.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        }
    }

    #[test]
    fn lists_are_shared_by_address_and_the_newer_one_counts() {
        let mut lists = SharedLists::default();
        lists.put("c", list(5, Some(&["m"])));
        let lists = SharedLists::parse(Some(&lists.into_bytes()));
        let newer = |address: &str, asked| lists.newer("c", address, asked).is_some();
        assert!(newer("https://a/v1/models", None));
        assert!(newer("https://a/v1/models", Some(Timestamp(4))));
        assert!(!newer("https://a/v1/models", Some(Timestamp(5))));
        assert!(!newer("https://b/v1/models", None));
    }

    #[test]
    fn names_outlive_an_upstream_that_gives_none() {
        let mut lists = SharedLists::default();
        lists.put("c", list(5, Some(&["m"])));
        lists.put("c", list(6, None));
        assert_eq!(lists.0["c"], list(6, Some(&["m"])));
        let moved = SharedList {
            address: "https://b/v1/models".to_owned(),
            ..list(7, None)
        };
        lists.put("c", moved.clone());
        assert_eq!(lists.0["c"], moved);
    }

    #[test]
    fn the_record_is_bounded_and_a_damaged_one_is_none() {
        let mut lists = SharedLists::default();
        let long = "x".repeat(MAX_BYTES / 3);
        for asked in 1..=4 {
            lists.put(&asked.to_string(), list(asked, Some(&[&long])));
        }
        let bytes = lists.into_bytes();
        assert!(bytes.len() <= MAX_BYTES);
        let lists = SharedLists::parse(Some(&bytes));
        assert_eq!(lists.0.keys().collect::<Vec<_>>(), ["3", "4"]);
        assert!(SharedLists::parse(Some(b"{\"c\":1}")).0.is_empty());
        assert!(SharedLists::parse(None).0.is_empty());
    }
}
