//! Gateways with much of one thing, on fake ports. Owns what is in them, and the requests that are made; times are
//! [`super`]'s.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use gateway_core::admin::{self, AdminSettings};
use gateway_core::config::key_shards::StoredClientKeys;
use gateway_core::config::key_shards::edit::{KeyScope, ShardEdit};
use gateway_core::config::key_shards::read::ShardError;
use gateway_core::config::model::{ChannelConfig, ClientKey, Document, KeyLimits};
use gateway_core::config::snapshot::Snapshot;
use gateway_core::config::stored;
use gateway_core::ids;
use gateway_core::ledger::LedgerEngine;
use gateway_core::ledger::batch::Batch;
use gateway_core::ledger::port::Ledger as _;
use gateway_core::ledger::record::{Actor, End, ModelKnown, RequestRecord};
use gateway_core::ports::StoreKey;
use gateway_core::proxy;
use gateway_core::secret::Secret;
use gateway_core::units::Timestamp;
use gateway_core::wire::usage::Usage;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::fakes::{FakePorts, FakeReply, START, block_on, read_body};

const ANSWER: &str = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
const PASSWORD: &str = "correct horse";
/// Rows that are written at once.
const BATCH_ROWS: u64 = 500;
/// The time over which the rows of the log are spread: less than it keeps them.
const LOG_MS: u64 = 20 * 24 * 60 * 60 * 1000;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One piece of an admin's work.
pub type AdminWork = (&'static str, fn(&Grown) -> Outcome<()>);

/// A gateway.
pub struct Grown {
    ports: FakePorts,
    proxy: Rc<proxy::Gateway<FakePorts>>,
    models: Vec<String>,
    keys: usize,
    next: Cell<usize>,
}

impl Grown {
    /// With so many channels of so many models each, and one client key.
    pub fn with_channels(channels: usize, models: usize) -> Outcome<Self> {
        let list: Vec<ChannelConfig> = (0..channels).map(|it| channel(it, models)).collect();
        let names: Vec<String> = list.iter().flat_map(|it| it.models.clone()).collect();
        Self::new(list, names, 1, 100_000)
    }

    /// With one channel and so many client keys.
    pub fn with_keys(count: usize) -> Outcome<Self> {
        Self::new(vec![channel(0, 1)], vec![model(0, 0)], count, 100_000)
    }

    /// With so many rows in the log.
    pub fn with_rows(rows: u64) -> Outcome<Self> {
        let grown = Self::new(vec![channel(0, 1)], vec![model(0, 0)], 1, 10_000_000)?;
        grown.request()?;
        let ledger = LedgerEngine::new(&grown.ports, Duration::from_mins(1));
        for first in (0..rows).step_by(usize::try_from(BATCH_ROWS)?) {
            let mut batch = Batch::default();
            for number in first..(first + BATCH_ROWS).min(rows) {
                batch.add(&record(number, START.0 - LOG_MS + number * LOG_MS / rows));
            }
            block_on(ledger.append(&batch)).map_err(|error| error.to_string())?;
            grown.ports.database().forget();
        }
        Ok(grown)
    }

    fn new(
        channels: Vec<ChannelConfig>,
        models: Vec<String>,
        keys: usize,
        rows: u64,
    ) -> Outcome<Self> {
        let ports = FakePorts::default();
        let mut document = Document {
            channels,
            ..Document::default()
        };
        document.settings.request_log_rows = rows;
        let all = (0..keys).map(client_key).collect();
        let stored = block_on(async {
            let (edit, _) =
                ShardEdit::begin(&ports, StoredClientKeys::default(), KeyScope::All).await?;
            edit.finish(&ports, all).await
        });
        let stored = stored.map_err(ShardError::into_store_error)?.keys;
        let document = document.replace_keys(stored).0;
        let bytes = serde_json::to_vec(&document)?;
        ports.store().put(StoreKey::Config, bytes);
        ports.upstream().script(|_| FakeReply::json(200, ANSWER));
        let proxy = Rc::new(proxy::Gateway::new(ports.clone(), Ok(None)));
        Ok(Self {
            ports,
            proxy,
            models,
            keys,
            next: Cell::new(0),
        })
    }

    /// One request, with another key and model each time, and the work after it.
    pub fn request(&self) -> Outcome<()> {
        self.request_of(&self.proxy)?;
        self.ports.run_background();
        self.ports.database().forget();
        self.ports.advance_ms(1);
        Ok(())
    }

    fn request_of(&self, proxy: &Rc<proxy::Gateway<FakePorts>>) -> Outcome<()> {
        // A step that has no divisor in common with either number.
        let next = self.next.get() + 7_919;
        self.next.set(next);
        let model = self
            .models
            .get(next % self.models.len())
            .ok_or("no model")?;
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
        let request = http::Request::post("/v1/chat/completions")
            .header(
                "authorization",
                format!("Bearer {}", secret(next % self.keys)),
            )
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?;
        let reply = block_on(proxy::handle(proxy, request));
        let status = reply.status();
        let (parts, body) = reply.into_parts();
        let text = block_on(read_body(http::Response::from_parts(parts, body)));
        match status.as_u16() {
            200 => Ok(()),
            _ => Err(format!("{status}: {text:?}").into()),
        }
    }

    /// What is done with many client keys.
    pub const fn admin_work() -> [AdminWork; 6] {
        [
            ("first request of an instance", Self::first_request),
            ("load of all keys", Self::load_all),
            ("change of one key", Self::change_one),
            ("one key, read", |it| {
                it.ask("GET", "keys/ck_00000007", &Value::Null)
            }),
            ("page of 50 keys, sorted", |it| {
                it.ask("GET", "keys?limit=50&sort=name", &Value::Null)
            }),
            ("search", |it| {
                it.ask("GET", "keys?limit=50&q=09999", &Value::Null)
            }),
        ]
    }

    fn first_request(&self) -> Outcome<()> {
        self.request_of(&Rc::new(proxy::Gateway::new(self.ports.clone(), Ok(None))))
    }

    fn load_all(&self) -> Outcome<()> {
        let document = stored::parse(self.ports.store().get(StoreKey::Config).as_deref())?;
        let snapshot = Snapshot::build(document, None, || 0);
        let load = block_on(snapshot.load_all_keys(&self.ports));
        load.map_err(ShardError::into_store_error)?;
        let count = snapshot.client_keys().count();
        (count == self.keys)
            .then_some(())
            .ok_or_else(|| format!("{count} keys").into())
    }

    fn change_one(&self) -> Outcome<()> {
        self.ask("PATCH", "keys/ck_00000007", &json!({"name": "changed"}))
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Outcome<()> {
        let settings = AdminSettings {
            password: Some(Secret::new(PASSWORD.to_owned())),
            ..AdminSettings::default()
        };
        let call = |method: &str, path: &str, token: &str, body: &Value| -> Outcome<Value> {
            let body = match body {
                Value::Null => String::new(),
                body => body.to_string(),
            };
            let request = http::Request::builder()
                .method(method)
                .uri(format!("/admin/api/{path}"))
                .header("authorization", format!("Bearer {token}"))
                .body(Full::new(Bytes::from(body)))?;
            let reply = block_on(admin::handle(&self.ports, &settings, request));
            let status = reply.status();
            let bytes = block_on(read_body(reply)).map_err(|_| "a broken body")?;
            if !status.is_success() {
                return Err(format!("{method} {path}: {status}").into());
            }
            Ok(serde_json::from_slice(&bytes)?)
        };
        let login = call("POST", "login", "", &json!({"password": PASSWORD}))?;
        let token = login["token"].as_str().ok_or("no token")?;
        call(method, path, token, body).map(|_| ())
    }
}

fn model(channel: usize, number: usize) -> String {
    format!("model-{channel}-{number}")
}

fn channel(number: usize, models: usize) -> ChannelConfig {
    ChannelConfig {
        id: format!("ch_{number}"),
        name: format!("Channel {number}"),
        base_url: "https://up.example/v1".to_owned(),
        models: (0..models).map(|it| model(number, it)).collect(),
        ..ChannelConfig::blank(START)
    }
}

fn secret(number: usize) -> String {
    format!("sk-growth-{number:08}")
}

fn client_key(number: usize) -> ClientKey {
    ClientKey {
        id: format!("ck_{number:08}"),
        name: format!("Client key {number:08}"),
        hash: ids::hex(&ids::hash_client_key(secret(number).as_bytes())),
        hint: "sk-gro…0000".to_owned(),
        tags: vec![format!("team-{}", number % 100)],
        previous: None,
        enabled: true,
        models: Vec::new(),
        expires_at: None,
        limits: KeyLimits::default(),
        created_at: START,
    }
}

fn record(number: u64, time: u64) -> RequestRecord {
    let actor = |id: &str| Actor {
        id: id.to_owned(),
        name: id.to_owned(),
    };
    RequestRecord {
        id: format!("req_{number:028}"),
        time: Timestamp(time),
        key: actor("ck_00000000"),
        channel: Some(actor("ch_0")),
        upstream_key: None,
        model: model(0, 0),
        model_known: ModelKnown::Named,
        upstream_model: None,
        endpoint: "/v1/chat/completions".into(),
        stream: false,
        status: 200,
        attempts: Vec::new(),
        first_byte_ms: Some(80),
        total_ms: 900,
        usage: Usage {
            prompt_tokens: 10,
            completion_tokens: 5,
            ..Usage::default()
        },
        end: End::Complete,
        ..RequestRecord::default()
    }
}
