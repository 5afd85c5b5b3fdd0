//! One-time codes of accounts: switched on with a code, needed at the login, never accepted twice.

use gateway_core::ports::{Clock as _, StoreKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::accounts::ANNA;
use crate::{Answer, Gateway, with_master_key};

/// The code that an authenticator app shows so many steps from now.
fn code(gateway: &Gateway, secret: &str, steps: i64) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut key, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for character in secret.chars() {
        let value = u32::try_from(ALPHABET.find(character).unwrap()).unwrap();
        (held, bits) = ((held << 5 | value) & 0xfff, bits + 5);
        if bits >= 8 {
            bits -= 8;
            key.push(u8::try_from(held >> bits & 0xff).unwrap());
        }
    }
    let step = (gateway.ports.now().0 / 30_000)
        .checked_add_signed(steps)
        .unwrap();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn login(gateway: &Gateway, totp: &str) -> Answer {
    gateway.login_with(&json!({"name": "Anna", "password": ANNA, "totp": totp}))
}

/// A gateway with an account that needs codes: their secret and the recovery codes.
fn protected(gateway: &Gateway) -> (String, Vec<String>) {
    gateway.account("Anna", "viewer", ANNA);
    let token = gateway.token_of("Anna", ANNA);
    let made = gateway
        .call_as(&token, "POST", "account/totp", &Value::Null)
        .expect(200);
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    assert_eq!(
        made["uri"],
        format!("otpauth://totp/AI%20gateway:Anna?secret={secret}&issuer=AI%20gateway")
    );
    let set = |body: Value| gateway.call_as(&token, "PUT", "account/totp", &body);
    for (body, path, problem) in [
        (
            json!({"current": ANNA, "secret": secret, "code": "000000x"}),
            "code",
            "wrong_totp_code",
        ),
        (
            json!({"current": ANNA, "secret": secret}),
            "code",
            "required",
        ),
        (
            json!({"current": ANNA, "secret": "MY", "code": "1"}),
            "secret",
            "invalid_totp_secret",
        ),
        (
            json!({"current": "wrong one", "secret": secret, "code": "1"}),
            "current",
            "wrong_password",
        ),
        (json!({"current": ANNA}), "secret", "required"),
    ] {
        let error = set(body).expect_error(400, "invalid_value");
        let detail = &error.body["error"]["details"][0];
        assert_eq!(
            (&detail["path"], &detail["code"]),
            (&json!(path), &json!(problem))
        );
    }
    let code = code(gateway, &secret, 0);
    let set = set(json!({"current": ANNA, "secret": secret, "code": code})).expect(200);
    let codes = set["recovery_codes"].as_array().unwrap().iter();
    let codes: Vec<String> = codes.map(|it| it.as_str().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    // The session goes on.
    assert_eq!(
        gateway.get_as(&token, "session").expect(200)["has_totp"],
        true
    );
    (secret, codes)
}

#[test]
fn a_code_is_needed_beside_the_password_and_works_once() {
    let gateway = Gateway::new();
    let (secret, _) = protected(&gateway);
    let without = json!({"name": "Anna", "password": ANNA});
    gateway
        .login_with(&without)
        .expect_error(401, "totp_required");
    // Only with the right password it is said that a code is missing.
    let wrong = json!({"name": "Anna", "password": "wrong one"});
    gateway
        .login_with(&wrong)
        .expect_error(401, "wrong_password");
    let now = code(&gateway, &secret, 0);
    login(&gateway, &now).expect(200);
    login(&gateway, &now).expect_error(401, "wrong_password");
    // The one before is not accepted after it either, but the next one is.
    let before = code(&gateway, &secret, -1);
    login(&gateway, &before).expect_error(401, "wrong_password");
    let next = code(&gateway, &secret, 1);
    login(&gateway, &next).expect(200);
    let late = code(&gateway, &secret, 2);
    login(&gateway, &late).expect_error(401, "wrong_password");
}

#[test]
fn codes_cannot_be_guessed_with_the_right_password() {
    let gateway = Gateway::new();
    let (secret, _) = protected(&gateway);
    let wrong = |number: u32| {
        let right = code(&gateway, &secret, 0);
        let guess = format!(
            "{:06}",
            (right.parse::<u32>().unwrap() + 17 + number) % 1_000_000
        );
        login(&gateway, &guess)
    };
    for number in 0..5 {
        wrong(number).expect_error(401, "wrong_password");
        gateway.ports.advance_ms(20_000);
    }
    // Also the right one waits now, so that guessing stays slow from any number of addresses.
    let right = code(&gateway, &secret, 0);
    let refused = login(&gateway, &right).expect_error(429, "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), "180");
    gateway.ports.advance_ms(180_000);
    let right = code(&gateway, &secret, 0);
    login(&gateway, &right).expect(200);
}

#[test]
fn each_recovery_code_works_once() {
    let gateway = Gateway::new();
    let (_, codes) = protected(&gateway);
    let typed = codes[3].to_lowercase().replace('-', " ");
    login(&gateway, &typed).expect(200);
    login(&gateway, &codes[3]).expect_error(401, "wrong_password");
    let row = gateway.get("accounts").expect(200)["data"][0].clone();
    assert_eq!(
        (&row["totp"], &row["recovery_codes"]),
        (&json!(true), &json!(9))
    );
    let stored = gateway.ports.store().get(StoreKey::Config).unwrap();
    let stored = String::from_utf8(stored).unwrap();
    for code in &codes {
        assert!(!stored.contains(code) && !stored.contains(&code.replace('-', "")));
    }
}

#[test]
fn the_account_or_an_owner_switches_codes_off() {
    let gateway = Gateway::new();
    let (secret, codes) = protected(&gateway);
    let token = login(&gateway, &code(&gateway, &secret, 0)).expect(200);
    let token = token["token"].as_str().unwrap().to_owned();
    let off = json!({"current": ANNA, "secret": null});
    let off = gateway
        .call_as(&token, "PUT", "account/totp", &off)
        .expect(200);
    assert_eq!(off, json!({"recovery_codes": []}));
    gateway.token_of("Anna", ANNA);
    // Once more, for the owner.
    let made = gateway
        .call_as(&token, "POST", "account/totp", &Value::Null)
        .expect(200);
    let secret = made["secret"].as_str().unwrap();
    let body = json!({"current": ANNA, "secret": secret, "code": code(&gateway, secret, 0)});
    gateway
        .call_as(&token, "PUT", "account/totp", &body)
        .expect(200);
    login(&gateway, &codes[0]).expect_error(401, "wrong_password");
    let id = gateway.get("accounts").expect(200)["data"][0]["id"].clone();
    let path = format!("accounts/{}", id.as_str().unwrap());
    gateway
        .call("PATCH", &path, &json!({"totp": true}))
        .expect(200);
    let without = json!({"name": "Anna", "password": ANNA});
    gateway
        .login_with(&without)
        .expect_error(401, "totp_required");
    gateway
        .call("PATCH", &path, &json!({"totp": null}))
        .expect(200);
    gateway.token_of("Anna", ANNA);
}

#[test]
fn the_secret_is_encrypted_at_rest_and_travels_with_the_whole_keys() {
    let gateway = Gateway::with(with_master_key('A'));
    let (secret, codes) = protected(&gateway);
    let stored = gateway.ports.store().get(StoreKey::Config).unwrap();
    assert!(!String::from_utf8(stored).unwrap().contains(&secret));
    let plain = gateway.get("config").expect(200);
    assert!(!plain.to_string().contains(&secret));
    assert_eq!(plain["accounts"][0]["totp"], true);
    // The gateway has the secret, so an import needs it not.
    gateway.call("PUT", "config", &plain).expect(200);
    login(&gateway, &code(&gateway, &secret, 0)).expect(200);
    // Another one has it not, and an account without codes would be less than there was.
    let other = Gateway::with(with_master_key('Q'));
    other
        .call("PUT", "config", &plain)
        .expect_error(400, "invalid_value");
    let whole = gateway.get("config?secrets=true").expect(200);
    assert_eq!(whole["accounts"][0]["totp_secret"], secret);
    other.call("PUT", "config", &whole).expect(200);
    login(&other, &code(&other, &secret, 0)).expect(200);
    login(&other, &codes[0]).expect(200);
}

#[test]
fn without_the_master_key_the_password_alone_is_not_enough() {
    let mut gateway = Gateway::with(with_master_key('A'));
    let (secret, _) = protected(&gateway);
    gateway.settings = with_master_key('Q');
    login(&gateway, &code(&gateway, &secret, 0)).expect_error(500, "misconfigured");
}
