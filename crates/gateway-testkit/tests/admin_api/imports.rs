//! Imports from other gateways: a preview stores nothing, an import everything or nothing, and clients go on with the
//! keys that they have. The databases are written by `SQLite` itself.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_core::ids;
use gateway_core::moving::sqlite::{Database, SqliteError};
use gateway_core::ports::StoreKey;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{Answer, Gateway, with_master_key};

/// The tables as new-api makes them, as far as they matter, with a column that came later.
const TABLES: &str = "
    CREATE TABLE `channels` (`id` integer PRIMARY KEY AUTOINCREMENT,`type` integer DEFAULT 0,`key` text NOT NULL,
        `open_ai_organization` text,`status` integer DEFAULT 1,`name` text,`weight` integer DEFAULT 0,
        `created_time` bigint,`base_url` text DEFAULT \"\",`other` text,`balance` real,`models` text,
        `group` varchar(64) DEFAULT \"default\",`model_mapping` text,`priority` bigint DEFAULT 0,`auto_ban` integer DEFAULT 1);
    ALTER TABLE `channels` ADD `channel_info` json;
    CREATE INDEX `idx_channels_name` ON `channels`(`name`);
    CREATE TABLE `tokens` (`id` integer PRIMARY KEY AUTOINCREMENT,`user_id` integer,`key` char(48),`status` integer DEFAULT 1,
        `name` text,`expired_time` bigint DEFAULT -1,`remain_quota` integer DEFAULT 0,`unlimited_quota` numeric,
        `model_limits_enabled` numeric,`model_limits` text,`deleted_at` datetime);
    CREATE UNIQUE INDEX `idx_tokens_key` ON `tokens`(`key`);
    CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`username` text UNIQUE);
    INSERT INTO users (username) VALUES ('root'), ('ann');
    INSERT INTO channels (type, key, name, models, balance, channel_info)
        VALUES (1, 'sk-openai-0123456789abcdef', 'OpenAI', 'gpt-4o,gpt-4o-mini', 1.5, CAST('{}' AS BLOB));
    INSERT INTO channels (type, key, name, models, priority) VALUES (33, 'aws', 'Bedrock', 'claude', 5);
";
const TOKEN: &str = "Q7fGm2nT9xLw4kRs8vYb3cHd6jPz1aEe5uNi0oXqVtWyBgKr";

struct File(PathBuf);

