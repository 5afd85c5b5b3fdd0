//! The exports as CSV: they say what the JSON says, are sent while they are read, and break visibly.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::StreamExt as _;
use gateway_core::admin;
use gateway_core::ledger::record::RequestRecord;
use gateway_core::reply::{BrokenBody, Pieces, Reply, ReplyBody};
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{DatabaseFault, START, block_on};
use serde_json::{Value, json};

use crate::ledger::{mixed, record, write};
use crate::lists::{filled, of};
use crate::{Gateway, request};

const HOUR: u64 = 3_600_000;

/// A reply whose body was not read yet.
fn begun(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Reply {
    let authorization = format!("Bearer {}", gateway.token);
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend(headers);
    let request = request("GET", path, &all, "");
    block_on(admin::handle(&gateway.ports, &gateway.settings, request))
}

fn pieces(reply: Reply) -> Pieces {
    let pieces = match reply.into_body() {
        ReplyBody::Pieces(pieces) => Some(pieces),
        ReplyBody::Whole(_) => None,
    };
    pieces.unwrap()
}

/// Cells of a table, row by row.
fn rows_of(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {
                assert_eq!(characters.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty(), "the last row has an end");
    rows
}

/// The rows of a table that is sent in one piece, as objects of texts.
fn table(gateway: &Gateway, path: &str) -> Vec<Value> {
    objects(gateway.get(path).expect(200).as_str().unwrap())
}

fn objects(text: &str) -> Vec<Value> {
    let mut rows = rows_of(text).into_iter();
    let head = rows.next().unwrap();
    rows.map(|row| {
        assert_eq!(row.len(), head.len());
        let members = head.iter().cloned().zip(row.into_iter().map(Value::from));
        Value::Object(members.collect())
    })
    .collect()
}

/// A value of JSON as a cell has it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn usd(micro_usd: &Value) -> String {
    let micro_usd = micro_usd.as_u64().unwrap();
    format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000)
}

/// What a request of the log would be in the table.
fn request_cell(row: &Value, column: &str) -> String {
    match column {
        "attempts" => row["attempts"].as_array().unwrap().len().to_string(),
        "limit" => cell(&row["limit"]["name"]),
        "cost_usd" => usd(&row["cost_micro_usd"]),
        name => cell(&row[name]),
    }
}

/// What a row of usage would be in the table.
fn usage_cell(row: &Value, column: &str) -> String {
    let named = |member: &str| match &row[member] {
        Value::Object(named) => cell(&named["id"]),
        other => cell(other),
    };
    match column {
        "cost_usd" => usd(&row["cost_micro_usd"]),
        "other" => row["other"].as_bool().unwrap_or_default().to_string(),
        "model" | "channel" | "key" | "tag" | "reason" => named(column),
        "channel_name" => cell(&row["channel"]["name"]),
        "key_name" => cell(&row["key"]["name"]),
        name => match name.rsplit_once("_p") {
            Some((latency, percent)) if percent.parse::<u8>().is_ok() => {
                cell(&row[latency][format!("p{percent}")])
            }
            _ => cell(&row[name]),
        },
    }
}

#[track_caller]
fn same(table: &[Value], rows: &Value, cell_of: fn(&Value, &str) -> String, what: &str) {
    let rows = rows["data"].as_array().unwrap();
    assert_eq!(table.len(), rows.len(), "{what}");
    for (exported, row) in table.iter().zip(rows) {
        for (column, value) in exported.as_object().unwrap() {
            assert_eq!(value, &json!(cell_of(row, column)), "{column} of {what}");
        }
    }
}

/// As many requests as there are numbers, a minute apart.
fn many(gateway: &Gateway, count: u64) {
    let records: Vec<RequestRecord> = (0..count).map(record).collect();
    for records in records.chunks(400) {
        write(gateway, records);
    }
}

#[test]
fn the_log_is_exported_as_it_is_listed() {
    let gateway = Gateway::new();
    write(&gateway, &mixed());
    gateway.ports.advance_ms(2 * HOUR);
    for filters in [
        "",
        "key=ck_b",
        "channel=ch_b",
        "model=n",
        "status=error",
        "status=2xx&key=ck_a",
        "end=client_gone",
        "q=nonsense",
        "tag=none",
        "from=2026-11-22T00:02:00Z&to=2026-11-22T00:04:00Z",
        "limit=2",
    ] {
        let listed = gateway.get(&format!("requests?{filters}")).expect(200);
        let exported = table(&gateway, &format!("requests.csv?{filters}"));
        same(&exported, &listed, request_cell, filters);
    }
    let answer = gateway.get("requests.csv");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"requests-2026-11-22.csv\""
    );
    assert_eq!(
        answer.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let empty = table(&Gateway::new(), "requests.csv");
    assert_eq!(empty, Vec::<Value>::new());
}

