//! Files of other gateways: any file is read or refused, twice the same, and what is planned stays within the file.
#![no_main]

use std::collections::BTreeMap;

use gateway_core::moving;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let variables = BTreeMap::from([("KEY".to_owned(), "sk-variable-0123456789".to_owned())]);
    let plan = moving::read(input, None, &variables);
    let again = moving::read(input, None, &variables);
    assert_eq!(format!("{plan:?}"), format!("{again:?}"));
    let Ok(plan) = plan else { return };
    // One letter of a YAML alias can stand for many values, but not for more than the reader's bound.
    assert!(plan.channels.len() + plan.keys.len() + plan.aliases.len() <= 200_000);
    for key in &plan.keys {
        assert!(
            key.secret
                .as_ref()
                .is_none_or(|secret| secret.expose().starts_with("sk-"))
        );
    }
    for channel in &plan.channels {
        assert!(
            channel
                .keys
                .iter()
                .all(|key| !key.secret.expose().is_empty())
        );
        assert!(
            channel
                .notes
                .iter()
                .all(|note| !note.to_string().is_empty())
        );
    }
});
