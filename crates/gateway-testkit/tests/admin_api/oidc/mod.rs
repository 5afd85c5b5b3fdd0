//! Sign-in with OIDC against a scripted provider: the way there and back, and whose session it begins. What is refused is in
//! [`refusals`].

mod provider;
mod refusals;

use gateway_core::peer::Peer;
use gateway_core::secret::Secret;
use http::uri::Scheme;
use serde_json::{Value, json};

use crate::{Gateway, PASSWORD, request, sent_by};
use provider::{CLIENT_SECRET, Provider, gateway, gateway_with, parameter, settings_with};

#[test]
fn a_user_signs_in_and_has_the_role_of_the_claim() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let there = browser.start(&gateway);
    assert!(there.starts_with("https://id.example/auth?tenant=1&response_type=code&"));
    for (name, value) in [
        ("client_id", "gateway"),
        ("redirect_uri", "https://gw.example/admin/api/oidc/callback"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&there, name), value, "{there}");
    }
    let back = browser.come_back(&gateway, &there);
    assert_eq!(back.header("location"), "/admin/");
    assert_eq!(back.header("referrer-policy"), "no-referrer");
    assert_eq!(back.body, Value::Null);
    let session = browser.session(&gateway).expect(200);
    for (member, value) in [
        ("id", json!("oidc:u1")),
        ("name", json!("anna@example.com")),
        ("role", json!("admin")),
        ("has_account", json!(false)),
        ("has_totp", json!(false)),
        ("is_oidc_user", json!(true)),
        ("expires_at", json!("2026-11-22T12:00:00.000Z")),
    ] {
        assert_eq!(session[member], value, "{session}");
    }
    let exchange = gateway.ports.upstream().requests().pop().unwrap();
    let form = String::from_utf8(exchange.body.to_vec()).unwrap();
    let form = format!("?{form}");
    assert_eq!(parameter(&form, "code"), "the-code");
    assert_eq!(parameter(&form, "grant_type"), "authorization_code");
    assert_eq!(
        parameter(&form, "redirect_uri"),
        "https://gw.example/admin/api/oidc/callback"
    );
    assert_eq!(
        provider::challenge(&parameter(&form, "code_verifier")),
        parameter(&there, "code_challenge")
    );
    assert!(!form.contains(CLIENT_SECRET));
    let basic = exchange.head.headers["authorization"].to_str().unwrap();
    assert_eq!(basic, provider::basic("gateway", CLIENT_SECRET));
}

#[test]
fn the_cookies_are_bound_to_the_origin() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let answer = browser.ask(&gateway, "oidc/start");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-gateway_sign_in="), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=600; Secure"));
    let back = browser.come_back(&gateway, answer.header("location"));
    let set: Vec<&str> = back
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!(set.len(), 3, "{set:?}");
    assert!(set[0].starts_with("gateway_session="));
    assert!(
        set[0].ends_with("; HttpOnly; SameSite=Strict; Path=/admin/api; Max-Age=43200; Secure")
    );
    assert!(set[1].starts_with("gateway_device="));
    assert_eq!(
        set[2],
        "__Host-gateway_sign_in=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0; Secure"
    );
    let mut plain = provider.browser().without_tls();
    let answer = plain.ask(&gateway, "oidc/start");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("gateway_sign_in="), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=600"), "{cookie}");
    let there = answer.header("location");
    assert_eq!(
        parameter(there, "redirect_uri"),
        "http://127.0.0.1:3000/admin/api/oidc/callback"
    );
    plain.come_back(&gateway, there);
    plain.session(&gateway).expect(200);
}

#[test]
fn headers_that_anybody_can_add_have_no_part_in_the_address() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let peer = Peer {
        scheme: Some(Scheme::HTTPS),
        ..Peer::default()
    };
    let headers = [
        ("host", "gw.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-port", "1"),
        ("x-original-host", "evil.example"),
    ];
    let answer = gateway.send(sent_by(
        peer.clone(),
        request("GET", "oidc/start", &headers, ""),
    ));
    assert!(!answer.header("location").contains("evil"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let gateway = gateway_with(&provider, |given| {
        given.public_url = Some("https://public.example/".to_owned());
    });
    let headers = [("host", "evil.example")];
    let answer = gateway.send(sent_by(peer, request("GET", "oidc/start", &headers, "")));
    assert_eq!(
        parameter(answer.header("location"), "redirect_uri"),
        "https://public.example/admin/api/oidc/callback"
    );
}

#[test]
fn only_the_own_page_begins_a_sign_in_and_any_page_may_lead_back() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let cross = [("host", "gw.example"), ("sec-fetch-site", "cross-site")];
    gateway
        .send(request("GET", "oidc/start", &cross, ""))
        .expect_error(403, "cross_origin");
    let there = browser.start(&gateway);
    browser.more.push(("sec-fetch-site", "cross-site"));
    let back = browser.come_back(&gateway, &there);
    assert_eq!(back.header("location"), "/admin/");
}

