//! Sign-ins that are refused: forged, repeated and late answers, and everything that a provider can do wrong.

use bytes::Bytes;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::FakeReply;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::provider::{Provider, failure, gateway, gateway_with, parameter};
use crate::Gateway;

/// The code that the login page gets, after the provider was changed.
fn refused(change: impl FnOnce(&mut super::provider::Script)) -> (String, Gateway) {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let there = browser.start(&gateway);
    provider.change(change);
    let code = browser.failed_answer(&gateway, &there);
    browser.session(&gateway).expect(401);
    (code, gateway)
}

#[track_caller]
fn is_logged(gateway: &Gateway, text: &str) {
    let log = gateway.ports.log_lines().join("\n");
    assert!(log.contains(text), "{text:?} is not in {log}");
}

#[test]
fn an_answer_needs_the_state_of_this_browser() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let (mut one, mut other) = (provider.browser(), provider.browser());
    let there = one.start(&gateway);
    let there_of_other = other.start(&gateway);
    // The other browser is led to the first one's answer, with and without a cookie.
    assert_eq!(other.failed_answer(&gateway, &there), "expired");
    let mut third = provider.browser();
    assert_eq!(third.failed_answer(&gateway, &there_of_other), "expired");
    for query in [
        "",
        "?code=x",
        "?state=",
        "?state=x&code=x",
        "?state=%ff&error=x",
    ] {
        let path = format!("oidc/callback{query}");
        let cookies = one.cookies.clone();
        assert_eq!(one.failure(&gateway, &path), "expired", "{query}");
        one.cookies = cookies;
    }
    let state = parameter(&there, "state");
    for query in [
        format!("state={state}&state={state}&code=x"),
        format!("state={state}&code=x&code=y"),
        format!("state={state}&code={}", "x".repeat(9_000)),
    ] {
        let cookies = one.cookies.clone();
        let path = format!("oidc/callback?{query}");
        assert_eq!(one.failure(&gateway, &path), "expired");
        one.cookies = cookies;
    }
    // None of these was an attempt, and the provider was asked for its document only.
    assert_eq!(gateway.ports.upstream().requests().len(), 1);
    assert_eq!(
        one.come_back(&gateway, &there).header("location"),
        "/admin/"
    );
}

#[test]
fn an_answer_is_taken_once() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let there = browser.start(&gateway);
    let cookies = browser.cookies.clone();
    browser.come_back(&gateway, &there);
    let calls = gateway.ports.upstream().requests().len();
    browser.cookies = cookies;
    assert_eq!(browser.failed_answer(&gateway, &there), "expired");
    assert_eq!(gateway.ports.upstream().requests().len(), calls);
}

#[test]
fn an_answer_that_comes_late_is_refused() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    let there = browser.start(&gateway);
    gateway.ports.advance_ms(600_000);
    assert_eq!(browser.failed_answer(&gateway, &there), "expired");
}

#[test]
fn other_tokens_of_the_gateway_are_no_sign_in() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    browser.sign_in(&gateway);
    let there = browser.start(&gateway);
    let name = "__Host-gateway_sign_in";
    let own = browser.cookies[name].clone();
    for other in ["gateway_session", "gateway_device"] {
        let value = browser.cookies[other].clone();
        browser.cookies.insert(name.to_owned(), value);
        assert_eq!(
            browser.failed_answer(&gateway, &there),
            "expired",
            "{other}"
        );
    }
    for place in ["gateway_session", "gateway_device"] {
        browser.cookies.insert(place.to_owned(), own.clone());
    }
    browser.session(&gateway).expect(401);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn cookies_cannot_be_forged(place in 0_usize..200, letter in "[A-Za-z0-9_.-]") {
        let provider = Provider::default();
        let gateway = gateway(&provider);
        let mut browser = provider.browser();
        let there = browser.start(&gateway);
        let name = "__Host-gateway_sign_in";
        let own = browser.cookies[name].clone();
        let place = place % own.len();
        let mut forged = own.clone();
        forged.replace_range(place..=place, &letter);
        prop_assume!(forged != own);
        browser.cookies.insert(name.to_owned(), forged);
        prop_assert_eq!(browser.failed_answer(&gateway, &there), "expired");
        browser.cookies.insert(name.to_owned(), own);
        let back = browser.come_back(&gateway, &there);
        prop_assert_eq!(back.header("location"), "/admin/");
    }
}

