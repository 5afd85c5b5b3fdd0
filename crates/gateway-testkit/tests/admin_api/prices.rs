//! Imports of price lists: what they change, say and leave alone.

use gateway_core::ports::StoreKey;
use serde_json::{Value, json};

use crate::{Answer, Gateway, request};

/// A list of four models, of which the gateway's channel names two.
fn litellm() -> Value {
    json!({
        "sample_spec": {"input_cost_per_token": 0.0},
        "gpt-5": {"input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5, "cache_read_input_token_cost": 1.25e-7,
            "input_cost_per_token_flex": 6.25e-7, "output_cost_per_token_flex": 5e-6},
        "claude-opus-4-6": {"input_cost_per_token": 5e-6, "output_cost_per_token": 2.5e-5,
            "cache_creation_input_token_cost": 6.25e-6, "cache_creation_input_token_cost_above_1hr": 1e-5},
        "gemini-2.5-pro": {"input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5,
            "input_cost_per_token_above_200k_tokens": 2.5e-6, "output_cost_per_token_above_200k_tokens": 1.5e-5},
        "tts-1": {"input_cost_per_character": 1.5e-5},
    })
}

fn gateway() -> Gateway {
    let gateway = Gateway::new();
    gateway.channel(&json!({"models": ["gpt-5", "claude-opus-4-6", "local"]}));
    gateway
}

fn import(gateway: &Gateway, query: &str, list: &Value) -> Answer {
    gateway.call("POST", &format!("prices/import{query}"), list)
}

fn models(changes: &Value) -> Vec<&str> {
    let changes = changes.as_array().unwrap().iter();
    changes
        .map(|change| change["model"].as_str().unwrap())
        .collect()
}

fn prices(gateway: &Gateway) -> Value {
    gateway.get("config").expect(200)["settings"]["prices"].clone()
}

