//! Price list files: any file is read, rejected or no price list; what is taken from it is a configuration that can be
//! stored, and an import of the same list again changes nothing.
#![no_main]

use gateway_core::config::model::Document;
use gateway_core::config::price::Prices;
use gateway_core::config::price_list::PriceList;
use gateway_core::config::validate::{DocumentDraft, Problems};
use gateway_core::units::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|input: &[u8]| {
    let parsed = PriceList::parse(input);
    let Ok(Some(list)) = parsed else {
        if parsed.is_err() {
            assert!(PriceList::parse(input).is_err());
        }
        return;
    };
    assert_eq!(PriceList::parse(input).ok().flatten().as_ref(), Some(&list));
    assert!(!list.prices.is_empty());
    let text = serde_json::to_vec(&list.prices).expect("prices can be stored");
    let read: Prices = serde_json::from_slice(&text).expect("stored prices can be read");
    assert_eq!(read, list.prices);

    let mut document = Document::default();
    let count = list.prices.len();
    let first = list.clone().apply(&mut document);
    assert_eq!((first.added.len(), first.unchanged), (count, 0));
    assert_eq!(document.settings.prices, list.prices);
    let stored = json!({"version": 1, "channels": [], "keys": [], "settings": {"prices": document.settings.prices}});
    let mut problems = Problems::default();
    DocumentDraft::read(&stored, Timestamp(1_800_000_000_000), &mut problems);
    assert!(problems.list().is_empty(), "{:?}", problems.list());
    let again = list.clone().apply(&mut document);
    assert!(again.added.is_empty() && again.changed.is_empty() && again.removed.is_empty());
    assert_eq!(again.unchanged, count);

    // A price that was set by hand stays; a list without it removes the others of its source.
    if let Some((model, price)) = document.settings.prices.iter_mut().next() {
        let model = model.clone();
        price.source = None;
        let kept = list.clone().apply(&mut document).kept;
        assert_eq!(kept.len(), 1);
        let mut rest = list;
        rest.prices.clear();
        let removed = rest.apply(&mut document).removed;
        assert_eq!(removed.len(), count - 1);
        assert_eq!(
            document.settings.prices.keys().collect::<Vec<_>>(),
            [&model]
        );
    }
});