#[test]
fn parameters_of_an_export_are_checked() {
    let gateway = Gateway::new();
    for (path, param) in [
        ("requests.csv?limit=0", "limit"),
        ("requests.csv?sort=cost", "sort"),
        ("requests.csv?cursor=req_1", "cursor"),
        ("requests.csv?status=9", "status"),
        ("requests.csv?from=yesterday", "from"),
        ("usage.csv?group=nothing", "group"),
        ("usage.csv?top=0", "top"),
        ("usage.csv?group=reason&model=m", "model"),
    ] {
        let answer = gateway.get(path).expect_error(400, "invalid_value");
        assert_eq!(answer.body["error"]["param"], param, "{path}");
    }
}

#[test]
fn texts_that_look_like_formulas_are_guarded() {
    let gateway = Gateway::new();
    let mut evil = record(0);
    evil.key.name = "=HYPERLINK(\"http://evil.example\",\"a, b\")".to_owned();
    evil.upstream_model = Some("@m\r\nb".to_owned());
    "+1".clone_into(&mut evil.model);
    write(&gateway, &[evil]);
    let [row] = &table(&gateway, "requests.csv")[..] else {
        panic!("one row");
    };
    assert_eq!(
        row["key_name"],
        "'=HYPERLINK(\"http://evil.example\",\"a, b\")"
    );
    assert_eq!(row["model"], "'+1");
    assert_eq!(row["upstream_model"], "'@m\r\nb");
    let usage = table(&gateway, "usage.csv?group=key&to=2026-11-22T01:00:00Z");
    assert_eq!(
        usage[0]["key_name"],
        "'=HYPERLINK(\"http://evil.example\",\"a, b\")"
    );
}

#[test]
fn a_long_log_is_read_page_by_page_as_it_is_sent() {
    let gateway = Gateway::new();
    many(&gateway, 1_203);
    let before = gateway.ports.database().calls();
    let reply = begun(&gateway, "requests.csv", &[]);
    assert!(!reply.headers().contains_key("etag"));
    let mut body = pieces(reply);
    let first_calls = gateway.ports.database().calls() - before;
    let first = block_on(body.next()).unwrap().unwrap();
    assert_eq!(
        gateway.ports.database().calls() - before,
        first_calls,
        "no page is read before it is wanted"
    );
    let rest: Vec<Bytes> = block_on(body.map(Result::unwrap).collect());
    assert_eq!(rest.len(), 2);
    assert!(rest.iter().all(|piece| piece.len() < 2 * first.len()));
    let whole = [&[first], &rest[..]].concat().concat();
    let rows = objects(std::str::from_utf8(&whole).unwrap());
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..1_203).rev().map(|it| format!("req_{it:028}")).collect();
    assert_eq!(ids, expected);

    let reply = begun(&gateway, "requests.csv", &[("accept-encoding", "gzip")]);
    assert_eq!(reply.headers()["content-encoding"], "gzip");
    let packed: Vec<Bytes> = block_on(pieces(reply).map(Result::unwrap).collect());
    let mut plain = Vec::new();
    GzDecoder::new(&packed.concat()[..])
        .read_to_end(&mut plain)
        .unwrap();
    assert_eq!(plain, whole);

    let reply = begun(&gateway, "requests.csv?limit=700&model=m", &[]);
    let limited: Vec<Bytes> = block_on(pieces(reply).map(Result::unwrap).collect());
    let limited = limited.concat();
    let text = std::str::from_utf8(&limited).unwrap();
    assert_eq!(objects(text), rows[..700]);
    assert_eq!(table(&gateway, "requests.csv?limit=500"), rows[..500]);
}

