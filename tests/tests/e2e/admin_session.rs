//! Logging in and out of the admin API, and what protects it.

use gateway_tests::{Admin, Gateway, PASSWORD, Reply, Setup, client};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::Outcome;

async fn login(gateway: &Gateway, password: &str) -> anyhow::Result<Reply> {
    Reply::of(
        client()?
            .post(gateway.url("/admin/api/login"))
            .json(&json!({"password": password})),
    )
    .await
}

fn session(gateway: &Gateway) -> anyhow::Result<RequestBuilder> {
    Ok(client()?.get(gateway.url("/admin/api/session")))
}

/// The `name=value` of the session cookie.
fn cookie(reply: &Reply) -> String {
    let header = reply.header("set-cookie").unwrap_or_default();
    header.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_login_gives_a_token_and_a_cookie_that_scripts_cannot_read() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let reply = login(&gateway, PASSWORD).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json()?;
    let token = body["token"].as_str().unwrap_or_default();
    assert!(token.len() >= 43, "{token}");
    assert!(
        body["expires_at"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{body}"
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));

    let header = reply.header("set-cookie").unwrap_or_default().to_owned();
    let flags: Vec<&str> = header.split("; ").skip(1).collect();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/admin/api"] {
        assert!(flags.contains(&flag), "{flag} is not in {flags:?}");
    }
    // Over plain HTTP a browser would throw a secure cookie away.
    assert!(!flags.contains(&"Secure"), "{flags:?}");

    let by_cookie = Reply::of(session(&gateway)?.header("cookie", cookie(&reply))).await?;
    assert_eq!(by_cookie.status, 200, "{}", by_cookie.text());
    let by_token = Reply::of(session(&gateway)?.bearer_auth(token)).await?;
    assert_eq!(by_token.status, 200, "{}", by_token.text());
    assert_eq!(by_token.json()?["expires_at"], body["expires_at"]);
    Ok(())
}

