//! The audit log: what is recorded, what is not, and how it is read.

use gateway_core::ledger::schema;
use gateway_core::ports::StoreKey;
use gateway_core::units::DAY_MS;
use gateway_testkit::fakes::{DatabaseFault, Misreport};
use serde_json::{Value, json};

use super::accounts::ANNA;
use super::{Answer, Gateway, peer_at, request, sent_by};

/// The entries that these filters select.
fn entries(gateway: &Gateway, filters: &str) -> Vec<Value> {
    let page = gateway.get(&format!("audit{filters}")).expect(200);
    page["data"].as_array().unwrap().clone()
}

/// `action kind name`, oldest first.
fn words(gateway: &Gateway) -> Vec<String> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let mut words: Vec<String> = entries(gateway, "?limit=500")
        .iter()
        .map(|entry| {
            ["action", "kind", "name"]
                .map(|name| text(entry, name))
                .join(" ")
        })
        .collect();
    words.reverse();
    words
}

fn key(gateway: &Gateway, name: &str) -> String {
    let key = gateway
        .call("POST", "keys", &json!({ "name": name }))
        .expect(201);
    key["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_change_is_recorded_and_nothing_else_is() {
    let gateway = Gateway::new();
    let channel = gateway.channel(&json!({}));
    let path = format!("channels/{channel}");
    gateway
        .call("PATCH", &path, &json!({"weight": 7}))
        .expect(200);
    // Nothing differs, nothing is changed, nothing is stored.
    gateway
        .call("PATCH", &path, &json!({"weight": 7}))
        .expect(200);
    gateway
        .call("PATCH", &path, &json!({"weight": -1}))
        .expect_error(400, "invalid_value");
    gateway
        .call("DELETE", "channels/ch_none", &Value::Null)
        .expect_error(404, "not_found");
    let key_path = format!("keys/{}", key(&gateway, "laptop"));
    gateway
        .call("PATCH", &key_path, &json!({"name": "desktop"}))
        .expect(200);
    gateway
        .call("POST", &format!("{key_path}/rotate"), &Value::Null)
        .expect(200);
    gateway.call("DELETE", &key_path, &Value::Null).expect(204);
    gateway.call("DELETE", &path, &Value::Null).expect(204);
    gateway.get("config").expect(200);
    gateway.get("config?secrets=true").expect(200);
    let document =
        json!({"version": 1, "channels": [], "keys": [], "settings": {"max_attempts": 3}});
    gateway.call("PUT", "config", &document).expect(200);
    let prices = json!({"gpt-4.1": {"input_cost_per_token": 0.000_002, "output_cost_per_token": 0.000_008, "litellm_provider": "openai"}});
    gateway
        .call("POST", "prices/import?models=all&dry_run=true", &prices)
        .expect(200);
    gateway
        .call("POST", "prices/import?models=all", &prices)
        .expect(200);
    gateway.login("wrong").expect_error(401, "wrong_password");
    gateway.call("POST", "logout", &Value::Null).expect(204);
    let mut gateway = gateway;
    gateway.log_in();
    assert_eq!(
        words(&gateway),
        [
            "login session -",
            "create channel NVIDIA NIM",
            "change channel NVIDIA NIM",
            "create key laptop",
            "change key desktop",
            "rotate key desktop",
            "delete key desktop",
            "delete channel NVIDIA NIM",
            "export config -",
            "import config -",
            "change settings -",
            "import settings -",
            "failed_login session -",
            "logout session -",
            "login session -",
        ]
    );
}

#[test]
fn an_entry_says_who_what_when_and_from_where() {
    let gateway = Gateway::new();
    let channel = gateway.channel(&json!({"headers": {"x-team": "secret"}}));
    let authorization = format!("Bearer {}", gateway.token);
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-forwarded-for", "198.51.100.7"),
    ];
    let body = json!({"name": "Renamed", "headers": {"x-team": "other"}}).to_string();
    let change = request("PATCH", &format!("channels/{channel}"), &headers, body);
    gateway
        .send(sent_by(peer_at("192.0.2.1:80"), change))
        .expect(200);
    let found = entries(&gateway, &format!("?object={channel}&action=change"));
    assert_eq!(found.len(), 1);
    let id = found[0]["id"].as_str().unwrap();
    assert!(id.starts_with("aud_"));
    assert_eq!(
        found[0],
        json!({
            // The peer is no trusted proxy, so that what it forwards says nothing.
            "id": id, "time": "2026-11-22T00:00:00.000Z", "who": "admin", "address": "192.0.2.1", "action": "change",
            "kind": "channel", "object": channel, "name": "Renamed", "omitted": 0,
            "changes": [
                {"path": "headers.x-team", "before": "[hidden]", "after": "[hidden]"},
                {"path": "name", "before": "NVIDIA NIM", "after": "Renamed"}
            ]
        })
    );
    let settings = json!({"version": 1, "channels": [], "keys": [], "settings": {"trusted_proxies": ["192.0.2.0/24"]}});
    gateway.call("PUT", "config", &settings).expect(200);
    let login = json!({ "password": "wrong" }).to_string();
    let login = request(
        "POST",
        "login",
        &[("x-forwarded-for", "2001:db8::7")],
        login,
    );
    gateway
        .send(sent_by(peer_at("192.0.2.1:80"), login))
        .expect_error(401, "wrong_password");
    let found = entries(&gateway, "?action=failed_login");
    // The whole address, as a trusted proxy says.
    assert_eq!(found[0]["address"], "2001:db8::7");
    assert_eq!(
        (&found[0]["who"], &found[0]["object"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn the_log_is_filtered_searched_and_paged() {
    let gateway = Gateway::new();
    for number in 0..5 {
        gateway.ports.advance_ms(1000);
        key(&gateway, &format!("Laptop-{number}-x"));
    }
    gateway.channel(&json!({"name": "Über_uns %"}));
    let count = |filters: &str| entries(&gateway, filters).len();
    assert_eq!(count(""), 7);
    assert_eq!(count("?kind=key"), 5);
    assert_eq!(count("?action=login"), 1);
    assert_eq!(count("?who=admin"), 7);
    assert_eq!(count("?who=other"), 0);
    assert_eq!(count("?q=laptop-3"), 1);
    assert_eq!(count("?q=LAPTOP+create"), 5);
    assert_eq!(count("?q=%25"), 1);
    assert_eq!(count("?q=r_uns+channel"), 1);
    assert_eq!(count("?q=%C3%9Cber"), 1);
    assert_eq!(
        count("?from=2026-11-22T00:00:02Z&to=2026-11-22T00:00:04Z"),
        2
    );
    for (filters, parameter) in [
        ("?action=x", "action"),
        ("?kind=x", "kind"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?cursor=x", "cursor"),
        ("?from=x", "from"),
        ("?tag=x", "tag"),
    ] {
        let error = gateway
            .get(&format!("audit{filters}"))
            .expect_error(400, "invalid_value");
        assert_eq!(error.body["error"]["param"], parameter);
    }
    // Pages, while more is recorded.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = gateway
            .get(&format!("audit?kind=key&limit=2{cursor}"))
            .expect(200);
        for entry in page["data"].as_array().unwrap() {
            seen.push(entry["name"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
        key(&gateway, "later");
    }
    let laptops = [4, 3, 2, 1, 0].map(|number| format!("Laptop-{number}-x"));
    assert_eq!(seen, laptops);
    let page = gateway.get("audit?kind=key&limit=2").expect(200);
    assert_eq!(page["total"], 7);
}

#[test]
fn the_log_can_be_taken_as_a_file() {
    let gateway = Gateway::new();
    key(&gateway, "=HYPERLINK(\"http://x\",\"y\")");
    let answer = gateway.get("audit.csv?kind=key");
    assert_eq!(
        answer.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"audit-2026-11-22.csv\""
    );
    assert_eq!(answer.header("x-next-cursor"), "");
    let text = answer.expect(200);
    let lines: Vec<&str> = text.as_str().unwrap().split("\r\n").collect();
    assert_eq!(
        lines[0],
        "id,time,who,address,action,kind,object,name,path,before,after"
    );
    assert!(
        lines[1].contains(",2026-11-22T00:00:00.000Z,admin,,create,key,ck_"),
        "{}",
        lines[1]
    );
    assert!(
        lines[1].contains(",\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\","),
        "{}",
        lines[1]
    );
    assert_eq!(lines.last(), Some(&""));
    // In parts.
    for number in 0..4 {
        key(&gateway, &format!("k{number}"));
    }
    let first = gateway.get("audit.csv?kind=key&limit=3");
    let cursor = first.header("x-next-cursor").to_owned();
    let first = first.expect(200);
    assert!(first.as_str().unwrap().contains(",k1,"));
    let second = gateway.get(&format!("audit.csv?kind=key&limit=3&cursor={cursor}"));
    assert_eq!(second.header("x-next-cursor"), "");
    let second = second.expect(200);
    assert!(second.as_str().unwrap().contains(",k0,"));
    assert!(!second.as_str().unwrap().contains(",k1,"));
}

#[test]
fn a_change_is_made_also_if_it_cannot_be_recorded_and_the_loss_is_shown() {
    let gateway = Gateway::new();
    for fault in [DatabaseFault::Refuse, DatabaseFault::Hang] {
        gateway.ports.database().set_fault(fault);
        key(&gateway, "laptop");
    }
    gateway.ports.database().set_fault(DatabaseFault::None);
    assert_eq!(
        gateway.get("keys").expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let page = gateway.get("audit").expect(200);
    assert_eq!((&page["total"], &page["lost"]), (&json!(1), &json!(2)));
    assert_eq!(
        gateway.ports.store().get(StoreKey::LostAuditEntries),
        Some(b"2".to_vec())
    );
    let lines = gateway.ports.log_lines();
    let is_logged =
        |line: &&String| line.contains("admin: audit: 1 entries are lost, of create ck_");
    assert_eq!(lines.iter().filter(is_logged).count(), 2, "{lines:?}");
    // A database that is busy for a moment loses nothing, and neither does one whose answer is lost.
    for fault in [DatabaseFault::Refuse, DatabaseFault::FailAfterCommit] {
        gateway.ports.database().fault_next(fault, 1);
        key(&gateway, "desktop");
    }
    let page = gateway.get("audit?q=desktop").expect(200);
    assert_eq!((&page["total"], &page["lost"]), (&json!(2), &json!(2)));
    gateway.ports.database().set_fault(DatabaseFault::Refuse);
    gateway.get("audit").expect_error(503, "store_unavailable");
    gateway
        .get("audit.csv")
        .expect_error(503, "store_unavailable");
}

#[test]
fn a_change_that_a_store_misreports_is_recorded_once() {
    for what in [Misreport::Conflict, Misreport::Error] {
        let gateway = Gateway::new();
        gateway.ports.store().misreport(Some(what));
        key(&gateway, "laptop");
        gateway.ports.store().misreport(None);
        assert_eq!(entries(&gateway, "?kind=key").len(), 1, "{what:?}");
    }
    // One that others came before is tried again, and counts once.
    let gateway = Gateway::new();
    gateway.ports.store().conflict_next(3);
    key(&gateway, "laptop");
    assert_eq!(entries(&gateway, "?kind=key").len(), 1);
}

/// Imports a configuration that keeps the log for so many days.
fn keep_for(gateway: &Gateway, days: u64) -> Answer {
    let settings = json!({ "audit_days": days });
    let document = json!({"version": 1, "channels": [], "keys": [], "settings": settings});
    gateway.call("PUT", "config", &document)
}

fn stored(gateway: &Gateway) -> usize {
    gateway.ports.database().rows("SELECT id FROM audit").len()
}

#[test]
fn entries_are_kept_as_long_as_the_setting_says() {
    let mut gateway = Gateway::new();
    key(&gateway, "old");
    let config = gateway.get("config").expect(200);
    assert_eq!(config["settings"]["audit_days"], 400);
    keep_for(&gateway, 3_651).expect_error(400, "invalid_value");
    keep_for(&gateway, 0).expect(200);
    gateway.ports.advance_ms(500 * DAY_MS);
    gateway.log_in();
    assert!(words(&gateway).contains(&"create key old".to_owned()));
    keep_for(&gateway, 499).expect(200);
    // What is too old is not shown, and is removed with the next entry.
    assert_eq!(
        words(&gateway),
        ["login session -", "import config -", "change settings -"]
    );
    assert!(stored(&gateway) > 3);
    key(&gateway, "new");
    assert_eq!(stored(&gateway), 4);
}

#[test]
fn many_failed_logins_do_not_push_anything_else_out() {
    let gateway = Gateway::new();
    let row = |number: u32| {
        json!([
            format!("aud_{number}"),
            1_795_305_600_000_u64,
            "",
            "",
            "failed_login",
            "session",
            "",
            "",
            "[]",
            0
        ])
    };
    let rows: Vec<Value> = (0..10_500).map(row).collect();
    let insert = format!(
        "INSERT INTO audit (id, time_ms, who, address, action, kind, object, name, changes, omitted) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
         value ->> 8, value ->> 9 FROM json_each('{}')",
        Value::from(rows)
    );
    gateway.ports.database().rows(&insert);
    key(&gateway, "laptop");
    let failed = gateway.get("audit?action=failed_login&limit=1").expect(200);
    assert_eq!(failed["total"], 10_000);
    assert_eq!(words(&gateway).len(), 500);
    let others = gateway.get("audit?who=admin").expect(200);
    assert_eq!(others["total"], 2);
}

#[test]
fn a_database_of_an_older_version_gets_the_table() {
    for version in [8, 9] {
        let gateway = Gateway::new();
        let database = gateway.ports.database();
        for statement in [
            "DROP TABLE audit".to_owned(),
            format!("DELETE FROM gateway_schema WHERE version > {version}"),
            format!(
                "INSERT INTO gateway_schema (version) VALUES ({version}) ON CONFLICT DO NOTHING"
            ),
        ] {
            database.rows(&statement);
        }
        assert_eq!(gateway.get("audit").expect(200)["total"], 0);
        key(&gateway, "laptop");
        assert_eq!(gateway.get("audit").expect(200)["total"], 1);
        let rows = database.rows("SELECT max(version) FROM gateway_schema");
        assert_eq!(rows[0][0].count(), schema::VERSION);
    }
}

#[test]
fn a_large_import_is_recorded_object_by_object_up_to_a_bound() {
    let gateway = Gateway::new();
    let keys: Vec<Value> = (0..1_200)
        .map(|number| {
            json!({"id": format!("ck_{number}"), "name": format!("k{number}"), "hash": format!("{number:064x}"),
                "hint": "sk-a…wxyz", "enabled": true, "models": [], "expires_at": null,
                "limits": {}, "created_at": "2026-11-22T00:00:00Z"})
        })
        .collect();
    let document = json!({"version": 1, "channels": [], "keys": keys, "settings": {}});
    gateway.call("PUT", "config", &document).expect(200);
    let page = gateway.get("audit?kind=key&limit=1").expect(200);
    assert_eq!(page["total"], 999);
    let whole = entries(&gateway, "?kind=config");
    assert_eq!(whole.len(), 2);
    assert_eq!(
        whole[0]["changes"],
        json!([{"path": "objects", "before": 0, "after": 201}])
    );
    assert_eq!(whole[1]["action"], "import");
    assert_eq!(
        whole[1]["changes"][1],
        json!({"path": "keys", "before": 0, "after": 1200})
    );
    // All that is stored of an entry is bounded.
    let longest = "SELECT max(length(changes)) FROM audit";
    let longest = gateway.ports.database().rows(longest)[0][0].count();
    assert!(longest < 16 * 1024, "{longest}");
}

#[test]
fn accounts_and_alerts_are_recorded_with_who_changed_them() {
    let gateway = Gateway::new();
    let id = gateway.account("Anna", "owner", ANNA);
    let token = gateway.token_of("ANNA", ANNA);
    let change = json!({"password": "another password of anna"});
    let path = format!("accounts/{id}");
    gateway.call("PATCH", &path, &change).expect(200);
    // The change of the password has ended that session.
    gateway
        .get_as(&token, "session")
        .expect_error(401, "not_authenticated");
    let token = gateway.token_of("anna", "another password of anna");
    let body = json!({
        "rules": {"budget_near_percent": 70},
        "destinations": [{"name": "team", "kind": "slack", "url": "https://hooks.example/services/T0/B0/x"}],
    });
    gateway
        .call_as(&token, "PATCH", "alerts", &body)
        .expect(200);
    let found: Vec<Value> = entries(&gateway, "?limit=6")
        .iter()
        .map(|entry| json!([entry["who"], entry["action"], entry["kind"], entry["name"]]))
        .collect();
    assert_eq!(
        found,
        [
            json!(["Anna", "create", "destination", "team"]),
            json!(["Anna", "change", "alerts", null]),
            json!(["Anna", "login", "session", null]),
            json!(["admin", "change", "account", "Anna"]),
            json!(["Anna", "login", "session", null]),
            json!(["admin", "create", "account", "Anna"]),
        ]
    );
    let changed = entries(&gateway, "?kind=account&action=change");
    assert_eq!(
        changed[0]["changes"],
        json!([{"path": "password", "before": "[hidden]", "after": "[hidden]"}])
    );
}
