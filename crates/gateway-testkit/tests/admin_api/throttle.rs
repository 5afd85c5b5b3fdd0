//! Failed logins: how many there may be, and what they cost.

use bytes::Bytes;
use futures_util::future::join_all;
use gateway_core::admin;
use gateway_core::ports::Record;
use gateway_testkit::fakes::block_on;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::{Answer, Gateway, PASSWORD, request};

const MINUTE_MS: u64 = 60_000;

fn login_from(gateway: &Gateway, address: &str, password: &str) -> Answer {
    gateway.send(login_request(address, password))
}

fn login_request(address: &str, password: &str) -> Request<Full<Bytes>> {
    request(
        "POST",
        "login",
        &[("spin-client-addr", address)],
        json!({ "password": password }).to_string(),
    )
}

#[test]
fn five_failures_lock_the_address_also_for_the_right_password() {
    let gateway = Gateway::new();
    for _ in 0..5 {
        login_from(&gateway, "192.0.2.1:1000", "wrong one").expect_error(401, "wrong_password");
    }
    for (address, password) in [
        ("192.0.2.1:1001", "wrong one"),
        ("192.0.2.1:9", PASSWORD),
        ("[::ffff:192.0.2.1]:9", PASSWORD),
    ] {
        let answer =
            login_from(&gateway, address, password).expect_error(429, "rate_limit_exceeded");
        assert_eq!(answer.header("retry-after"), "60", "{address}");
    }
    login_from(&gateway, "192.0.2.2:1000", PASSWORD).expect(200);
    gateway.get("session").expect(200);
    gateway.ports.advance_ms(MINUTE_MS - 1);
    let answer =
        login_from(&gateway, "192.0.2.1:1000", PASSWORD).expect_error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "1");
    gateway.ports.advance_ms(1);
    login_from(&gateway, "192.0.2.1:1000", PASSWORD).expect(200);
}

#[test]
fn locks_grow_up_to_a_quarter_of_an_hour_and_a_success_clears_them() {
    let gateway = Gateway::new();
    for _ in 0..4 {
        login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(401, "wrong_password");
    }
    for minutes in [1, 2, 4, 8] {
        login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(401, "wrong_password");
        let answer =
            login_from(&gateway, "192.0.2.1:1", PASSWORD).expect_error(429, "rate_limit_exceeded");
        assert_eq!(answer.header("retry-after"), (minutes * 60).to_string());
        gateway.ports.advance_ms(minutes * MINUTE_MS);
    }
    login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(401, "wrong_password");
    let answer =
        login_from(&gateway, "192.0.2.1:1", PASSWORD).expect_error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "900");
    gateway.ports.advance_ms(15 * MINUTE_MS);
    login_from(&gateway, "192.0.2.1:1", PASSWORD).expect(200);
    for _ in 0..5 {
        login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(401, "wrong_password");
    }
}

#[test]
fn failures_are_forgotten_after_a_quarter_of_an_hour() {
    let gateway = Gateway::new();
    for _ in 0..4 {
        login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(401, "wrong_password");
    }
    gateway.ports.advance_ms(15 * MINUTE_MS);
    for _ in 0..5 {
        login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(401, "wrong_password");
    }
    login_from(&gateway, "192.0.2.1:1", "wrong one").expect_error(429, "rate_limit_exceeded");
}

#[test]
fn guesses_at_the_same_moment_are_all_counted() {
    let gateway = Gateway::new();
    let guesses = (0..12).map(|_| {
        admin::handle(
            &gateway.ports,
            &gateway.settings,
            login_request("192.0.2.1:1", "wrong one"),
        )
    });
    let replies = block_on(join_all(guesses));
    let checked = replies
        .iter()
        .filter(|reply| reply.status().as_u16() == 401)
        .count();
    assert!((1..=5).contains(&checked), "{checked} guesses were checked");
    assert!(
        replies
            .iter()
            .all(|reply| [401, 429].contains(&reply.status().as_u16()))
    );
}

#[test]
fn addresses_of_one_ipv6_network_are_one_and_strangers_share_a_bucket() {
    let gateway = Gateway::new();
    for number in 0..5 {
        login_from(&gateway, &format!("[2001:db8::{number}]:1"), "wrong one")
            .expect_error(401, "wrong_password");
    }
    login_from(&gateway, "[2001:db8::ffff]:1", PASSWORD).expect_error(429, "rate_limit_exceeded");
    login_from(&gateway, "[2001:db8:0:1::1]:1", PASSWORD).expect(200);
    for nonsense in ["", "nonsense", "1.2.3", "<script>", "1.2.3.4.5"] {
        login_from(&gateway, nonsense, "wrong one").expect_error(401, "wrong_password");
    }
    gateway
        .login(PASSWORD)
        .expect_error(429, "rate_limit_exceeded");
}

#[test]
fn many_addresses_together_are_locked_too_and_the_record_stays_small() {
    let gateway = Gateway::new();
    for number in 0..100 {
        login_from(&gateway, &format!("198.51.100.{number}:1"), "wrong one")
            .expect_error(401, "wrong_password");
    }
    let size = || {
        gateway
            .ports
            .store()
            .get(Record::LoginFailures)
            .unwrap()
            .len()
    };
    assert!(size() < 12_000, "{} bytes", size());
    let answer =
        login_from(&gateway, "203.0.113.1:1", PASSWORD).expect_error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "60");
    for number in 0..300_u32 {
        gateway.ports.advance_ms(MINUTE_MS);
        login_from(
            &gateway,
            &format!("10.0.{}.{}:1", number / 200, number % 200),
            "wrong one",
        );
    }
    assert!(size() < 3_000, "{} bytes", size());
}

#[test]
fn a_damaged_record_or_a_clock_set_back_locks_nobody_out_for_long() {
    let gateway = Gateway::new();
    gateway
        .ports
        .store()
        .put(Record::LoginFailures, b"{damaged");
    gateway.login(PASSWORD).expect(200);
    for _ in 0..5 {
        gateway
            .login("wrong one")
            .expect_error(401, "wrong_password");
    }
    gateway
        .ports
        .set_now(gateway_core::units::Timestamp(1_000_000));
    gateway.login(PASSWORD).expect(200);
}