#[test]
fn the_discovery_document_is_kept_for_an_hour_and_a_failure_for_seconds() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let calls = || gateway.ports.upstream().requests().len();
    let mut browser = provider.browser();
    browser.start(&gateway);
    browser.start(&gateway);
    assert_eq!(calls(), 1);
    gateway.ports.advance_ms(3_600_000);
    browser.start(&gateway);
    assert_eq!(calls(), 2);
    gateway.ports.advance_ms(3_600_000);
    provider.change(|it| it.discovery_status = 503);
    for _ in 0..3 {
        assert_eq!(browser.failure(&gateway, "oidc/start"), "provider_failed");
    }
    assert_eq!(calls(), 3);
    gateway.ports.advance_ms(5_000);
    provider.change(|it| it.discovery_status = 200);
    browser.start(&gateway);
    assert_eq!(calls(), 4);
}

#[test]
fn the_gateway_authenticates_as_the_provider_wants() {
    let provider = Provider::default();
    provider.change(|it| {
        it.discovery["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    });
    let gateway = gateway(&provider);
    provider.browser().sign_in(&gateway);
    let exchange = gateway.ports.upstream().requests().pop().unwrap();
    let form = format!("?{}", String::from_utf8(exchange.body.to_vec()).unwrap());
    assert!(!exchange.head.headers.contains_key("authorization"));
    assert_eq!(parameter(&form, "client_id"), "gateway");
    assert_eq!(parameter(&form, "client_secret"), CLIENT_SECRET);

    let provider = Provider::default();
    let public = gateway_with(&provider, |given| given.client_secret = None);
    provider.browser().sign_in(&public);
    let exchange = public.ports.upstream().requests().pop().unwrap();
    let form = format!("?{}", String::from_utf8(exchange.body.to_vec()).unwrap());
    assert!(!exchange.head.headers.contains_key("authorization"));
    assert_eq!(parameter(&form, "client_id"), "gateway");
    assert!(!form.contains("client_secret"));
}

#[test]
fn the_userinfo_endpoint_is_asked_only_for_a_claim_that_is_missing() {
    let provider = Provider::default();
    let gateway = gateway_with(&provider, |given| {
        given.role_claim = Some("groups".to_owned());
        given.owner_values = Some("staff".to_owned());
    });
    provider.change(|it| it.userinfo = json!({"sub": "u1", "groups": ["staff"], "iss": "x"}));
    let mut browser = provider.browser();
    browser.sign_in(&gateway);
    let asked = gateway.ports.upstream().requests().pop().unwrap();
    assert_eq!(asked.head.uri, "https://id.example/userinfo");
    assert_eq!(
        asked.head.headers["authorization"],
        "Bearer the-access-token"
    );
    assert_eq!(browser.session(&gateway).expect(200)["role"], "owner");

    provider.change(|it| it.claims = json!({"groups": []}));
    let there = browser.start(&gateway);
    let before = gateway.ports.upstream().requests().len();
    assert_eq!(browser.failed_answer(&gateway, &there), "no_role");
    assert_eq!(gateway.ports.upstream().requests().len(), before + 1);
}

#[test]
fn a_session_ends_with_the_settings_that_made_it() {
    let provider = Provider::default();
    let mut gateway = gateway(&provider);
    let mut browser = provider.browser();
    browser.sign_in(&gateway);
    browser.session(&gateway).expect(200);
    for (change, is_kept) in [
        (
            settings_with(|given| given.label = Some("Keycloak".to_owned())),
            true,
        ),
        (
            settings_with(|given| given.admin_values = Some("x".to_owned())),
            false,
        ),
        (
            settings_with(|given| given.client_id = Some("other".to_owned())),
            false,
        ),
        (settings_with(|given| given.issuer = None), false),
        (
            settings_with(|given| given.issuer = Some("nonsense".to_owned())),
            false,
        ),
        (settings_with(|_| ()), true),
    ] {
        gateway.settings.oidc = change;
        let status = if is_kept { 200 } else { 401 };
        browser.session(&gateway).expect(status);
    }
    gateway.settings.password = Some(Secret::new("another password".to_owned()));
    browser.session(&gateway).expect(401);
}

#[test]
fn it_works_without_an_admin_password_and_beside_it() {
    let provider = Provider::default();
    let mut gateway = gateway(&provider);
    gateway.login(PASSWORD).expect(200);
    gateway.settings.password = None;
    let mut browser = provider.browser();
    browser.sign_in(&gateway);
    browser.session(&gateway).expect(200);
    browser.call(&gateway, "POST", "logout").expect(204);
    browser.session(&gateway).expect(401);
}

#[test]
fn a_user_of_the_provider_has_no_password_here() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    browser.sign_in(&gateway);
    let answer = browser.call(&gateway, "POST", "account/totp");
    let answer = answer.expect_error(403, "forbidden");
    assert!(answer.message().contains("OIDC provider"));
    browser
        .call(&gateway, "GET", "accounts")
        .expect_error(403, "forbidden");
}

#[test]
fn the_login_page_learns_the_label_and_nothing_else() {
    let provider = Provider::default();
    let label = |gateway: &Gateway| {
        let answer = gateway.send(request("GET", "login/options", &[], ""));
        let options = answer.expect(200);
        assert_eq!(options.as_object().unwrap().len(), 4, "{options}");
        options["oidc"].clone()
    };
    let gateway = gateway_with(&provider, |given| given.label = Some("Keycloak".to_owned()));
    assert_eq!(label(&gateway), "Keycloak");
    assert_eq!(label(&Gateway::new()), Value::Null);
    for path in ["oidc/start", "oidc/callback?state=x&code=y"] {
        Gateway::new().get(path).expect_error(404, "not_found");
    }
}

#[test]
fn the_audit_log_says_who_has_signed_in_and_who_was_refused() {
    let provider = Provider::default();
    let mut gateway = gateway(&provider);
    // A user who calls itself like an account.
    provider.change(|it| it.claims["email"] = json!("admin"));
    let mut browser = provider.browser();
    browser.sign_in(&gateway);
    browser.call(&gateway, "POST", "keys").expect(201);
    browser.call(&gateway, "POST", "logout").expect(204);
    provider.change(|it| it.claims["roles"] = json!(["none"]));
    let there = browser.start(&gateway);
    assert_eq!(browser.failed_answer(&gateway, &there), "no_role");
    let there = browser.start(&gateway);
    let state = parameter(&there, "state");
    let denied = format!("oidc/callback?error=access_denied&state={state}");
    assert_eq!(browser.failure(&gateway, &denied), "denied");
    gateway.log_in();
    let entries = gateway.get("audit?limit=6").expect(200);
    let mut seen: Vec<[&str; 4]> = Vec::new();
    for entry in entries["data"].as_array().unwrap() {
        seen.push(
            ["who", "action", "object", "name"].map(|name| entry[name].as_str().unwrap_or("-")),
        );
    }
    assert_eq!(seen[0][..2], ["admin", "login"]);
    assert_eq!(seen[1][1..], ["failed_login", "-", "-"]);
    assert_eq!(seen[2][1..], ["failed_login", "oidc:u1", "admin"]);
    assert_eq!(seen[3][..2], ["admin (OIDC)", "logout"]);
    assert_eq!(seen[4][..2], ["admin (OIDC)", "create"]);
    assert_eq!(seen[5], ["admin (OIDC)", "login", "oidc:u1", "admin"]);
}

#[test]
fn no_secret_and_no_token_is_logged() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let there = browser.sign_in(&gateway);
    provider.change(|it| it.token_status = 400);
    let again = browser.start(&gateway);
    browser.failed_answer(&gateway, &again);
    let log = gateway.ports.log_lines().join("\n");
    assert!(log.contains("sign-in of \"oidc:u1\" as admin"), "{log}");
    for secret in [
        CLIENT_SECRET,
        "the-code",
        "the-access-token",
        &parameter(&there, "state"),
    ] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(!gateway.ports.store().dump().contains(CLIENT_SECRET));
}
