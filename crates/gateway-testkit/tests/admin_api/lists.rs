//! Lists at scale: search, tags, pages and their order, and what members add up to.

use std::time::Duration;

use gateway_core::ledger::record::{Actor, RequestRecord};
use gateway_core::ports::Clock as _;
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{START, block_on};
use serde_json::{Value, json};

use crate::Gateway;
use crate::ledger::{record, write};

/// Client keys `ck_0000…` with names, tags and, each second one, limits; and channels of three priorities.
pub fn filled(keys: usize, channels: usize) -> Gateway {
    let gateway = Gateway::new();
    let keys: Vec<Value> = (0..keys)
        .map(|number| {
            let limits = if number % 2 == 0 {
                json!({"requests_per_minute": 60, "tokens_per_day": 1000})
            } else {
                json!({})
            };
            json!({
                "id": format!("ck_{number:04}"),
                "name": format!("Key {number}"),
                "hint": format!("sk-{number:04}…wxyz"),
                "hash": format!("{number:064x}"),
                "tags": [format!("team-{}", number % 4), "all"],
                "models": [format!("model-{}", number % 3)],
                "limits": limits,
                "created_at": format!("2026-01-01T00:00:{:02}Z", number % 60),
            })
        })
        .collect();
    let channels: Vec<Value> = (0..channels)
        .map(|number| {
            json!({
                "id": format!("ch_{number:04}"),
                "name": format!("Channel {number}"),
                "base_url": format!("https://up{number}.example/v1"),
                "keys": [],
                "models": [format!("model-{number}")],
                "tags": if number % 2 == 0 { json!(["eu"]) } else { json!([]) },
                "priority": number % 3,
            })
        })
        .collect();
    let document = json!({"version": 1, "channels": channels, "keys": keys});
    gateway.call("PUT", "config", &document).expect(200);
    gateway
}

