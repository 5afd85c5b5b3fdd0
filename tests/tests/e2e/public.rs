//! Routes that need no key: health, errors of routing, CORS.

use gateway_tests::{Gateway, Reply, Setup, Stage, client};
use reqwest::Method;
use serde_json::json;

use crate::Outcome;

#[tokio::test]
async fn health_answers_without_a_key() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let http = client()?;
    for path in ["/", "/health"] {
        let reply = Reply::of(http.get(gateway.url(path))).await?;
        assert_eq!(reply.status, 200, "{path}");
        let body = reply.json()?;
        assert_eq!(body["status"], "ok");
        assert_eq!(body["name"], "ai-gateway");
        assert!(
            body["version"]
                .as_str()
                .is_some_and(|version| version.contains('.')),
            "{body}"
        );
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert!(
            reply.header("x-request-id").is_some(),
            "{path} has a request id"
        );
    }
    // Clients probe with HEAD and take anything but 200 for "down".
    for path in ["/", "/health", "/api/hello"] {
        let reply = Reply::of(http.head(gateway.url(path))).await?;
        assert_eq!((reply.status, reply.body.len()), (200, 0), "HEAD {path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405_with_allow() -> Outcome {
    let stage = Stage::start().await?;
    let ask = |method: Method, path: &str| {
        Reply::of(
            stage
                .http
                .request(method, stage.gateway.url(path))
                .bearer_auth(&stage.key),
        )
    };
    for path in [
        "/nope",
        "/v1/nope",
        "/v1",
        "/v1/chat",
        "/v1/chat/completions/x",
        "/admin/api/nope",
    ] {
        let reply = ask(Method::GET, path).await?;
        if path.starts_with("/admin") {
            // Without an admin session the admin API may say so first; it must not look like a success.
            assert!(
                [401, 404].contains(&reply.status),
                "{path}: {}",
                reply.status
            );
        } else {
            assert_eq!(reply.status, 404, "{path}");
        }
        assert!(!reply.message()?.is_empty());
        assert!(
            reply.header("x-request-id").is_some(),
            "{path} has a request id"
        );
    }
    for (method, path, allowed) in [
        (Method::GET, "/v1/chat/completions", "POST"),
        (Method::DELETE, "/v1/embeddings", "POST"),
        (Method::POST, "/v1/models", "GET"),
        (Method::PUT, "/v1/models/a/b", "GET"),
        (Method::POST, "/health", "GET"),
    ] {
        let reply = ask(method.clone(), path).await?;
        assert_eq!(reply.status, 405, "{method} {path}");
        let allow = reply.header("allow").unwrap_or_default().to_owned();
        assert!(
            allow.split(", ").any(|name| name == allowed),
            "{method} {path}: Allow is {allow:?}"
        );
        assert!(!reply.message()?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn browsers_may_call_v1_from_any_origin() -> Outcome {
    let stage = Stage::with_channel().await?;
    let wanted = "authorization,content-type,x-stainless-lang,x-stainless-retry-count";
    let preflight = stage
        .http
        .request(Method::OPTIONS, stage.gateway.url("/v1/chat/completions"))
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", wanted);
    let reply = Reply::of(preflight).await?;
    assert!([200, 204].contains(&reply.status), "{}", reply.status);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-headers"), Some(wanted));
    assert!(
        reply
            .header("access-control-allow-methods")
            .is_some_and(|methods| methods.contains("POST"))
    );
    assert_eq!(reply.header("access-control-allow-credentials"), None);

    let chat = stage
        .request("/v1/chat/completions")
        .header("origin", "https://app.example");
    let answered = Reply::of(chat.body(json!({"model": "m"}).to_string())).await?;
    assert_eq!(answered.status, 200, "{}", answered.text());
    // An error that a page may not read is no error message.
    let refused = Reply::of(
        stage
            .http
            .get(stage.gateway.url("/v1/models"))
            .header("origin", "https://app.example"),
    )
    .await?;
    assert_eq!(refused.status, 401);
    for reply in [answered, refused] {
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let exposed = reply
            .header("access-control-expose-headers")
            .unwrap_or_default()
            .to_owned();
        for name in [
            "x-request-id",
            "retry-after",
            "x-ratelimit-remaining-requests",
        ] {
            assert!(
                exposed.split(',').any(|known| known.trim() == name),
                "{name} is not in {exposed:?}"
            );
        }
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
    Ok(())
}

#[tokio::test]
async fn the_admin_api_is_same_origin_only() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let preflight = client()?
        .request(Method::OPTIONS, gateway.url("/admin/api/login"))
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST");
    let reply = Reply::of(preflight).await?;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    Ok(())
}