#[tokio::test]
async fn without_a_valid_session_everything_is_401() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let token = Admin::login(&gateway).await?.token().to_owned();
    let mut forged = token.clone();
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.push(last);
    for credential in [
        None,
        Some("x"),
        Some(""),
        Some(forged.as_str()),
        Some(&token[..20]),
    ] {
        for (method, path) in [
            (Method::GET, "session"),
            (Method::GET, "channels"),
            (Method::POST, "channels"),
            (Method::GET, "keys"),
            (Method::DELETE, "keys/ck_0"),
            (Method::PATCH, "channels/ch_0"),
            (Method::POST, "logout"),
        ] {
            let url = gateway.url(&format!("/admin/api/{path}"));
            let mut request = client()?.request(method.clone(), url).json(&json!({}));
            if let Some(credential) = credential {
                request = request.bearer_auth(credential);
            }
            let reply = Reply::of(request).await?;
            assert_eq!(
                reply.status,
                401,
                "{method} {path} with {credential:?}: {}",
                reply.text()
            );
            assert!(!reply.message()?.is_empty());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_401_and_the_sixth_attempt_429() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    for body in ["{}", "[]", r#"{"password":1}"#, "no json"] {
        let request = client()?
            .post(gateway.url("/admin/api/login"))
            .header("content-type", "application/json");
        let reply = Reply::of(request.body(body)).await?;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(!reply.message()?.is_empty());
    }
    for attempt in 1..=5 {
        let reply = login(&gateway, "wrong password").await?;
        assert_eq!(reply.status, 401, "attempt {attempt}: {}", reply.text());
        assert_eq!(reply.header("set-cookie"), None);
        assert!(!reply.message()?.is_empty());
    }
    for password in ["wrong password", PASSWORD] {
        let reply = login(&gateway, password).await?;
        assert_eq!(reply.status, 429, "{}", reply.text());
        let seconds: u64 = reply.header("retry-after").unwrap_or_default().parse()?;
        assert!((1..=900).contains(&seconds), "{seconds}");
    }
    Ok(())
}

/// The right password, as often as `Retry-After` says; the seconds until it is let in.
async fn persistent(gateway: &Gateway) -> anyhow::Result<u64> {
    let began = std::time::Instant::now();
    loop {
        let reply = login(gateway, PASSWORD).await?;
        if reply.status == 200 {
            return Ok(began.elapsed().as_secs());
        }
        anyhow::ensure!(reply.status == 429, "{}", reply.text());
        let seconds: u64 = reply.header("retry-after").unwrap_or_default().parse()?;
        anyhow::ensure!(seconds <= 30, "{seconds}");
        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    }
}

#[tokio::test]
async fn a_flood_of_guesses_locks_out_neither_a_known_browser_nor_the_owner() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let first = login(&gateway, PASSWORD).await?;
    let device = first
        .headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|line| line.to_str().ok()?.split(';').next())
        .find(|pair| pair.starts_with("gateway_device="))
        .unwrap_or_default()
        .to_owned();
    let guesses = async {
        loop {
            let reply = login(&gateway, "wrong password").await?;
            anyhow::ensure!([401, 429].contains(&reply.status), "{}", reply.text());
        }
    };
    let owner = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(login(&gateway, PASSWORD).await?.status, 429);
        for _ in 0..3 {
            let known = client()?
                .post(gateway.url("/admin/api/login"))
                .header("cookie", &device)
                .json(&json!({"password": PASSWORD}));
            let reply = Reply::of(known).await?;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        persistent(&gateway).await
    };
    tokio::select! {
        ended = guesses => ended,
        waited = owner => {
            let waited = waited?;
            anyhow::ensure!(waited <= 30, "{waited} s");
            Ok(())
        }
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_attempts_are_counted_per_client() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let admin = Admin::login(&gateway).await?;
    let mut config = admin.get("/config").await?;
    config["settings"]["trusted_proxies"] = json!(["127.0.0.0/8", "::1"]);
    let put = client()?
        .put(gateway.url("/admin/api/config"))
        .bearer_auth(admin.token())
        .json(&config);
    assert_eq!(Reply::of(put).await?.status, 200);
    let from = |address: &str, password: &str| {
        let request = client()?
            .post(gateway.url("/admin/api/login"))
            .header("x-forwarded-for", address)
            .json(&json!({"password": password}));
        anyhow::Ok(Reply::of(request))
    };
    for attempt in 0..6 {
        let forged = format!("6.6.6.{attempt}, 192.0.2.1");
        let status = from(&forged, "wrong password")?.await?.status;
        assert_eq!(status, if attempt < 5 { 401 } else { 429 }, "{attempt}");
    }
    assert_eq!(from("192.0.2.1", PASSWORD)?.await?.status, 429);
    assert_eq!(from("192.0.2.2", PASSWORD)?.await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_right_password_clears_the_failures() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    for _ in 0..2 {
        for _ in 0..4 {
            assert_eq!(login(&gateway, "wrong password").await?.status, 401);
        }
        assert_eq!(login(&gateway, PASSWORD).await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn logging_out_ends_the_session_everywhere() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let (one, other) = (
        login(&gateway, PASSWORD).await?,
        login(&gateway, PASSWORD).await?,
    );
    assert_ne!(cookie(&one), cookie(&other), "every session is its own");
    let logout = client()?.post(gateway.url("/admin/api/logout"));
    let logout = logout
        .header("cookie", cookie(&one))
        .header("content-type", "application/json");
    let reply = Reply::of(logout).await?;
    assert_eq!(
        (reply.status, reply.body.len()),
        (204, 0),
        "{}",
        reply.text()
    );
    let cleared = reply.header("set-cookie").unwrap_or_default();
    assert!(cleared.contains("Max-Age=0"), "{cleared}");
    assert_eq!(
        Reply::of(session(&gateway)?.header("cookie", cookie(&one)))
            .await?
            .status,
        401
    );
    assert_eq!(
        Reply::of(session(&gateway)?.header("cookie", cookie(&other)))
            .await?
            .status,
        200
    );
    Ok(())
}

#[tokio::test]
async fn writes_with_the_cookie_need_json_and_the_same_origin() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let cookie = cookie(&login(&gateway, PASSWORD).await?);
    let create = || {
        anyhow::Ok(
            client()?
                .post(gateway.url("/admin/api/keys"))
                .header("cookie", &cookie),
        )
    };
    let body = r#"{"name":"x"}"#;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data"),
    ] {
        let mut request = create()?;
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let reply = Reply::of(request.body(body)).await?;
        assert_eq!(reply.status, 415, "{kind:?}: {}", reply.text());
        assert!(!reply.message()?.is_empty());
    }
    let json = || {
        anyhow::Ok(
            create()?
                .header("content-type", "application/json")
                .body(body),
        )
    };
    let own = gateway.url("");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let reply = Reply::of(json()?.header(name, value)).await?;
        assert_eq!(reply.status, 403, "{name}: {value}: {}", reply.text());
    }
    assert_eq!(Reply::of(json()?.header("origin", &own)).await?.status, 201);
    assert_eq!(Reply::of(json()?).await?.status, 201);
    let utf8 = create()?
        .header("content-type", "application/json; charset=utf-8")
        .body(body);
    assert_eq!(Reply::of(utf8).await?.status, 201);
    let admin = Admin::login(&gateway).await?;
    assert_eq!(
        admin.get("/keys").await?["data"].as_array().map(Vec::len),
        Some(3)
    );
    Ok(())
}

#[tokio::test]
async fn without_a_password_the_admin_is_503_and_says_how_to_set_it() -> Outcome {
    for password in ["", "short"] {
        let gateway = Gateway::start(&Setup::with_password(password))?;
        let reply = login(&gateway, password).await?;
        assert_eq!(reply.failure()?, (503, "admin_disabled".to_owned()));
        assert!(
            reply.message()?.contains("admin_password"),
            "{}",
            reply.text()
        );
        let models = Reply::of(client()?.get(gateway.url("/v1/models"))).await?;
        assert_eq!(models.status, 401, "/v1 keeps working");
    }
    Ok(())
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions_and_a_restart_does_not() -> Outcome {
    let state = tempfile::tempdir()?;
    let start =
        |password: &str| Gateway::start(&Setup::with_password(password).state(state.path()));
    let gateway = start(PASSWORD)?;
    let token = Admin::login(&gateway).await?.token().to_owned();
    gateway.stop()?;

    let gateway = start(PASSWORD)?;
    assert_eq!(
        Reply::of(session(&gateway)?.bearer_auth(&token))
            .await?
            .status,
        200
    );
    drop(gateway);

    let gateway = start("another long password")?;
    assert_eq!(
        Reply::of(session(&gateway)?.bearer_auth(&token))
            .await?
            .status,
        401
    );
    assert_eq!(login(&gateway, PASSWORD).await?.status, 401);
    assert_eq!(login(&gateway, "another long password").await?.status, 200);
    drop(gateway);

    // The old password again does not bring the old sessions back.
    let gateway = start(PASSWORD)?;
    assert_eq!(
        Reply::of(session(&gateway)?.bearer_auth(&token))
            .await?
            .status,
        401
    );
    assert_eq!(login(&gateway, PASSWORD).await?.status, 200);
    Ok(())
}
