//! Tests of what needs no host: lengths.

use super::*;

#[test]
fn lengths_are_given_where_http_has_them() {
    let mut headers = HeaderMap::new();
    set_length(&mut headers, StatusCode::NO_CONTENT, 0);
    assert!(!headers.contains_key(CONTENT_LENGTH));
    set_length(&mut headers, StatusCode::OK, 12);
    assert_eq!(headers[CONTENT_LENGTH], "12");
    // The answer to a HEAD: its body is gone, its length is told.
    set_length(&mut headers, StatusCode::OK, 0);
    assert_eq!(headers[CONTENT_LENGTH], "12");
}