#[test]
fn a_dry_run_says_what_an_import_would_change_and_changes_nothing() {
    let gateway = gateway();
    let before = gateway.ports.store().dump();
    let answer = import(&gateway, "?dry_run=true", &litellm());
    assert_eq!(
        answer.header("etag"),
        gateway.get("config").header("etag"),
        "so that the import can be bound to what was shown"
    );
    let plan = answer.expect(200);
    assert_eq!(models(&plan["added"]), ["claude-opus-4-6", "gpt-5"]);
    assert_eq!(
        plan["added"][1],
        json!({"model": "gpt-5", "before": null, "listed": {"prompt": 1_250_000, "cached": 125_000,
            "completion": 10_000_000, "source": "litellm",
            "service_tiers": {"flex": {"prompt": 625_000, "cached": 62_500, "completion": 5_000_000}}}})
    );
    assert_eq!(
        (&plan["dry_run"], &plan["skipped"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(plan["unpriced"], json!(["local"]));
    assert_eq!(gateway.ports.store().dump(), before);

    let done = import(&gateway, "", &litellm()).expect(200);
    assert_eq!(done["added"], plan["added"]);
    assert_eq!(done["dry_run"], false);
    let stored = prices(&gateway);
    assert_eq!(stored["gpt-5"], plan["added"][1]["listed"]);
    assert_eq!(stored.as_object().unwrap().len(), 2);
    let log = gateway.ports.log_lines().join("\n");
    assert!(
        log.contains("prices of litellm were imported: 2 added, 0 changed, 0 removed"),
        "{log}"
    );
}

#[test]
fn manual_prices_stay_and_imported_ones_follow_their_list() {
    let gateway = gateway();
    let mut document = gateway.get("config").expect(200);
    document["settings"]["prices"] = json!({"gpt-5": {"prompt": 1, "cached": null, "completion": 2},
        "mine": {"prompt": 3, "cached": null, "completion": 4}});
    let by_hand = document["settings"]["prices"].clone();
    gateway.call("PUT", "config", &document).expect(200);

    let first = import(&gateway, "?models=all", &litellm()).expect(200);
    assert_eq!(models(&first["kept"]), ["gpt-5"]);
    assert_eq!(
        models(&first["added"]),
        ["claude-opus-4-6", "gemini-2.5-pro"]
    );

    let mut list = litellm();
    list["claude-opus-4-6"]["input_cost_per_token"] = json!(4e-6);
    list.as_object_mut().unwrap().remove("gemini-2.5-pro");
    let second = import(&gateway, "", &list).expect(200);
    assert_eq!(models(&second["changed"]), ["claude-opus-4-6"]);
    assert_eq!(models(&second["removed"]), ["gemini-2.5-pro"]);
    assert_eq!(models(&second["kept"]), ["gpt-5"]);
    assert_eq!(second["changed"][0]["before"]["prompt"], 5_000_000);
    assert_eq!(second["changed"][0]["listed"]["prompt"], 4_000_000);

    let openrouter = json!({"data": [{"id": "vendor/m", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}]});
    let third = import(&gateway, "?models=all", &openrouter).expect(200);
    assert_eq!(third["source"], "openrouter");
    assert_eq!(models(&third["added"]), ["vendor/m"]);
    assert_eq!(third["removed"], json!([]), "another list's prices");

    let stored = prices(&gateway);
    assert_eq!(stored["gpt-5"], by_hand["gpt-5"]);
    assert_eq!(stored["mine"], by_hand["mine"]);
    assert_eq!(stored["vendor/m"]["source"], "openrouter");
    assert_eq!(stored.as_object().unwrap().len(), 4);
    // An export is an import.
    let export = gateway.get("config").expect(200);
    let again = gateway.call("PUT", "config", &export).expect(200);
    assert_eq!(again["settings"], export["settings"]);
}

#[test]
fn an_import_is_bound_to_the_state_that_was_reviewed() {
    let gateway = gateway();
    let plan = import(&gateway, "?dry_run=true", &litellm());
    let tag = plan.header("etag").to_owned();
    gateway.channel(&json!({"name": "another"}));
    for path in ["prices/import", "prices/import?dry_run=true"] {
        gateway
            .call_if_match("POST", path, &tag, &litellm())
            .expect_error(412, "changed_meanwhile");
    }
    assert_eq!(prices(&gateway), json!({}));
    let plan = import(&gateway, "?dry_run=true", &litellm());
    let tag = plan.header("etag").to_owned();
    let done = gateway.call_if_match("POST", "prices/import", &tag, &litellm());
    assert_eq!(done.header("etag"), gateway.get("config").header("etag"));
    done.expect(200);
}

#[test]
fn what_is_no_list_or_too_much_of_one_is_refused_whole() {
    let gateway = gateway();
    let before = gateway.ports.store().get(StoreKey::Config);
    let answer = import(
        &gateway,
        "",
        &json!({"version": 1, "channels": [], "keys": []}),
    )
    .expect_error(400, "invalid_value");
    assert_eq!(
        answer.body["error"]["details"],
        json!([{"path": "", "code": "unknown_price_list", "message": "must be a price list of LiteLLM or OpenRouter",
            "values": {"known": ["LiteLLM", "OpenRouter"]}}])
    );
    let bearer = format!("Bearer {}", gateway.token);
    let send = |body: String| {
        let headers = [("authorization", bearer.as_str())];
        gateway.send(request("POST", "prices/import?models=all", &headers, body))
    };
    send("{\"m\": SECRET".to_owned()).expect_error(400, "invalid_json");
    send(String::new()).expect_error(400, "invalid_json");
    send(" ".repeat(8 * 1024 * 1024 + 1)).expect_error(413, "request_too_large");
    let price = json!({"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6});
    let many = |count: usize| -> Value {
        let models = (0..count).map(|number| (format!("m{number}"), price.clone()));
        Value::Object(models.collect())
    };
    let answer = send(many(2_001).to_string()).expect_error(400, "invalid_value");
    let detail = &answer.body["error"]["details"][0];
    assert_eq!(
        (&detail["code"], &detail["path"]),
        (&json!("too_many"), &json!("settings.prices"))
    );
    import(&gateway, "?models=some", &litellm()).expect_error(400, "invalid_value");
    import(&gateway, "?dry_run=1", &litellm()).expect_error(400, "invalid_value");
    assert_eq!(gateway.ports.store().get(StoreKey::Config), before);
    send(many(2_000).to_string()).expect(200);
}