pub fn ids(list: &Value) -> Vec<&str> {
    let rows = list["data"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

/// All ids of a list, by pages of `limit`.
fn walk(gateway: &Gateway, path: &str, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = gateway
            .get(&format!("{path}&limit={limit}{cursor}"))
            .expect(200);
        all.extend(ids(&page).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn tags_are_stored_exported_imported_and_bounded() {
    let gateway = Gateway::new();
    let body = json!({"name": "laptop", "tags": ["Team Blue", " eu "]});
    let key = gateway.call("POST", "keys", &body).expect(201);
    assert_eq!(key["tags"], json!(["Team Blue", "eu"]));
    let channel = gateway.channel(&json!({"tags": ["prod"]}));
    let exported = gateway.get("config").expect(200);
    assert_eq!(exported["channels"][0]["tags"], json!(["prod"]));
    assert_eq!(exported["keys"][0]["tags"], json!(["Team Blue", "eu"]));
    let again = gateway.call("PUT", "config", &exported).expect(200);
    assert_eq!(again["keys"], exported["keys"]);

    let path = format!("channels/{channel}");
    let changed = gateway.call("PATCH", &path, &json!({"weight": 2}));
    assert_eq!(changed.expect(200)["tags"], json!(["prod"]));
    let changed = gateway.call("PATCH", &path, &json!({"tags": []}));
    assert!(changed.expect(200).get("tags").is_none());

    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    for (tags, path, code) in [
        (json!("a"), "tags", "wrong_type"),
        (json!(["a", "a"]), "tags[1]", "duplicate"),
        (json!(["a", "b,c"]), "tags[1]", "comma_in_tag"),
        (json!(["x".repeat(51)]), "tags[0]", "invalid_text"),
        (json!([""]), "tags[0]", "invalid_text"),
        (json!(many), "tags", "too_many"),
    ] {
        for (list, other) in [
            ("keys", json!({"name": "a", "tags": tags})),
            (
                "channels",
                json!({"name": "a", "base_url": "https://h/v1", "keys": [], "tags": tags}),
            ),
        ] {
            let error = gateway.call("POST", list, &other);
            let error = error.expect_error(400, "invalid_value");
            let first = &error.body["error"]["details"][0];
            assert_eq!(
                (&first["path"], &first["code"]),
                (&json!(path), &json!(code))
            );
        }
    }
}

#[test]
fn channels_are_sorted_by_what_their_columns_show() {
    let gateway = filled(0, 3);
    for (id, change) in [
        (
            "ch_0000",
            json!({"models": ["a", "b", "c"], "enabled": false}),
        ),
        (
            "ch_0001",
            json!({"keys": ["sk-one-of-the-keys", "sk-another-of-them"]}),
        ),
        (
            "ch_0002",
            json!({"models": [], "keys": ["sk-the-only-key"]}),
        ),
    ] {
        gateway
            .call("PATCH", &format!("channels/{id}"), &change)
            .expect(200);
    }
    for (sort, expected) in [
        ("models", ["ch_0002", "ch_0001", "ch_0000"]),
        ("keys", ["ch_0000", "ch_0002", "ch_0001"]),
        ("enabled", ["ch_0000", "ch_0001", "ch_0002"]),
        ("enabled&order=desc", ["ch_0002", "ch_0001", "ch_0000"]),
    ] {
        let list = gateway.get(&format!("channels?sort={sort}")).expect(200);
        assert_eq!(ids(&list), expected, "{sort}");
    }
}

#[test]
fn lists_are_searched_filtered_and_sorted() {
    let gateway = filled(8, 6);
    for (path, expected) in [
        ("keys?q=KEY+3", vec!["ck_0003", "ck_0007"]),
        ("keys?q=0005…wx", vec!["ck_0005"]),
        ("keys?q=ck_0007", vec!["ck_0007"]),
        ("keys?q=team-3", vec!["ck_0003", "ck_0007"]),
        ("keys?q=model-2", vec!["ck_0002", "ck_0005"]),
        ("keys?q=model-2&tag=team-1", vec!["ck_0005"]),
        ("keys?tag=team", vec![]),
        ("keys?tag=team-0&order=desc", vec!["ck_0004", "ck_0000"]),
        ("channels?q=up4.example", vec!["ch_0004"]),
        ("channels?q=model-5", vec!["ch_0005"]),
        (
            "channels?tag=eu&sort=name&order=desc",
            vec!["ch_0004", "ch_0002", "ch_0000"],
        ),
        (
            "channels?sort=priority",
            vec![
                "ch_0000", "ch_0003", "ch_0001", "ch_0004", "ch_0002", "ch_0005",
            ],
        ),
    ] {
        let list = gateway.get(&path.replace('…', "%E2%80%A6")).expect(200);
        assert_eq!(ids(&list), expected, "{path}");
        assert_eq!(
            (&list["total"], &list["next"]),
            (&json!(expected.len()), &Value::Null)
        );
    }
    // As before: everything, in the order in which it is stored.
    let list = gateway.get("keys").expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 8);
    assert!(list.get("next").is_none() && list.get("total").is_none());
    for path in [
        "keys?sort=hint",
        "channels?sort=last_used",
        "keys?before=ck_1",
        "keys?limit=0",
    ] {
        gateway.get(path).expect_error(400, "invalid_value");
    }
}

#[test]
fn pages_go_through_everything_once_while_objects_come_and_go() {
    let gateway = filled(50, 0);
    for path in [
        "keys?sort=name",
        "keys?order=desc",
        "keys?sort=last_used",
        "keys?sort=expires",
    ] {
        let mut all = walk(&gateway, path, 7);
        assert_eq!(all.len(), 50, "{path}");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 50, "{path}");
    }
    let first = gateway.get("keys?limit=10").expect(200);
    assert_eq!((ids(&first).len(), &first["total"]), (10, &json!(50)));
    let last = ids(&first)[9];
    gateway
        .call("DELETE", &format!("keys/{last}"), &Value::Null)
        .expect(204);
    gateway
        .call("POST", "keys", &json!({"name": "new"}))
        .expect(201);
    let next = first["next"].as_str().unwrap();
    let second = gateway
        .get(&format!("keys?limit=10&cursor={next}"))
        .expect(200);
    assert_eq!(ids(&second)[0], "ck_0010");
    assert_eq!(second["total"], 50);
}

#[test]
fn keys_are_sorted_by_their_last_use() {
    let gateway = filled(3, 0);
    write(
        &gateway,
        &[of(1, "ck_0001", "ch_a"), of(2, "ck_0000", "ch_a")],
    );
    let list = gateway
        .get("keys?sort=last_used&order=desc&limit=2")
        .expect(200);
    assert_eq!(ids(&list), ["ck_0000", "ck_0001"]);
    assert!(list["data"][0]["last_used_at"].is_string());
}

/// A request of this key to this channel, so many minutes after the beginning.
pub fn of(number: u64, key: &str, channel: &str) -> RequestRecord {
    let actor = |id: &str| Actor {
        id: id.to_owned(),
        name: format!("name of {id}"),
    };
    RequestRecord {
        key: actor(key),
        channel: Some(actor(channel)),
        ..record(number)
    }
}

#[test]
fn the_log_is_searched_filtered_sorted_and_counted() {
    let gateway = filled(4, 2);
    let mut records = vec![
        of(0, "ck_0000", "ch_0000"),
        of(1, "ck_0001", "ch_0001"),
        of(2, "ck_0002", "ch_0001"),
        of(3, "ck_gone", "ch_0001"),
    ];
    "100%_sure".clone_into(&mut records[3].model);
    records[1].total_ms = 5000;
    records[2].cost_micro_usd = 99;
    write(&gateway, &records);
    let third = "req_0000000000000000000000000003";
    for (query, expected) in [
        ("q=key+2".to_owned(), vec![2]),
        ("q=sk-0001".to_owned(), vec![1]),
        ("q=channel+1".to_owned(), vec![3, 2, 1]),
        ("q=100%25_S".to_owned(), vec![3]),
        ("q=%25".to_owned(), vec![3]),
        (format!("q={third}"), vec![3]),
        ("q=nothing".to_owned(), vec![]),
        ("tag=team-1".to_owned(), vec![1]),
        ("tag=eu".to_owned(), vec![0]),
        ("tag=nobody".to_owned(), vec![]),
        ("order=asc".to_owned(), vec![0, 1, 2, 3]),
        ("sort=total_ms".to_owned(), vec![1, 3, 2, 0]),
        ("sort=cost&order=asc".to_owned(), vec![0, 1, 3, 2]),
        (
            "sort=tokens&channel=ch_0001&order=asc".to_owned(),
            vec![1, 2, 3],
        ),
    ] {
        let page = gateway.get(&format!("requests?{query}")).expect(200);
        let numbers: Vec<u64> = ids(&page)
            .iter()
            .map(|id| id[4..].parse().unwrap())
            .collect();
        assert_eq!(numbers, expected, "{query}");
        assert_eq!(
            (&page["total"], &page["next"]),
            (&json!(expected.len()), &Value::Null)
        );
        if !expected.is_empty() {
            let walked = walk(&gateway, &format!("requests?{query}"), 1);
            let walked: Vec<u64> = walked.iter().map(|id| id[4..].parse().unwrap()).collect();
            assert_eq!(walked, expected, "{query}");
        }
    }
    let page = gateway.get("requests?limit=1&before=req_0000000000000000000000000003");
    assert_eq!(page.expect(200)["total"], 4);
    for (query, param) in [
        (format!("before={third}&cursor={third}"), "cursor"),
        ("cursor=req_x".to_owned(), "cursor"),
        ("before=req_x".to_owned(), "before"),
        ("sort=model".to_owned(), "sort"),
        ("order=up".to_owned(), "order"),
    ] {
        let error = gateway.get(&format!("requests?{query}"));
        let error = error.expect_error(400, "invalid_value");
        assert_eq!(error.body["error"]["param"], param, "{query}");
    }
}

#[test]
fn usage_of_many_members_is_that_of_the_first_and_the_rest() {
    let gateway = filled(0, 0);
    // 60 keys, each active in every hour of a week; key 59 has most requests, key 0 costs most.
    let mut records = Vec::new();
    for key in 0..60_u64 {
        for hour in 0..168 {
            let mut one = of(0, &format!("ck_{key:04}"), "ch_a");
            one.time = Timestamp(START.0 + hour * 3_600_000);
            one.id = format!("req_{key:014}{hour:014}");
            one.cost_micro_usd = 60 - key;
            records.push(one.clone());
            if key == 59 {
                one.id = format!("req_{key:014}{:014}", hour + 1000);
                records.push(one);
            }
        }
    }
    for chunk in records.chunks(400) {
        write(&gateway, chunk);
    }
    let span = "from=2026-11-22T00:00:00Z&to=2026-11-29T00:00:00Z&group=key";
    gateway
        .get(&format!("usage?{span}"))
        .expect_error(400, "invalid_value");

    let usage = gateway.get(&format!("usage?{span}&top=3")).expect(200);
    let rows = usage["data"].as_array().unwrap();
    assert_eq!(rows.len(), 168 * 4);
    let own = |row: &Value| row["key"]["id"].as_str().map(str::to_owned);
    let first: Vec<_> = rows[..4].iter().map(own).collect();
    let named = |id: &str| Some(id.to_owned());
    assert_eq!(
        first,
        [named("ck_0000"), named("ck_0001"), named("ck_0059"), None]
    );
    assert_eq!(
        (&rows[3]["other"], &rows[3]["requests"]),
        (&json!(true), &json!(57))
    );
    assert!(rows[0].get("other").is_none());
    let requests = rows.iter().map(|row| row["requests"].as_u64().unwrap());
    assert_eq!(requests.sum::<u64>(), 61 * 168);

    let totals = gateway
        .get(&format!("usage?{span}&bucket=total&by=cost"))
        .expect(200);
    let rows = totals["data"].as_array().unwrap();
    assert_eq!(rows.len(), 60);
    assert_eq!(rows[0]["key"]["id"], "ck_0000");
    assert_eq!(rows[0]["bucket"], "2026-11-22T00:00:00Z");
    assert_eq!(
        (&rows[0]["requests"], &rows[0]["cost_micro_usd"]),
        (&json!(168), &json!(60 * 168))
    );
    let costs: Vec<u64> = rows
        .iter()
        .map(|row| row["cost_micro_usd"].as_u64().unwrap())
        .collect();
    assert!(costs.is_sorted_by(|one, other| one >= other));

    for (query, param) in [
        ("top=0", "top"),
        ("top=101", "top"),
        ("group=none&top=1", "top"),
        ("group=reason&top=1", "top"),
        ("group=reason&tag=a", "tag"),
        ("by=time", "by"),
        ("bucket=week", "bucket"),
        ("group=team", "group"),
    ] {
        let error = gateway.get(&format!("usage?{query}"));
        let error = error.expect_error(400, "invalid_value");
        assert_eq!(error.body["error"]["param"], param, "{query}");
    }
}

#[test]
fn usage_is_grouped_and_filtered_by_the_tags_that_members_have_now() {
    let gateway = filled(4, 2);
    write(
        &gateway,
        &[
            of(0, "ck_0000", "ch_0000"),
            of(1, "ck_0001", "ch_0001"),
            of(2, "ck_0001", "ch_0000"),
            of(3, "ck_gone", "ch_0001"),
        ],
    );
    let sums = |query: &str| {
        let path =
            format!("usage?from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z&bucket=total&{query}");
        let usage = gateway.get(&path).expect(200);
        let rows = usage["data"].as_array().unwrap();
        let sum = |row: &Value| (row["tag"].clone(), row["requests"].as_u64().unwrap());
        rows.iter().map(sum).collect::<Vec<_>>()
    };
    let rows = [
        (json!("all"), 3),
        (json!("team-1"), 2),
        (json!(""), 1),
        (json!("team-0"), 1),
    ];
    assert_eq!(sums("group=tag"), rows);
    assert_eq!(
        sums("group=channel_tag"),
        [(json!(""), 2), (json!("eu"), 2)]
    );
    assert_eq!(
        sums("group=tag&top=1"),
        [(json!("all"), 3), (Value::Null, 4)]
    );
    assert_eq!(sums("group=none&tag=team-1"), [(Value::Null, 2)]);
    assert_eq!(sums("group=none&tag=eu"), [(Value::Null, 2)]);
    assert_eq!(sums("group=none&tag=nobody"), []);
    let retagged = json!({"tags": ["team-9"]});
    gateway.call("PATCH", "keys/ck_0001", &retagged).expect(200);
    assert_eq!(sums("group=tag")[0], (json!("team-9"), 2));
}

#[test]
fn allowances_of_all_keys_take_one_query() {
    use gateway_core::config::model::KeyLimits;
    use gateway_core::limits::LimitsEngine;
    use gateway_core::limits::port::Limits as _;
    use gateway_core::limits::usage::Consumed;

    let gateway = filled(200, 0);
    let list = gateway.get("keys/allowances").expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 100);
    assert_eq!(list["data"][0]["requests_per_minute"]["used"], 0);
    let limits = KeyLimits {
        requests_per_minute: Some(60),
        ..KeyLimits::default()
    };
    let engine = LimitsEngine::new(&gateway.ports, Duration::from_secs(1));
    let now = gateway.ports.now();
    block_on(engine.try_acquire("ck_0002", &limits, Consumed::default(), now)).unwrap();
    gateway.ports.database().forget();
    let list = gateway.get("keys/allowances").expect(200);
    assert_eq!(gateway.ports.database().statements().len(), 1);
    let used: Vec<u64> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["requests_per_minute"]["used"].as_u64().unwrap())
        .collect();
    assert_eq!((used[1], used.iter().sum::<u64>()), (1, 1));
    let one = gateway.get("keys/ck_0002/allowance").expect(200);
    let mut row = list["data"][1].clone();
    let members = row.as_object_mut().unwrap();
    members.remove("id");
    assert_eq!(members.remove("name").unwrap(), "Key 2");
    assert_eq!(members.remove("enabled").unwrap(), true);
    assert_eq!(one, row);
    let some = gateway.get("keys/allowances?ids=ck_0002,ck_0003,ck_0004,x");
    assert_eq!(ids(&some.expect(200)), ["ck_0002", "ck_0004"]);
    let consumed = Consumed {
        tokens: 800,
        cost_micro_usd: 0,
    };
    block_on(engine.settle("ck_0006", consumed.into(), now)).unwrap();
    let near = gateway.get("keys/allowances?used_percent=80").expect(200);
    assert_eq!(ids(&near), ["ck_0006"]);
    gateway
        .get("keys/allowances?used_percent=101")
        .expect_error(400, "invalid_value");
}