#[test]
fn a_database_that_fails_is_an_error_at_first_and_cuts_the_body_later() {
    let gateway = Gateway::new();
    many(&gateway, 600);
    gateway.ports.database().set_fault(DatabaseFault::Refuse);
    gateway
        .get("requests.csv")
        .expect_error(503, "store_unavailable");
    gateway
        .get("usage.csv")
        .expect_error(503, "store_unavailable");
    gateway.ports.database().set_fault(DatabaseFault::None);
    for headers in [&[][..], &[("accept-encoding", "gzip")]] {
        let body = pieces(begun(&gateway, "requests.csv", headers));
        gateway.ports.database().set_fault(DatabaseFault::Refuse);
        let sent: Vec<Result<Bytes, BrokenBody>> = block_on(body.collect());
        assert_eq!(sent.last(), Some(&Err(BrokenBody)));
        gateway.ports.database().set_fault(DatabaseFault::None);
    }
}

#[test]
fn a_log_that_is_cleared_meanwhile_ends_the_export() {
    let gateway = Gateway::new();
    many(&gateway, 600);
    let body = pieces(begun(&gateway, "requests.csv", &[]));
    gateway.ports.database().rows("DELETE FROM request");
    let sent: Vec<Bytes> = block_on(body.map(Result::unwrap).collect());
    assert_eq!(
        rows_of(std::str::from_utf8(&sent.concat()).unwrap()).len(),
        501
    );
}

#[test]
fn usage_is_exported_as_it_is_listed() {
    let gateway = filled(4, 2);
    let mut records = mixed();
    records.extend([
        of(20, "ck_0000", "ch_0000"),
        of(90, "ck_0001", "ch_0001"),
        of(26 * 60, "ck_0002", "ch_0000"),
    ]);
    write(&gateway, &records);
    let span = "from=2026-11-22T00:30:00Z&to=2026-11-23T05:00:00Z";
    for group in [
        "model",
        "channel",
        "key",
        "tag",
        "channel_tag",
        "reason",
        "none",
    ] {
        for bucket in ["hour", "day", "total"] {
            let mut questions = vec![format!("{span}&group={group}&bucket={bucket}")];
            if group == "reason" {
                questions.push(format!("{span}&group={group}&bucket={bucket}&key=ck_a"));
            } else {
                questions.push(format!("{span}&group={group}&bucket={bucket}&tag=team-0"));
                questions.push(format!(
                    "{span}&group={group}&bucket={bucket}&model=m&by=cost"
                ));
            }
            if !["reason", "none"].contains(&group) {
                questions.push(format!("{span}&group={group}&bucket={bucket}&top=1"));
            }
            for question in questions {
                let listed = gateway.get(&format!("usage?{question}")).expect(200);
                let exported = table(&gateway, &format!("usage.csv?{question}"));
                same(&exported, &listed, usage_cell, &question);
            }
        }
    }
    assert_eq!(
        table(&gateway, &format!("usage.csv?{span}&group=tag"))[0]["tag"],
        json!("")
    );
}

#[test]
fn usage_of_many_keys_is_read_part_by_part() {
    let gateway = Gateway::new();
    // 700 keys in each of three hours that are some hours apart; the busier a key, the higher its number.
    let mut records = Vec::new();
    for (hour, key) in [0, 1, 50]
        .into_iter()
        .flat_map(|hour| (0..700).map(move |key| (hour, key)))
    {
        let mut one = of(0, &format!("ck_{key:03}"), "ch_a");
        one.id = format!("req_{hour:014}{key:014}");
        one.time = Timestamp(START.0 + hour * HOUR);
        one.cost_micro_usd = key % 7;
        records.push(one);
    }
    for records in records.chunks(400) {
        write(&gateway, records);
    }
    let span = "from=2026-11-22T00:00:00Z&to=2026-11-25T00:00:00Z";
    for question in [
        format!("{span}&group=key"),
        format!("{span}&group=key&bucket=day"),
        format!("{span}&group=key&bucket=total&by=cost"),
        format!("{span}&group=key&bucket=total"),
        // Who comes first is decided in the whole span, not in each part.
        format!("{span}&group=key&top=100"),
    ] {
        let listed = gateway.get(&format!("usage?{question}")).expect(200);
        let sent: Vec<Bytes> = block_on(
            pieces(begun(&gateway, &format!("usage.csv?{question}"), &[]))
                .map(Result::unwrap)
                .collect(),
        );
        assert!(sent.iter().all(|piece| {
            let rows = rows_of(std::str::from_utf8(piece).unwrap()).len();
            (1..=501).contains(&rows)
        }));
        let whole = sent.concat();
        let exported = objects(std::str::from_utf8(&whole).unwrap());
        assert!(exported.len() >= 303);
        same(&exported, &listed, usage_cell, &question);
    }
}
