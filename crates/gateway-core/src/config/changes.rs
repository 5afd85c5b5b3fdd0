//! Which of the latest changes the stored configuration holds. A compare-and-swap can report failure although it took
//! place (Spin's Redis store does so after every swap), so each attempt to change the document adds a new id, which shows
//! whether it took place when the document is read again. Owns the list and its bound; reads and writes no store.

use super::model::Document;
use crate::ids;
use crate::ports::Random;

/// Ids that are kept: far more than there can be writers between a swap and the read that checks it.
pub const MAX_RECENT: usize = 64;
/// Random bytes of an id. It only needs to differ from the others in the list.
const ID_BYTES: usize = 8;

/// One change of the document, which may take several attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeId(String);

impl ChangeId {
    /// A fresh id.
    pub fn new(random: &impl Random) -> Self {
        let mut bytes = [0_u8; ID_BYTES];
        random.fill_secure(&mut bytes);
        Self(ids::hex(&bytes))
    }

    /// Adds to `document` that it is the result of attempt number `turn`, after the changes in `before`.
    pub fn record(&self, document: &mut Document, before: Vec<String>, turn: usize) {
        document.recent_changes = before;
        document.recent_changes.push(self.of_turn(turn));
        let surplus = document.recent_changes.len().saturating_sub(MAX_RECENT);
        document.recent_changes.drain(..surplus);
    }

    /// Which of the first `turns` attempts took place.
    pub fn landed<K>(&self, document: &Document<K>, turns: usize) -> Option<usize> {
        (0..turns).find(|turn| {
            let id = self.of_turn(*turn);
            document.recent_changes.contains(&id)
        })
    }

    fn of_turn(&self, turn: usize) -> String {
        format!("{}.{turn}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_try_that_took_place_is_found_and_the_list_stays_short() {
        let mine = ChangeId("mine".to_owned());
        let other = ChangeId("other".to_owned());
        let mut document = Document::default();
        mine.record(&mut document, Vec::new(), 2);
        assert_eq!(mine.landed(&document, 3), Some(2));
        assert_eq!(mine.landed(&document, 2), None);
        assert_eq!(other.landed(&document, 3), None);
        for turn in 0..MAX_RECENT {
            assert_eq!(mine.landed(&document, 3), Some(2), "{turn}");
            let before = std::mem::take(&mut document.recent_changes);
            other.record(&mut document, before, turn);
        }
        assert_eq!(mine.landed(&document, 3), None);
        assert_eq!(document.recent_changes.len(), MAX_RECENT);
    }
}
