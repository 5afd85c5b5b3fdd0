//! Failed logins: how many there may be, and what they cost.

use bytes::Bytes;
use futures_util::future::join_all;
use gateway_core::admin;
use gateway_core::ports::{Clock as _, StoreKey};
use gateway_testkit::fakes::block_on;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::{Answer, Gateway, PASSWORD, peer_at, request, sent_by};

const MINUTE_MS: u64 = 60_000;

fn login_from(gateway: &Gateway, address: &str, password: &str) -> Answer {
    gateway.send(login_request(address, password))
}

fn login_request(address: &str, password: &str) -> Request<Full<Bytes>> {
    let body = json!({ "password": password }).to_string();
    sent_by(peer_at(address), request("POST", "login", &[], body))
}

#[test]
fn after_five_failures_an_address_has_one_attempt_in_ten_seconds_and_an_exact_appointment() {
    let gateway = Gateway::new();
    for _ in 0..5 {
        login_from(&gateway, "192.0.2.1:1000", "wrong one").expect_error(401, "wrong_password");
    }
    for (address, password, seconds) in [
        ("192.0.2.1:1001", "wrong one", "10"),
        ("192.0.2.1:9", PASSWORD, "20"),
        ("[::ffff:192.0.2.1]:9", PASSWORD, "20"),
        ("192.0.2.1:1", "wrong one", "10"),
    ] {
        let answer =
            login_from(&gateway, address, password).expect_error(429, "rate_limit_exceeded");
        assert_eq!(answer.header("retry-after"), seconds, "{address}");
    }
    login_from(&gateway, "192.0.2.2:1000", PASSWORD).expect(200);
    gateway.get("session").expect(200);
    gateway.ports.advance_ms(20_000 - 1);
    let answer =
        login_from(&gateway, "192.0.2.1:1000", PASSWORD).expect_error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "1");
    gateway.ports.advance_ms(1);
    login_from(&gateway, "192.0.2.1:1000", PASSWORD).expect(200);
    // A success gives the address its attempts back.
    for _ in 0..5 {
        login_from(&gateway, "192.0.2.1:1", "another").expect_error(401, "wrong_password");
    }
}

#[test]
fn an_attacker_who_keeps_guessing_locks_no_client_out() {
    // One guess a minute, after five, from the owner's own address; and 91 from nineteen others.
    for (addresses, guesses) in [(1, 5), (19, 91)] {
        let gateway = Gateway::new();
        let address = |number: usize| format!("192.0.2.{}:1", number % addresses);
        for number in 0..guesses {
            login_from(&gateway, &address(number), "wrong one");
        }
        for minute in 0..20 {
            gateway.ports.advance_ms(MINUTE_MS);
            login_from(&gateway, &address(minute), "wrong one");
        }
        let began = gateway.ports.now();
        let mut answer = login_from(&gateway, "192.0.2.0:7", PASSWORD);
        while answer.status == 429 {
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            gateway.ports.advance_ms(seconds * 1000);
            answer = login_from(&gateway, "192.0.2.0:7", PASSWORD);
        }
        answer.expect(200);
        let waited = gateway.ports.now().since_ms(began);
        assert!(waited <= 10_000, "{addresses} addresses: {waited} ms");
    }
}

