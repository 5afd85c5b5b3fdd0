//! ID tokens of OIDC providers: only claims for this client, issuer, sign-in and time are accepted; names are bounded.
#![no_main]

use gateway_core::admin::oidc::id_token::{self, Expected};
use gateway_core::admin::oidc::{Claims, RoleMap, display_name};
use gateway_core::units::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW_S: u64 = 1_800_000_000;
const EXPECTED: Expected<'_> = Expected {
    issuer: "https://id",
    client_id: "gw",
    nonce: "n",
    now: Timestamp(NOW_S * 1000),
};

fuzz_target!(|input: &[u8]| {
    // As a whole token: whatever it is, it does not panic.
    if let Ok(token) = std::str::from_utf8(input) {
        let _ = id_token::accept(token, EXPECTED);
    }
    // As the claims of one.
    let Ok(claims) = serde_json::from_slice::<Claims>(input) else {
        return;
    };
    let name = display_name(&claims);
    assert!(name.len() <= 255 && !name.chars().any(char::is_control));
    for claim in ["roles", "a.b", "email", "a.b.c", "."] {
        let roles = RoleMap {
            claim: claim.to_owned(),
            viewer: vec!["v".to_owned()],
            ..RoleMap::default()
        };
        let has_role = roles.role(&claims).is_some();
        assert!(!has_role || roles.is_in(&claims), "{claim}");
    }
    if id_token::check(&claims, EXPECTED).is_ok() {
        assert_eq!(claims["iss"], "https://id");
        assert_eq!(claims["nonce"], "n");
        assert!(
            claims["aud"] == "gw"
                || claims["aud"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one == "gw"))
        );
        assert!(
            claims["exp"]
                .as_f64()
                .is_some_and(|at| at > 1_799_999_800.0)
        );
        assert!(claims["sub"].as_str().is_some_and(|sub| !sub.is_empty()));
    }
});
