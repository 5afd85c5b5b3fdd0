//! Requests that a browser sends for another site's page.

use gateway_core::peer::Peer;
use serde_json::json;

use crate::{Gateway, PASSWORD, request, sent_by};

/// Host, origin, and whether they are one.
const ORIGINS: [(&str, &str, bool); 16] = [
    ("gateway.example", "https://gateway.example", true),
    ("Gateway.Example", "https://gateway.example:443", true),
    ("gateway.example:443", "https://gateway.example", true),
    ("127.0.0.1:3000", "http://127.0.0.1:3000", true),
    ("[::1]:3000", "http://[::1]:3000", true),
    ("gateway.example", "https://evil.example", false),
    (
        "gateway.example",
        "https://gateway.example.evil.example",
        false,
    ),
    ("gateway.example", "https://gateway.example:8443", false),
    ("gateway.example:8443", "https://gateway.example", false),
    ("127.0.0.1:3000", "http://127.0.0.1:3001", false),
    ("gateway.example", "null", false),
    ("gateway.example", "", false),
    ("gateway.example", "gateway.example", false),
    ("gateway.example", "file://gateway.example", false),
    (
        "gateway.example",
        "https://gateway.example@evil.example",
        false,
    ),
    ("not a host", "https://gateway.example", false),
];

/// Sends a read with the cookie and a login with these headers; both are accepted or both rejected.
fn is_taken(gateway: &Gateway, headers: &[(&str, &str)]) -> bool {
    is_taken_from(&Peer::default(), gateway, headers)
}

/// The same from a peer.
fn is_taken_from(peer: &Peer, gateway: &Gateway, headers: &[(&str, &str)]) -> bool {
    let send = |request| gateway.send(sent_by(peer.clone(), request));
    let cookie = format!("gateway_session={}", gateway.token);
    let mut all = headers.to_vec();
    all.push(("cookie", &cookie));
    let read = send(request("GET", "channels", &all, ""));
    let body = json!({ "password": PASSWORD }).to_string();
    let login = send(request("POST", "login", headers, body));
    let statuses = (read.status.as_u16(), login.status.as_u16());
    if statuses == (200, 200) {
        return true;
    }
    assert_eq!(statuses, (403, 403), "{headers:?}");
    assert_eq!(
        (read.code(), login.code()),
        ("cross_origin", "cross_origin")
    );
    false
}

#[test]
fn only_the_own_origin_is_taken() {
    let gateway = Gateway::new();
    for (host, origin, taken) in ORIGINS {
        let headers = [("host", host), ("origin", origin)];
        assert_eq!(is_taken(&gateway, &headers), taken, "{headers:?}");
        let peer = Peer {
            authority: host.parse().ok(),
            ..Peer::default()
        };
        let headers = [("origin", origin)];
        let is_taken = is_taken_from(&peer, &gateway, &headers);
        assert_eq!(is_taken, taken, "{peer:?} {headers:?}");
    }
    assert!(is_taken(&gateway, &[]));
    assert!(is_taken(&gateway, &[("host", "gateway.example")]));
    let own = "https://gateway.example";
    assert!(!is_taken(&gateway, &[("origin", own)]));
    // The name in the `host` header is what the browser called.
    let elsewhere = Peer {
        authority: Some("evil.example".parse().unwrap()),
        ..Peer::default()
    };
    for (origin, taken) in [(own, true), ("https://evil.example", false)] {
        let headers = [("host", "gateway.example"), ("origin", origin)];
        assert_eq!(is_taken_from(&elsewhere, &gateway, &headers), taken);
    }
    // A client's own words about the connection are no host's.
    let full_url = "https://evil.example/admin/api/login";
    let headers = [
        ("spin-full-url", full_url),
        ("origin", "https://evil.example"),
    ];
    assert!(!is_taken(&gateway, &headers));
    let two = [
        ("host", "gateway.example"),
        ("origin", own),
        ("origin", "https://evil.example"),
    ];
    assert!(!is_taken(&gateway, &two));
}

#[test]
fn the_browser_says_itself_whose_page_it_is() {
    let gateway = Gateway::new();
    for (site, taken) in [
        ("same-origin", true),
        ("none", true),
        ("cross-site", false),
        ("same-site", false),
    ] {
        let headers = [("host", "gateway.example"), ("sec-fetch-site", site)];
        assert_eq!(is_taken(&gateway, &headers), taken, "{site}");
    }
}

#[test]
fn writes_with_the_cookie_must_be_json() {
    let gateway = Gateway::new();
    let id = gateway.channel(&json!({}));
    let path = format!("channels/{id}");
    let cookie = format!("gateway_session={}", gateway.token);
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
    ] {
        for (method, path) in [
            ("POST", "channels"),
            ("PATCH", path.as_str()),
            ("DELETE", &path),
            ("POST", "logout"),
        ] {
            let headers = [("cookie", cookie.as_str()), ("content-type", kind)];
            gateway
                .send(request(method, path, &headers, r#"{"name":"x"}"#))
                .expect_error(415, "unsupported_media_type");
        }
    }
    for (kind, name) in [
        ("application/json", "a"),
        ("Application/JSON; charset=utf-8", "b"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("content-type", kind)];
        let body = json!({ "name": name }).to_string();
        let channel = gateway
            .send(request("PATCH", &path, &headers, body))
            .expect(200);
        assert_eq!(channel["name"], name);
    }
    // Programs with a bearer token are not driven by forms.
    let bearer = format!("Bearer {}", gateway.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "text/plain"),
    ];
    gateway
        .send(request("PATCH", &path, &headers, r#"{"name":"c"}"#))
        .expect(200);
}