impl File {
    /// A database that these statements make.
    fn database(name: &str, statements: &str) -> Self {
        let path = std::env::temp_dir().join(format!("imports-{name}-{}.db", std::process::id()));
        let file = Self(path);
        file.remove();
        let connection = Connection::open(&file.0).unwrap();
        connection.execute_batch(statements).unwrap();
        file
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm", "-journal"] {
            let mut path = self.0.clone().into_os_string();
            path.push(end);
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The bytes of a database of new-api with one token.
fn new_api(name: &str) -> Vec<u8> {
    let token = format!(
        "INSERT INTO tokens (user_id, key, name, unlimited_quota, model_limits_enabled, model_limits)
            VALUES (2, '{TOKEN}', 'laptop', 1, 1, 'gpt-4o');"
    );
    File::database(name, &format!("{TABLES}{token}")).bytes()
}

fn body(file: &[u8], members: Value) -> Value {
    let mut body = members;
    body["file"] = STANDARD.encode(file).into();
    body
}

fn preview(gateway: &Gateway, file: &[u8], members: Value) -> Answer {
    gateway.call("POST", "import/preview", &body(file, members))
}

fn import(gateway: &Gateway, file: &[u8], members: Value) -> Answer {
    gateway.call("POST", "import", &body(file, members))
}

fn codes(item: &Value) -> Vec<&str> {
    let notes = item["notes"].as_array().unwrap().iter();
    notes.map(|note| note["code"].as_str().unwrap()).collect()
}

#[test]
fn a_preview_shows_what_an_import_creates_and_stores_nothing() {
    let gateway = Gateway::new();
    let before = gateway.ports.store().dump();
    let file = new_api("preview");
    let answer = preview(&gateway, &file, json!({}));
    assert_eq!(
        answer.header("etag"),
        gateway.get("config").header("etag"),
        "so that the import can be bound to what was shown"
    );
    let plan = answer.expect(200);
    assert_eq!(gateway.ports.store().dump(), before);
    assert_eq!(
        (&plan["applied"], &plan["format"]),
        (&json!(false), &json!("new_api"))
    );
    assert_eq!(
        plan["created"],
        json!({"channels": 1, "keys": 1, "aliases": 0})
    );
    let openai = &plan["channels"][0];
    assert_eq!(
        (&openai["base_url"], &openai["keys"], &openai["skipped"]),
        (
            &json!("https://api.openai.com/v1"),
            &json!(["sk-o…cdef"]),
            &Value::Null
        )
    );
    assert_eq!(openai["priority"], 1);
    let bedrock = &plan["channels"][1];
    assert_eq!(bedrock["skipped"], "impossible");
    assert_eq!(codes(bedrock), ["unsupported_provider"]);
    let text = plan.to_string();
    assert!(
        !text.contains(TOKEN) && !text.contains("0123456789"),
        "{text}"
    );

    let done = import(&gateway, &file, json!({})).expect(200);
    assert_eq!(done["applied"], true);
    assert_eq!(done["created"], plan["created"]);
    let stored = gateway.get("channels").expect(200);
    assert_eq!(stored["data"].as_array().unwrap().len(), 1);
    assert_eq!(stored["data"][0]["id"], done["channels"][0]["id"]);
    assert_eq!(
        stored["data"][0]["models"],
        json!(["gpt-4o", "gpt-4o-mini"])
    );
    let log = gateway.ports.log_lines().join("\n");
    assert!(
        log.contains("imported from new-api: 1 channels, 1 client keys, 0 aliases"),
        "{log}"
    );
}

#[test]
fn clients_go_on_with_the_key_that_they_have() {
    let gateway = Gateway::new();
    import(&gateway, &new_api("keys"), json!({})).expect(200);
    let key = gateway.get("keys").expect(200)["data"][0].clone();
    assert_eq!(
        (&key["name"], &key["tags"], &key["models"]),
        (&json!("laptop"), &json!(["ann"]), &json!(["gpt-4o"]))
    );
    assert_eq!(key["hint"], "sk-Q…BgKr");
    let hash = ids::hex(&ids::hash_client_key(format!("sk-{TOKEN}").as_bytes()));
    let config = gateway.get("config").expect(200);
    assert_eq!(config["keys"][0]["hash"], hash);
    assert!(!gateway.ports.store().dump().contains(TOKEN));
}

#[test]
fn a_second_import_creates_nothing_again() {
    let gateway = Gateway::new();
    let file = new_api("again");
    let first = import(&gateway, &file, json!({})).expect(200);
    let again = import(&gateway, &file, json!({})).expect(200);
    assert_eq!(
        again["created"],
        json!({"channels": 0, "keys": 0, "aliases": 0})
    );
    assert_eq!(again["channels"][0]["skipped"], "duplicate");
    assert_eq!(
        again["channels"][0]["duplicate_of"],
        first["channels"][0]["id"]
    );
    assert_eq!(again["keys"][0]["duplicate_of"], first["keys"][0]["id"]);

    // A channel can be there twice, a client key cannot.
    let wanted = json!({"duplicates": "create"});
    let copied = import(&gateway, &file, wanted).expect(200);
    assert_eq!(
        copied["created"],
        json!({"channels": 1, "keys": 0, "aliases": 0})
    );
    assert_eq!(copied["channels"][0]["name"], "OpenAI (2)");
    assert_eq!(
        copied["channels"][0]["duplicate_of"],
        first["channels"][0]["id"]
    );
    let wanted = json!({"duplicates": "create", "name_conflicts": "skip"});
    let skipped = import(&gateway, &file, wanted).expect(200);
    assert_eq!(skipped["channels"][0]["skipped"], "name_taken");
    let wanted = json!({"duplicates": "create", "leave_out": ["channels/0", "keys/0"]});
    let left = import(&gateway, &file, wanted).expect(200);
    assert_eq!(left["channels"][0]["skipped"], "left_out");
    assert_eq!(left["keys"][0]["skipped"], "left_out");
}

#[test]
fn upstream_keys_are_encrypted_and_compared_all_the_same() {
    let gateway = Gateway::with(with_master_key('A'));
    let file = new_api("sealed");
    import(&gateway, &file, json!({})).expect(200);
    assert!(!gateway.ports.store().dump().contains("sk-openai"));
    let again = preview(&gateway, &file, json!({})).expect(200);
    assert_eq!(again["channels"][0]["skipped"], "duplicate");
}

#[test]
fn an_import_is_bound_to_what_was_shown() {
    let gateway = Gateway::new();
    let file = new_api("bound");
    let etag = preview(&gateway, &file, json!({}))
        .header("etag")
        .to_owned();
    gateway.channel(&json!({}));
    let before = gateway.ports.store().get(StoreKey::Config);
    let authorization = format!("Bearer {}", gateway.token);
    let headers = [
        ("authorization", authorization.as_str()),
        ("if-match", &etag),
    ];
    let sent = body(&file, json!({})).to_string();
    let request = crate::request("POST", "import", &headers, sent);
    gateway.send(request).expect_error(412, "changed_meanwhile");
    assert_eq!(gateway.ports.store().get(StoreKey::Config), before);
}

#[test]
fn a_configuration_of_litellm_is_imported_with_its_variables_and_aliases() {
    let gateway = Gateway::new();
    let file = br"
model_list:
  - model_name: gpt-4o
    litellm_params: {model: azure/mine, api_base: os.environ/BASE, api_key: os.environ/KEY, api_version: 2024-10-21}
router_settings:
  model_group_alias: {gpt-4: gpt-4o, 'a*': gpt-4o}
";
    let plan = preview(&gateway, file, json!({})).expect(200);
    assert_eq!(plan["channels"][0]["skipped"], "impossible");
    assert_eq!(
        plan["variables"],
        json!([{"name": "BASE", "given": false}, {"name": "KEY", "given": false}])
    );
    let variables = json!({"BASE": "https://r.openai.azure.com", "KEY": "azure-0123456789abcdef"});
    let done = import(
        &gateway,
        file,
        json!({"variables": variables, "format": "litellm"}),
    )
    .expect(200);
    assert_eq!(
        done["created"],
        json!({"channels": 1, "keys": 0, "aliases": 1})
    );
    assert_eq!(
        done["aliases"][0]["skipped"], "impossible",
        "patterns are no aliases"
    );
    assert_eq!(done["channels"][0]["model_map"], json!({"gpt-4o": "mine"}));
    let config = gateway.get("config").expect(200);
    assert_eq!(config["settings"]["aliases"], json!({"gpt-4": ["gpt-4o"]}));
    assert_eq!(
        config["channels"][0]["azure"],
        json!({"api_version": "2024-10-21", "deployments": {"gpt-4o": "mine"}})
    );
    let again = import(&gateway, file, json!({"variables": variables})).expect(200);
    assert_eq!(again["aliases"][1]["skipped"], "duplicate");
}

#[test]
fn mistakes_of_a_request_are_named() {
    let gateway = Gateway::new();
    let wrong = |body: &Value| {
        let answer = gateway.call("POST", "import", body);
        let answer = answer.expect_error(400, "invalid_value");
        answer.message().to_owned()
    };
    assert!(wrong(&json!({})).contains("`file` is required"));
    assert!(wrong(&json!({"file": "%"})).contains("must be the file's bytes in base64"));
    let message = wrong(&body(b"hello", json!({})));
    assert!(message.contains("config.yaml of LiteLLM"), "{message}");
    for member in [
        json!({"format": "bifrost"}),
        json!({"name_conflicts": "ask"}),
        json!({"duplicates": true}),
        json!({"leave_out": "channels/0"}),
        json!({"variables": {"A": 1}}),
        json!({"unknown": 1}),
    ] {
        let name = member.as_object().unwrap().keys().next().unwrap().clone();
        let message = wrong(&body(b"[]", member));
        assert!(message.contains(&format!("`{name}")), "{message}");
    }
    // What a form would reject is skipped, with the rule.
    let rows = br#"[{"id": 1, "type": 1, "name": "Bad", "key": "k", "models": "m", "base_url": "ftp://x"}]"#;
    let plan = preview(&gateway, rows, json!({})).expect(200);
    assert_eq!(plan["channels"][0]["skipped"], "impossible");
    assert!(
        plan["channels"][0]["notes"][0]["message"]
            .as_str()
            .unwrap()
            .contains("https://"),
    );
}

/// Pages of every size, rows over many pages and texts over many more, in every encoding.
#[test]
fn tables_are_read_as_sqlite_wrote_them() {
    for (name, setup) in [
        ("small", "PRAGMA page_size=512;"),
        ("large", "PRAGMA page_size=65536;"),
        (
            "little",
            "PRAGMA page_size=1024; PRAGMA encoding='UTF-16le';",
        ),
        (
            "big",
            "PRAGMA auto_vacuum=FULL; PRAGMA encoding='UTF-16be';",
        ),
    ] {
        let rows = "
            CREATE TABLE t (id integer PRIMARY KEY, short text, long text, number real);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
                INSERT INTO t SELECT i * 3 - 1000, 'é' || i, hex(zeroblob(i * 20)), i / 4.0 FROM n;
            DELETE FROM t WHERE id % 7 = 0;";
        let file = File::database(name, &format!("{setup}{rows}"));
        let bytes = file.bytes();
        let database = Database::open(&bytes).unwrap();
        let wanted = ["id", "short", "long", "number"];
        let read = database.rows("T", &wanted).unwrap().unwrap();
        let connection = Connection::open(&file.0).unwrap();
        let mut statement = connection
            .prepare("SELECT id, short, long, number FROM t ORDER BY id")
            .unwrap();
        let rows = statement.query_map([], |row| {
            let (id, short): (i64, String) = (row.get(0)?, row.get(1)?);
            let (long, number): (String, f64) = (row.get(2)?, row.get(3)?);
            Ok((id, short, long, number))
        });
        let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
        assert_eq!(read.rows.len(), rows.len(), "{name}");
        for (row, (id, short, long, number)) in read.rows.iter().zip(rows) {
            assert_eq!(row["id"], id, "{name}");
            assert_eq!(row["short"], short, "{name}");
            assert_eq!(row["long"], long, "{name}");
            assert_eq!(row["number"].as_f64(), Some(number), "{name}");
        }
        assert!(database.rows("none", &wanted).unwrap().is_none());
    }
}

#[test]
fn a_write_ahead_log_and_a_cut_file_are_refused() {
    let wal = File::database(
        "wal",
        "PRAGMA journal_mode=WAL; CREATE TABLE channels (id integer);",
    );
    assert_eq!(Database::open(&wal.bytes()).unwrap_err(), SqliteError::Wal);
    let gateway = Gateway::new();
    let answer = preview(&gateway, &wal.bytes(), json!({})).expect_error(400, "invalid_value");
    assert!(
        answer.message().contains("journal_mode=DELETE"),
        "{}",
        answer.message()
    );

    let whole = new_api("cut");
    let cut = Database::open(&whole[..whole.len() - 1]).unwrap_err();
    assert_eq!(cut, SqliteError::Truncated);
    let other = File::database("other", "CREATE TABLE notes (id integer);");
    let answer = preview(&gateway, &other.bytes(), json!({})).expect_error(400, "invalid_value");
    assert!(answer.message().contains("one-api"), "{}", answer.message());
}

/// A byte that is another one never makes the reader panic or run on.
#[test]
fn a_damaged_database_is_read_or_refused() {
    let whole = new_api("damaged");
    for at in (0..whole.len()).step_by(7) {
        let mut file = whole.clone();
        file[at] = file[at].wrapping_add(0x81);
        if let Ok(database) = Database::open(&file) {
            let _ = database.rows("channels", &["id", "key", "models"]);
            let _ = database.rows("tokens", &["id", "key"]);
        }
    }
}
