//! Tests of what needs no host: lengths.

use super::*;

#[test]
fn lengths_are_given_where_http_has_them() {
    let mut headers = HeaderMap::new();
    set_length(&mut headers, StatusCode::NO_CONTENT, 0);
    assert!(!headers.contains_key(CONTENT_LENGTH));
    set_length(&mut headers, StatusCode::OK, 12);
    assert_eq!(headers[CONTENT_LENGTH], "12");
}