#[test]
fn the_id_token_must_be_for_this_sign_in() {
    for (member, value, words) in [
        ("nonce", json!("other"), "(`nonce`)"),
        ("aud", json!("other"), "(`aud`)"),
        ("aud", json!(["gateway", "other"]), "(`azp`)"),
        ("iss", json!("https://evil.example"), "(`iss`)"),
        ("exp", json!(1), "(`exp`)"),
        ("iat", json!(1), "(`iat`, `nbf`)"),
        ("sub", Value::Null, "(`sub`)"),
    ] {
        let (code, gateway) = refused(|it| it.claims[member] = value);
        assert_eq!(code, "provider_failed", "{member}");
        is_logged(&gateway, "the ID token: it");
        is_logged(&gateway, words);
    }
    for (token, words) in [
        ("a.b", "not a signed JSON web token"),
        ("a.b.c.d.e", "encrypted"),
        ("", "not a signed JSON web token"),
    ] {
        let (code, gateway) = refused(|it| it.token_answer = Some(json!({"id_token": token})));
        assert_eq!(code, "provider_failed");
        is_logged(&gateway, words);
    }
}

#[test]
fn without_a_role_nobody_gets_in() {
    for claims in [
        json!({"roles": null}),
        json!({"roles": []}),
        json!({"roles": ["gateway-admin", "GATEWAY-ADMINS"]}),
        json!({"roles": {"gateway-admins": true}}),
    ] {
        let (code, gateway) = refused(|it| it.claims = claims);
        assert_eq!(code, "no_role");
        is_logged(
            &gateway,
            "\"oidc:u1\" has no role: no value of the claim \"roles\"",
        );
    }
}

#[test]
fn what_the_provider_says_is_logged_in_bounds_and_never_shown() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let evil = "%3Cscript%3E%0d%0aset-cookie:x";
    for (error, code) in [
        ("access_denied", "denied"),
        ("login_required", "denied"),
        (evil, "denied"),
        ("server_error", "provider_failed"),
        ("temporarily_unavailable", "provider_failed"),
    ] {
        let mut browser = provider.browser().at("192.0.2.1");
        let state = parameter(&browser.start(&gateway), "state");
        let path = format!("oidc/callback?state={state}&error={error}&error_description={evil}");
        let answer = browser.ask(&gateway, &path);
        assert_eq!(failure(&answer), code, "{error}");
        gateway.ports.advance_ms(60_000);
    }
    let log = gateway.ports.log_lines();
    assert!(log.iter().all(|line| !line.contains('\n')), "{log:?}");
    is_logged(&gateway, r#"the provider said "<script>\r\nset-cookie:x""#);
}

#[test]
fn an_answer_of_another_issuer_is_refused() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let back = |more: &str| {
        let mut browser = provider.browser();
        let state = parameter(&browser.start(&gateway), "state");
        let path = format!("oidc/callback?state={state}&code=x{more}");
        browser.failure(&gateway, &path)
    };
    assert_eq!(back("&iss=https://evil.example"), "provider_failed");
    is_logged(&gateway, "the answer is of another issuer");
    provider.change(|it| {
        it.discovery["authorization_response_iss_parameter_supported"] = json!(true);
    });
    gateway.ports.advance_ms(3_600_000);
    assert_eq!(back(""), "provider_failed");
    assert_eq!(gateway.ports.upstream().requests().len(), 2);
    assert_eq!(back(""), "provider_failed");
}

#[test]
fn a_provider_that_fails_is_a_code_and_never_an_open_door() {
    let huge = || {
        let piece = Bytes::from(vec![b' '; 64 * 1024]);
        FakeReply::pieces(200, "application/json", vec![piece; 40])
    };
    let replies = || {
        [
            (FakeReply::json(200, "<html>"), ""),
            (FakeReply::json(200, "{}"), ""),
            (FakeReply::json(500, "{}"), "answered 500"),
            (FakeReply::json(302, ""), "answered 302"),
            (huge(), "longer than"),
            (
                FakeReply::json(200, "{").silent(),
                "was not complete within 15 s",
            ),
            (
                FakeReply::json(200, "{").broken_by(SendErrorKind::Reset),
                "the connection broke",
            ),
            (FakeReply::failure(SendErrorKind::Dns), "cannot be resolved"),
            (
                FakeReply::failure(SendErrorKind::Tls),
                "the TLS handshake failed",
            ),
            (FakeReply::json(200, "{}").after_ms(16_000), ""),
        ]
    };
    for (place, path) in [
        ("the discovery document", "/openid-configuration"),
        ("the token endpoint", "/token"),
        ("the userinfo endpoint", "/userinfo"),
    ] {
        for (reply, words) in replies() {
            let provider = Provider::default();
            provider.change(|it| {
                it.claims = json!({});
                it.instead.insert(path, reply);
            });
            let gateway = gateway(&provider);
            let mut browser = provider.browser();
            let code = if path == "/openid-configuration" {
                browser.failure(&gateway, "oidc/start")
            } else {
                let there = browser.start(&gateway);
                browser.failed_answer(&gateway, &there)
            };
            assert_eq!(code, "provider_failed", "{place} {words}");
            is_logged(&gateway, place);
            is_logged(&gateway, words);
            assert_eq!(gateway.ports.upstream().open_bodies(), 0);
            browser.session(&gateway).expect(401);
        }
    }
}

