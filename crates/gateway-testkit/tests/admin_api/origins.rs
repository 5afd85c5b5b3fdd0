//! Requests that a browser sends for somebody else's page.

use serde_json::json;

use crate::{Gateway, PASSWORD, request};

#[test]
fn only_the_own_origin_is_taken() {
    let gateway = Gateway::new();
    let cookie = format!("gateway_session={}", gateway.token);
    let full_url = (
        "spin-full-url",
        "http://gateway.example:3000/admin/api/channels",
    );
    for (headers, allowed) in [
        (vec![("host", "gateway.example")], true),
        (
            vec![
                ("host", "gateway.example"),
                ("origin", "https://gateway.example"),
            ],
            true,
        ),
        (
            vec![
                ("host", "Gateway.Example"),
                ("origin", "https://gateway.example:443"),
            ],
            true,
        ),
        (
            vec![
                ("host", "127.0.0.1:3000"),
                ("origin", "http://127.0.0.1:3000"),
            ],
            true,
        ),
        (
            vec![("host", "[::1]:3000"), ("origin", "http://[::1]:3000")],
            true,
        ),
        (
            vec![full_url, ("origin", "http://gateway.example:3000")],
            true,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("sec-fetch-site", "same-origin"),
            ],
            true,
        ),
        (
            vec![("host", "gateway.example"), ("sec-fetch-site", "none")],
            true,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            false,
        ),
        (
            vec![("host", "gateway.example"), ("sec-fetch-site", "same-site")],
            false,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("origin", "https://evil.example"),
            ],
            false,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("origin", "https://gateway.example.evil.example"),
            ],
            false,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("origin", "https://gateway.example:8443"),
            ],
            false,
        ),
        (
            vec![
                ("host", "127.0.0.1:3000"),
                ("origin", "http://127.0.0.1:3001"),
            ],
            false,
        ),
        (vec![("host", "gateway.example"), ("origin", "null")], false),
        (vec![("host", "gateway.example"), ("origin", "")], false),
        (
            vec![("host", "gateway.example"), ("origin", "gateway.example")],
            false,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("origin", "file://gateway.example"),
            ],
            false,
        ),
        (
            vec![
                ("host", "gateway.example"),
                ("origin", "https://gateway.example"),
                ("origin", "https://evil.example"),
            ],
            false,
        ),
        (
            vec![full_url, ("origin", "http://evil.example:3000")],
            false,
        ),
        (vec![("origin", "https://gateway.example")], false),
    ] {
        let mut all = headers.clone();
        all.push(("cookie", &cookie));
        let answer = gateway.send(request("GET", "channels", &all, ""));
        let login = gateway.send(request(
            "POST",
            "login",
            &headers,
            json!({"password": PASSWORD}).to_string(),
        ));
        if allowed {
            assert_eq!(
                (answer.status.as_u16(), login.status.as_u16()),
                (200, 200),
                "{headers:?}"
            );
        } else {
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (403, "cross_origin"),
                "{headers:?}"
            );
            assert_eq!(
                (login.status.as_u16(), login.code()),
                (403, "cross_origin"),
                "{headers:?}"
            );
        }
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
