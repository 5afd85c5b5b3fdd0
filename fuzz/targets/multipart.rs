//! Forms as clients send them: an edited form is a form, and what was not edited keeps its bytes.
//!
//! The input's first line is the content type, the rest is the body.
#![no_main]

use gateway_core::wire::media::{self, Media};
use gateway_core::wire::multipart::{Field, Form};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const MODEL: &str = "whisper-large-v3";

fn others<'a>(form: &Form<'a>) -> Vec<Field<'a>> {
    let untouched = |field: &Field<'_>| !["model", "user"].contains(&field.name);
    form.fields().filter(untouched).collect()
}

fuzz_target!(|input: &[u8]| {
    let (head, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => return,
    };
    let Ok(value) = HeaderValue::from_bytes(head) else {
        return;
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, value)]);
    let Ok(Media::Form(boundary)) = media::of(&headers) else {
        return;
    };
    let Ok(form) = Form::parse(boundary, body) else {
        return;
    };
    // A value that holds the boundary cannot be written into the form at all.
    let would_end_it = MODEL.contains(&format!("--{boundary}"));
    let edits = [("model", Some(MODEL.into())), ("user", None)];
    let edited = form.rewrite(&edits).expect("a model is set or added");
    if would_end_it {
        return;
    }
    let after = Form::parse(boundary, &edited).expect("an edited form is a form");
    assert_eq!(others(&after), others(&form));
    assert_eq!(
        (after.count("user"), after.count("model")),
        (0, form.count("model").max(1))
    );
    assert_eq!(after.text("model"), Some(MODEL));
});