#[test]
fn a_code_that_is_refused_makes_no_session() {
    let (code, gateway) = refused(|it| {
        it.token_status = 400;
        it.token_answer = Some(json!({"error": "invalid_grant", "error_description": "used <b>"}));
    });
    assert_eq!(code, "provider_failed");
    is_logged(
        &gateway,
        r#"the token endpoint answered 400, "invalid_grant" "used <b>""#,
    );
}

#[test]
fn claims_of_another_user_are_refused() {
    let (code, gateway) = refused(|it| {
        it.claims = json!({"roles": null});
        it.userinfo = json!({"sub": "u2", "roles": ["gateway-admins"]});
    });
    // The claim is there, so the endpoint was not asked.
    assert_eq!(code, "no_role");
    assert_eq!(gateway.ports.upstream().requests().len(), 2);
    let provider = Provider::default();
    let gateway = gateway_with(&provider, |given| {
        given.role_claim = Some("groups".to_owned());
    });
    provider.change(|it| it.userinfo = json!({"sub": "u2", "groups": ["gateway-admins"]}));
    let mut browser = provider.browser();
    let there = browser.start(&gateway);
    assert_eq!(browser.failed_answer(&gateway, &there), "provider_failed");
    is_logged(&gateway, "the claims of another user");
}

#[test]
fn a_discovery_document_leads_nowhere_without_tls() {
    for (member, value) in [
        ("issuer", "https://evil.example"),
        ("token_endpoint", "http://169.254.169.254/latest"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("userinfo_endpoint", "http://localhost:1/"),
    ] {
        let provider = Provider::default();
        provider.change(|it| it.discovery[member] = json!(value));
        let gateway = gateway(&provider);
        let code = provider.browser().failure(&gateway, "oidc/start");
        assert_eq!(code, "provider_failed", "{member}");
        is_logged(&gateway, member);
        assert_eq!(gateway.ports.upstream().requests().len(), 1);
    }
}

#[test]
fn an_issuer_without_tls_must_be_on_this_machine() {
    let provider = Provider::default();
    let gateway = gateway_with(&provider, |given| {
        given.issuer = Some("http://id.example".to_owned());
    });
    let mut browser = provider.browser();
    assert_eq!(browser.failure(&gateway, "oidc/start"), "misconfigured");
    assert_eq!(
        browser.failure(&gateway, "oidc/callback?state=x&code=x"),
        "misconfigured"
    );
    is_logged(&gateway, "`oidc_issuer` must be an https URL");
    assert!(gateway.ports.upstream().requests().is_empty());
}

#[test]
fn attempts_are_counted_before_the_provider_is_called() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    provider.change(|it| it.token_status = 400);
    let mut codes = Vec::new();
    for _ in 0..8 {
        let mut browser = provider.browser().at("192.0.2.7");
        let there = browser.start(&gateway);
        codes.push(browser.failed_answer(&gateway, &there));
    }
    assert_eq!(codes[..5], ["provider_failed"; 5]);
    assert_eq!(codes[7], "too_many");
    let exchanges = gateway.ports.upstream().requests().len() - 1;
    assert!(exchanges <= 6, "{exchanges}");
    // A known device has a count that strangers cannot use up; the provider's redirect does not bring its cookie.
    provider.change(|it| it.token_status = 200);
    let mut known = provider.browser().at("192.0.2.8");
    known.sign_in(&gateway);
    let mut known = known.at("192.0.2.7");
    let there = known.start(&gateway);
    known.cookies.retain(|name, _| name.starts_with("__Host-"));
    assert_eq!(
        known.come_back(&gateway, &there).header("location"),
        "/admin/"
    );
}

#[test]
fn a_store_that_does_not_answer_is_said() {
    let provider = Provider::default();
    let gateway = gateway(&provider);
    let mut browser = provider.browser();
    gateway.ports.store().break_reads(true);
    assert_eq!(browser.failure(&gateway, "oidc/start"), "unavailable");
    gateway.ports.store().break_reads(false);
    let there = browser.start(&gateway);
    gateway.ports.store().break_reads(true);
    assert_eq!(browser.failed_answer(&gateway, &there), "unavailable");
}
