//! Forms as clients send them: an edited form is a form, and what was not edited keeps its bytes.
//!
//! The input's first line is the content type, the rest is the body.
#![no_main]

use gateway_core::wire::multipart::{self, Form};
use libfuzzer_sys::fuzz_target;

const MODEL: &str = "whisper-large-v3";

fn others<'a>(form: &'a Form<'_>) -> Vec<(&'a str, &'a [u8])> {
    let untouched = |(name, _): &(&str, &[u8])| !["model", "user"].contains(name);
    form.fields().filter(untouched).collect()
}

fuzz_target!(|input: &[u8]| {
    let (head, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => return,
    };
    let Some(boundary) = std::str::from_utf8(head).ok().and_then(multipart::boundary) else {
        return;
    };
    let Ok(form) = Form::parse(boundary, body) else {
        return;
    };
    // A value that holds the boundary cannot be written into the form at all.
    let would_end_it = MODEL.contains(&format!("--{boundary}"));
    let edits = [("model", Some(MODEL.into())), ("user", None)];
    let Some(edited) = form.rewrite(&edits) else {
        assert_eq!((form.count("model"), form.count("user")), (0, 0));
        return;
    };
    if would_end_it {
        return;
    }
    let after = Form::parse(boundary, &edited).expect("an edited form is a form");
    assert_eq!(others(&after), others(&form));
    assert_eq!(
        (after.count("user"), after.count("model")),
        (0, form.count("model"))
    );
    assert!(after.count("model") == 0 || after.text("model") == Some(MODEL));
});
