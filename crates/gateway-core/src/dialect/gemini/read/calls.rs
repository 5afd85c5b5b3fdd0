//! Which result belongs to which call. Owns the ids of calls: older clients send none, and mean a call by its function's
//! name and its place among the calls of the same turn.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::dialect::ids;

/// What ids are made from; the same request always gets the same ones, so that prompt caches hold.
const CALL_SEED: &str = "gemini";
const RESULT_SEED: &str = "gemini result";

/// The calls of a conversation, as far as it has been read.
#[derive(Default)]
pub struct CallMatcher<'a> {
    given: HashSet<Cow<'a, str>>,
    open: Vec<UnansweredCall<'a>>,
    calls: usize,
    results: usize,
}

struct UnansweredCall<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
}

impl<'a> CallMatcher<'a> {
    /// A turn of the model begins: results after it are those of its calls.
    pub fn begin_turn(&mut self) {
        self.open.clear();
    }

    /// The id of the next call.
    pub fn call(&mut self, id: Option<Cow<'a, str>>, name: &Cow<'a, str>) -> Cow<'a, str> {
        let id = match id.filter(|id| !id.is_empty()) {
            Some(id) => {
                self.given.insert(id.clone());
                id
            }
            None => Cow::Owned(ids::made_call_id(CALL_SEED, self.calls)),
        };
        self.calls += 1;
        self.open.push(UnansweredCall {
            id: id.clone(),
            name: name.clone(),
        });
        id
    }

    /// The id of the call that a result belongs to: by its id where a call has it, otherwise the first call of the turn
    /// with the function's name that has no result. A result without either gets an id that no call has.
    pub fn result(&mut self, id: Option<Cow<'a, str>>, name: Option<&str>) -> Cow<'a, str> {
        let id = id.filter(|id| !id.is_empty());
        if let Some(id) = &id
            && self.given.contains(id)
        {
            if let Some(place) = self.open.iter().position(|call| call.id == *id) {
                self.open.remove(place);
            }
            return id.clone();
        }
        let found = self
            .open
            .iter()
            .position(|call| name.is_none_or(|name| call.name == name));
        if let Some(place) = found {
            return self.open.remove(place).id;
        }
        self.results += 1;
        id.unwrap_or_else(|| Cow::Owned(ids::made_call_id(RESULT_SEED, self.results)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls_by_id_or_by_name_and_order() {
        let mut matcher = CallMatcher::default();
        matcher.begin_turn();
        let f = Cow::Borrowed("f");
        let first = matcher.call(None, &f);
        let second = matcher.call(Some("".into()), &f);
        let third = matcher.call(Some("x".into()), &Cow::Borrowed("g"));
        let fourth = matcher.call(Some("y".into()), &f);
        assert_ne!(first, second);
        assert_eq!((&*third, &*fourth), ("x", "y"));
        assert_eq!(matcher.result(None, Some("g")), "x");
        assert_eq!(matcher.result(Some("y".into()), Some("f")), "y");
        // An id that the client made up itself.
        assert_eq!(matcher.result(Some("z".into()), Some("f")), first);
        assert_eq!(matcher.result(None, None), second);
        assert_eq!(matcher.result(Some("z".into()), Some("f")), "z");
        let orphan = matcher.result(None, Some("f"));
        assert!(![&first, &second, &third, &fourth].contains(&&orphan));
        assert_ne!(matcher.result(None, Some("f")), orphan);
    }

    #[test]
    fn calls_of_earlier_turns_are_found_by_id_alone() {
        let mut matcher = CallMatcher::default();
        let f = Cow::Borrowed("f");
        matcher.begin_turn();
        matcher.call(Some("a".into()), &f);
        matcher.begin_turn();
        let later = matcher.call(None, &f);
        assert_eq!(matcher.result(None, Some("f")), later);
        assert_eq!(matcher.result(Some("a".into()), Some("f")), "a");
        let mut again = CallMatcher::default();
        again.call(Some("a".into()), &f);
        assert_eq!(again.call(None, &f), later);
    }
}
