//! What a browser sees of the static files, over a table of three.

use http::header::{
    ACCEPT_ENCODING, CONTENT_SECURITY_POLICY, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use serde_json::Value;

use super::*;
use crate::files::Variant;

const FILES: &[File] = &[
    File {
        name: "assets/app-1a2b.js",
        plain: Variant {
            bytes: b"plain",
            etag: "\"p\"",
        },
        gzip: Some(Variant {
            bytes: b"gzip",
            etag: "\"g\"",
        }),
        brotli: Some(Variant {
            bytes: b"br",
            etag: "\"b\"",
        }),
    },
    File {
        name: "icon.png",
        plain: Variant {
            bytes: b"png",
            etag: "\"i\"",
        },
        gzip: None,
        brotli: None,
    },
    File {
        name: "index.html",
        plain: Variant {
            bytes: b"<html>",
            etag: "\"h\"",
        },
        gzip: None,
        brotli: None,
    },
];

fn ask(method: &Method, path: &str, headers: &[(HeaderName, &'static str)]) -> Response<Bytes> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect();
    respond(FILES, method, path, &headers)
}

fn get(path: &str) -> Response<Bytes> {
    ask(&Method::GET, path, &[])
}

fn header(response: &Response<Bytes>, name: HeaderName) -> &str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().expect("readable"))
}

fn error_of(response: &Response<Bytes>) -> Value {
    let body: Value = serde_json::from_slice(response.body()).expect("JSON");
    let error = body.get("error").expect("the envelope").clone();
    for key in ["message", "type", "param", "code"] {
        assert!(error.get(key).is_some(), "{key} is missing");
    }
    error
}

#[test]
fn the_page_answers_on_its_root_and_on_every_view() {
    for path in [
        "/admin",
        "/admin/",
        "/admin/channels",
        "/admin/keys/ck_1/edit",
        "/admin/v1.2/x",
    ] {
        let response = get(path);
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(&response.body()[..], b"<html>");
        assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8");
        assert_eq!(header(&response, CACHE_CONTROL), "no-cache");
        assert_eq!(header(&response, CONTENT_LENGTH), "6");
    }
}

#[test]
fn unknown_files_and_the_api_are_not_found() {
    let paths = [
        "/admin/absent.js",
        "/admin/assets/app-ffff.js",
        "/admin/../Cargo.toml",
        "/admin/api",
        "/admin/api/channels",
        "/administrator",
        "/",
    ];
    for path in paths {
        let response = get(path);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(error_of(&response)["code"], "not_found");
        assert_eq!(header(&response, CACHE_CONTROL), "no-store");
    }
}

#[test]
fn a_hashed_file_is_cached_for_ever_and_sent_in_the_best_coding() {
    let path = "/admin/assets/app-1a2b.js";
    let response = ask(&Method::GET, path, &[(ACCEPT_ENCODING, "gzip, br")]);
    assert_eq!(&response.body()[..], b"br");
    assert_eq!(header(&response, CONTENT_ENCODING), "br");
    assert_eq!(
        header(&response, CONTENT_TYPE),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(header(&response, CONTENT_LENGTH), "2");
    assert_eq!(header(&response, ETAG), "\"b\"");
    assert_eq!(header(&response, VARY), "accept-encoding");
    let caching = header(&response, CACHE_CONTROL);
    assert_eq!(caching, "public, max-age=31536000, immutable");

    let plain = get(path);
    assert_eq!(&plain.body()[..], b"plain");
    assert_eq!(header(&plain, CONTENT_ENCODING), "");
    assert_eq!(header(&plain, ETAG), "\"p\"");
}

#[test]
fn a_known_tag_answers_304_without_a_body_and_belongs_to_one_coding() {
    let path = "/admin/assets/app-1a2b.js";
    let with = |coding, tag| {
        ask(
            &Method::GET,
            path,
            &[(ACCEPT_ENCODING, coding), (IF_NONE_MATCH, tag)],
        )
    };
    let unchanged = with("br", "\"x\", W/\"b\"");
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert!(unchanged.body().is_empty());
    assert_eq!(header(&unchanged, ETAG), "\"b\"");
    assert_eq!(header(&unchanged, VARY), "accept-encoding");
    assert_eq!(header(&unchanged, CONTENT_LENGTH), "");
    assert_eq!(header(&unchanged, CONTENT_TYPE), "");
    assert_eq!(with("gzip", "\"b\"").status(), StatusCode::OK);
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let got = get("/admin/icon.png");
    let head = ask(&Method::HEAD, "/admin/icon.png", &[]);
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.body().is_empty());
    for name in [CONTENT_TYPE, CONTENT_LENGTH, ETAG, CACHE_CONTROL, VARY] {
        assert_eq!(header(&head, name.clone()), header(&got, name));
    }
    assert!(ask(&Method::HEAD, "/admin/no.js", &[]).body().is_empty());
}

#[test]
fn writing_is_refused_with_the_methods_that_work() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = ask(&method, "/admin/", &[]);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, ALLOW), "GET, HEAD");
        assert_eq!(error_of(&response)["code"], "method_not_allowed");
    }
}

#[test]
fn every_response_carries_the_safety_headers() {
    let known = ask(&Method::GET, "/admin/", &[(IF_NONE_MATCH, "*")]);
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let posted = ask(&Method::POST, "/admin/", &[]);
    for response in [get("/admin/"), get("/admin/no.js"), known, posted] {
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(header(&response, X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header(&response, X_FRAME_OPTIONS), "DENY");
        assert_eq!(header(&response, REFERRER_POLICY), "no-referrer");
    }
}