/// The cookies of an answer, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let lines = answer.headers.get_all("set-cookie").iter();
    let pairs = lines.map(|line| line.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

fn login_with(gateway: &Gateway, cookies: &str, password: &str) -> Answer {
    let body = json!({ "password": password }).to_string();
    let login = request("POST", "login", &[("cookie", cookies)], body);
    gateway.send(sent_by(peer_at("192.0.2.1:1"), login))
}

#[test]
fn a_device_that_has_logged_in_before_is_not_locked_out_by_strangers() {
    let gateway = Gateway::new();
    let first = login_from(&gateway, "192.0.2.1:1", PASSWORD);
    let lines = first.headers.get_all("set-cookie").iter();
    let line = lines
        .map(|line| line.to_str().unwrap())
        .find(|line| line.starts_with("gateway_device="))
        .unwrap();
    assert!(
        line.ends_with("; HttpOnly; SameSite=Strict; Path=/admin/api; Max-Age=34560000"),
        "{line}"
    );
    let known = cookies(&first);
    // Its own address is used up, and so is what all have together.
    for number in 0..120 {
        let address = format!("198.51.100.{number}:1");
        login_from(&gateway, &address, "wrong one");
        login_from(&gateway, "192.0.2.1:1", "wrong one");
    }
    login_from(&gateway, "192.0.2.1:1", PASSWORD).expect_error(429, "rate_limit_exceeded");
    for _ in 0..20 {
        login_with(&gateway, &known, PASSWORD).expect(200);
    }
    // A device over its own count is a stranger, until the count is over; then it is not any more.
    for _ in 0..5 {
        login_with(&gateway, &known, "wrong one").expect_error(401, "wrong_password");
    }
    login_with(&gateway, &known, PASSWORD).expect_error(429, "rate_limit_exceeded");
    gateway.ports.advance_ms(3 * MINUTE_MS);
    for _ in 0..100 {
        login_from(&gateway, "192.0.2.1:1", "wrong one");
    }
    login_with(&gateway, &known, PASSWORD).expect(200);
    // It is a count of one device, and no login.
    let other = cookies(&login_from(&gateway, "203.0.113.1:1", PASSWORD));
    assert_ne!(known, other);
    let device = known
        .split("; ")
        .find(|pair| pair.starts_with("gateway_device="))
        .unwrap();
    let as_session = device.replace("gateway_device=", "gateway_session=");
    for cookies in [device, &as_session] {
        let session = gateway.send(request("GET", "session", &[("cookie", cookies)], ""));
        session.expect_error(401, "not_authenticated");
    }
}

#[test]
fn only_a_signed_cookie_that_is_not_over_makes_a_device() {
    let gateway = Gateway::new();
    let known = cookies(&login_from(&gateway, "203.0.113.1:1", PASSWORD));
    let token = known.split("gateway_device=").nth(1).unwrap().to_owned();
    for _ in 0..5 {
        login_from(&gateway, "192.0.2.1:1", "wrong one");
    }
    let mut forged = token.clone();
    forged.replace_range(30..31, if &token[30..31] == "A" { "B" } else { "A" });
    for text in [
        forged.as_str(),
        "",
        "x",
        ".",
        &gateway.token,
        &token[..token.len() - 2],
    ] {
        login_with(&gateway, &format!("gateway_device={text}"), PASSWORD)
            .expect_error(429, "rate_limit_exceeded");
    }
    assert_eq!(gateway.ports.store().get(StoreKey::DeviceFailures), None);
    // Another password is another owner.
    let mut changed = Gateway::with(crate::settings(PASSWORD));
    changed.ports = gateway.ports.clone();
    changed.settings = crate::settings("another password");
    login_with(
        &changed,
        &format!("gateway_device={token}"),
        "another password",
    )
    .expect_error(429, "rate_limit_exceeded");
}

#[test]
fn trusted_proxies_say_whose_attempts_are_counted() {
    let gateway = Gateway::new();
    let mut config = gateway.get("config").expect(200);
    let login = |forwarded: &str, password: &str| {
        // A client's own words about the connection are no host's.
        let headers = [
            ("spin-client-addr", "192.0.2.250:1"),
            ("x-forwarded-for", forwarded),
        ];
        let body = json!({ "password": password }).to_string();
        let login = request("POST", "login", &headers, body);
        gateway.send(sent_by(peer_at("10.0.0.1:1"), login))
    };
    // No proxy is trusted: all clients behind the proxy count as one, whatever address they claim.
    for number in 0..5 {
        login(&format!("192.0.2.{number}"), "wrong one").expect_error(401, "wrong_password");
    }
    login("192.0.2.200", PASSWORD).expect_error(429, "rate_limit_exceeded");
    config["settings"]["trusted_proxies"] = json!(["10.0.0.0/8", "fd00::/8"]);
    gateway.call("PUT", "config", &config).expect(200);
    for _ in 0..5 {
        login("6.6.6.6, 192.0.2.1, 10.0.0.2", "wrong one").expect_error(401, "wrong_password");
    }
    login("6.6.6.7, 192.0.2.1", PASSWORD).expect_error(429, "rate_limit_exceeded");
    login("192.0.2.1, 192.0.2.2", PASSWORD).expect(200);
    // A damaged configuration trusts no proxy, and blocks no client.
    gateway.ports.store().put(StoreKey::Config, b"{damaged");
    gateway.ports.advance_ms(MINUTE_MS);
    login("192.0.2.3", PASSWORD).expect(200);
}

#[test]
fn a_flood_in_the_store_does_not_stop_a_login() {
    let gateway = Gateway::new();
    // Others write first, again and again.
    gateway.ports.store().conflict_next(12);
    gateway.login(PASSWORD).expect(200);
    let known = cookies(&login_from(&gateway, "192.0.2.1:1", PASSWORD));
    let writes = gateway.ports.store().writes();
    for _ in 0..1_000 {
        login_from(&gateway, "192.0.2.1:1", "wrong one");
    }
    let writes = gateway.ports.store().writes() - writes;
    assert!(writes <= 6, "{writes} writes by a thousand guesses");
    login_with(&gateway, &known, PASSWORD).expect(200);
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
            .get(StoreKey::LoginFailures)
            .unwrap()
            .len()
    };
    assert!(size() < 12_000, "{} bytes", size());
    let answer =
        login_from(&gateway, "203.0.113.1:1", PASSWORD).expect_error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "2");
    for number in 0..300_u32 {
        let address = format!("10.0.{}.{}:1", number / 200, number % 200);
        login_from(&gateway, &address, "wrong one").expect_error(429, "rate_limit_exceeded");
    }
    assert!(size() < 60_000, "{} bytes", size());
    gateway.ports.advance_ms(2_000);
    login_from(&gateway, "203.0.113.1:1", PASSWORD).expect(200);
    gateway.ports.advance_ms(20 * MINUTE_MS);
    login_from(&gateway, "203.0.113.1:1", "wrong one").expect_error(401, "wrong_password");
    assert!(size() < 300, "{} bytes", size());
}

#[test]
fn a_damaged_record_or_a_clock_set_back_locks_no_client_out_for_long() {
    let gateway = Gateway::new();
    gateway
        .ports
        .store()
        .put(StoreKey::LoginFailures, b"{damaged");
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
