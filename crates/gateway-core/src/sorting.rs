//! Stable sorting whose code is in a component once. The standard library's sorts are made again for each type, at some
//! five kilobytes each, and most lists here have a few entries. Owns no order: that is the caller's.

use std::cmp::Ordering;

/// Lists up to this length are sorted in place, by insertion.
const SHORT: usize = 20;

/// Sorts by `compare`; equal items keep their order.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    if items.len() > SHORT {
        let mut between = |one: usize, other: usize| match (items.get(one), items.get(other)) {
            (Some(one), Some(other)) => compare(one, other),
            _ => Ordering::Equal,
        };
        let order = order_by(items.len(), &mut between);
        return arrange(order, &mut |one, other| items.swap(one, other));
    }
    for end in 1..items.len() {
        let mut place = end;
        while let Some([before, item]) = items.get(place - 1..=place)
            && compare(item, before) == Ordering::Less
        {
            items.swap(place - 1, place);
            place -= 1;
            if place == 0 {
                break;
            }
        }
    }
}

/// Sorts by a key that is cheap to make; equal items keep their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |one, other| key(one).cmp(&key(other)));
}

/// Sorts by a key that is made once for each item; equal items keep their order.
pub fn sort_by_cached_key<T: Copy, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    if items.len() < 2 {
        return;
    }
    let mut keyed: Vec<(K, T)> = items.iter().map(|item| (key(item), *item)).collect();
    sort_by(&mut keyed, |(one, _), (other, _)| one.cmp(other));
    for (item, (_, sorted)) in items.iter_mut().zip(keyed) {
        *item = sorted;
    }
}

/// The places of `length` items in their order.
fn order_by(length: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

/// Moves each item to the place where `order` names it, by swaps.
fn arrange(mut order: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for place in 0..order.len() {
        // An item that was swapped away before is where the swap of that place has put it.
        let mut from = order.get(place).copied().unwrap_or(place);
        while from < place {
            from = order.get(from).copied().unwrap_or(place);
        }
        if let Some(entry) = order.get_mut(place) {
            *entry = from;
        }
        if from != place {
            swap(place, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_standard_library(numbers in proptest::collection::vec(0_u8..12, 0..90)) {
            let numbered: Vec<(u8, usize)> = numbers.iter().copied().zip(0..).collect();
            let mut expected = numbered.clone();
            expected.sort_by_key(|(number, _)| *number);
            let mut sorted = numbered.clone();
            sort_by_key(&mut sorted, |(number, _)| *number);
            prop_assert_eq!(&sorted, &expected);
            let mut sorted = numbered.clone();
            sort_by_cached_key(&mut sorted, |(number, _)| *number);
            prop_assert_eq!(&sorted, &expected);
            // The same with the greatest first, where every item moves.
            expected.sort_by(|one, other| other.cmp(one));
            let mut sorted = numbered;
            sort_by(&mut sorted, |one, other| other.cmp(one));
            prop_assert_eq!(&sorted, &expected);
        }
    }

    #[test]
    fn a_key_is_made_once() {
        let made = std::cell::Cell::new(0);
        let mut items = [3, 1, 2];
        sort_by_cached_key(&mut items, |item| {
            made.set(made.get() + 1);
            *item
        });
        assert_eq!((items, made.get()), ([1, 2, 3], 3));
    }
}
