//! Lists are filtered, sorted and cut as their parameters say.

use std::collections::BTreeSet;

use super::*;

const SORTS: [&str; 2] = [CREATED, "name"];

fn query(query: &str) -> Result<ListQuery, GatewayError> {
    ListQuery::read(&format!("/x?{query}").parse().unwrap(), &SORTS)
}

/// Rows of `(name, id)`; the id's number is the time of creation.
fn page(list: &ListQuery, names: &[(&str, u64)]) -> (Vec<u64>, Option<String>, usize) {
    let (ids, position) = positioned(list, names);
    let PagePosition { next, total } = position.unwrap();
    (ids, next, total)
}

fn positioned(list: &ListQuery, names: &[(&str, u64)]) -> (Vec<u64>, Option<PagePosition>) {
    let page = list.page(names.to_vec(), |(name, number), sort| {
        let key = match sort {
            "name" => text_key(name),
            _ => number_key(*number),
        };
        (key, format!("id_{number}"))
    });
    let ids = page.rows.iter().map(|(_, number)| *number).collect();
    (ids, page.position)
}

#[test]
fn without_parameters_everything_is_given_as_it_is_stored() {
    let rows = [("b", 3), ("a", 1), ("c", 2)];
    assert_eq!(
        positioned(&query("").unwrap(), &rows),
        (vec![3, 1, 2], None)
    );
    let all = page(&query("q=").unwrap(), &rows);
    assert_eq!(all, (vec![3, 1, 2], None, 3));
}

#[test]
fn pages_follow_each_other_in_either_order_and_say_how_many_there_are() {
    let rows = [("B", 1), ("a", 2), ("c", 3), ("b", 4), ("A", 5)];
    for (sort, expected) in [
        ("sort=name", [2, 5, 1, 4, 3]),
        ("sort=name&order=desc", [3, 4, 1, 5, 2]),
        ("", [1, 2, 3, 4, 5]),
        ("order=desc", [5, 4, 3, 2, 1]),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let list = query(&format!("{sort}&limit=2{cursor}")).unwrap();
            let (rows, next, total) = page(&list, &rows);
            assert_eq!(total, 5);
            assert!(rows.len() <= 2);
            seen.extend(rows);
            match next {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{sort}");
    }
}

#[test]
fn rows_that_come_and_go_neither_repeat_others_nor_hide_them() {
    let before = [("a", 1), ("c", 2), ("e", 3), ("g", 4)];
    let (first, next, _) = page(&query("sort=name&limit=2").unwrap(), &before);
    assert_eq!(first, [1, 2]);
    // The row at which the page ended is gone, and others came before and behind that place.
    let after = [("a", 1), ("b", 5), ("d", 6), ("e", 3), ("g", 4)];
    let list = query(&format!("sort=name&limit=2&cursor={}", next.unwrap())).unwrap();
    let (second, next, total) = page(&list, &after);
    assert_eq!((second, total), (vec![6, 3], 5));
    let list = query(&format!("sort=name&limit=2&cursor={}", next.unwrap())).unwrap();
    assert_eq!(page(&list, &after), (vec![4], None, 5));
}

#[test]
fn a_page_that_is_exactly_full_is_the_last_one() {
    let list = query("limit=2").unwrap();
    assert_eq!(page(&list, &[("a", 1), ("b", 2)]), (vec![1, 2], None, 2));
}

#[test]
fn mistakes_name_the_parameter() {
    let cursor = page(&query("limit=1").unwrap(), &[("a", 1), ("b", 2)]).1;
    let cursor = cursor.unwrap();
    for (text, param) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("sort=hint", "sort"),
        ("order=up", "order"),
        ("cursor=abc&limit=1", "cursor"),
        (&format!("cursor={cursor}"), "cursor"),
        (&format!("cursor={cursor}&limit=1&sort=name"), "cursor"),
        (&format!("cursor={cursor}&limit=1&order=desc"), "cursor"),
        ("page=2", "page"),
        ("tag=a&tag=b", "tag"),
        (&format!("q={}", "x".repeat(MAX_SEARCH_CHARS + 1)), "q"),
    ] {
        let error = query(text).unwrap_err();
        assert_eq!(error.status.as_u16(), 400, "{text}");
        assert_eq!(error.body.param.as_deref(), Some(param), "{text}");
    }
}

#[test]
fn every_word_must_occur_and_a_tag_must_be_whole() {
    let tags = ["Team Blue".to_owned(), "eu".to_owned()];
    let selected = |text: &str| query(text).unwrap().selects(&tags, || ["Laptop", "ck_1"]);
    for text in [
        "",
        "q=LAP",
        "q=ck_1",
        "q=laptop+blue",
        "q=++",
        "tag=eu",
        "tag=Team+Blue&q=lap",
        "tag=",
    ] {
        assert!(selected(text), "{text}");
    }
    for text in ["q=lap+red", "tag=Team", "tag=team+blue", "tag=eu&q=red"] {
        assert!(!selected(text), "{text}");
    }
}

#[test]
fn a_whole_key_is_found_by_its_hint() {
    let words = |q: &str| SearchWords::read(Some(q)).unwrap();
    let hint = "sk-N…aB_4";
    for found in ["sk-NotARealKey000000aB_4", "SK-Nxxxxxxxxxxxxxxxxab_4"] {
        assert!(words(found).occur_in(["laptop", hint]), "{found}");
    }
    for missed in [
        "sk-NotARealKey000000aB_5",
        "sk-MotARealKey000000aB_4",
        // Too short to be a key: its hint would be that of every other short one.
        "sk-N000000aB_4",
    ] {
        assert!(!words(missed).occur_in(["laptop", hint, "…"]), "{missed}");
    }
}

#[test]
fn times_and_numbers_sort_by_their_value() {
    let keys = [None, Some(Timestamp(9)), Some(Timestamp(10))].map(time_key);
    assert!(keys.is_sorted());
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(number_key(2_u16) < number_key(10_u16));
}
