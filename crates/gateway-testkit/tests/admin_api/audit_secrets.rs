//! That the audit log holds no secret, whatever an admin does with secrets in every place where one belongs.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Gateway, PASSWORD, UPSTREAM_KEY};

/// What an admin may do with something secret in it.
#[derive(Clone, Copy, Debug)]
enum Step {
    CreateChannel,
    AddKey,
    RemoveKeys,
    ChangeHeaders,
    ChangeParameters,
    CreateKey,
    RotateKey,
    Import,
    Export,
    Login,
    Account,
    Destination,
    Delete,
}

const STEPS: [Step; 13] = [
    Step::CreateChannel,
    Step::AddKey,
    Step::RemoveKeys,
    Step::ChangeHeaders,
    Step::ChangeParameters,
    Step::CreateKey,
    Step::RotateKey,
    Step::Import,
    Step::Export,
    Step::Login,
    Step::Account,
    Step::Destination,
    Step::Delete,
];

/// An admin who uses secrets, and remembers them.
struct Secretive {
    gateway: Gateway,
    secrets: Vec<String>,
    channel: String,
    key: String,
}

impl Secretive {
    fn secret(&mut self) -> String {
        let secret = format!("SECRET-{:04}-OF-THE-TEST", self.secrets.len());
        self.secrets.push(secret.clone());
        secret
    }

    fn patch(&self, body: &Value) {
        self.gateway
            .call("PATCH", &format!("channels/{}", self.channel), body)
            .expect(200);
    }

    fn take(&mut self, step: Step) {
        let [one, two] = [self.secret(), self.secret()];
        match step {
            Step::CreateChannel => {
                self.channel = self
                    .gateway
                    .channel(&json!({"keys": [one], "headers": {"x-secret": two}}));
            }
            Step::AddKey => self.patch(&json!({"keys": [one, two]})),
            Step::RemoveKeys => self.patch(&json!({"keys": []})),
            Step::ChangeHeaders => {
                self.patch(
                    &json!({"headers": {"x-authorization": format!("Bearer {one}"), "x-a": two}}),
                );
            }
            Step::ChangeParameters => {
                self.patch(
                    &json!({"default_params": {"user": one, "x": {"token": two, "list": [two]}}}),
                );
            }
            Step::CreateKey => {
                let created = self
                    .gateway
                    .call("POST", "keys", &json!({"name": "k"}))
                    .expect(201);
                created["id"].as_str().unwrap().clone_into(&mut self.key);
                self.secrets
                    .push(created["key"].as_str().unwrap().to_owned());
            }
            Step::RotateKey => {
                let path = format!("keys/{}/rotate", self.key);
                let rotated = self.gateway.call("POST", &path, &Value::Null).expect(200);
                self.secrets
                    .push(rotated["key"].as_str().unwrap().to_owned());
            }
            Step::Import => {
                let mut document = self.gateway.get("config?secrets=true").expect(200);
                document["channels"][0]["keys"] = json!([{"key": one, "enabled": true}]);
                document["channels"][0]["headers"] = json!({"x-new": two});
                document["settings"]["session_headers"] = json!(["x-session"]);
                for key in document["keys"].as_array().unwrap() {
                    self.secrets.push(key["hash"].as_str().unwrap().to_owned());
                }
                self.gateway.call("PUT", "config", &document).expect(200);
            }
            Step::Export => {
                self.gateway.get("config?secrets=true").expect(200);
            }
            Step::Login => {
                self.gateway.login(&one).expect_error(401, "wrong_password");
                self.gateway.log_in();
            }
            Step::Account => {
                let id =
                    self.gateway
                        .account(&format!("person {}", self.secrets.len()), "viewer", &one);
                let path = format!("accounts/{id}");
                let change = json!({"password": two});
                self.gateway.call("PATCH", &path, &change).expect(200);
                self.gateway.call("DELETE", &path, &Value::Null).expect(204);
            }
            Step::Destination => {
                let url = |secret: &str| format!("https://hooks.example/services/{secret}/x");
                for secret in [&one, &two] {
                    let destination =
                        json!({"name": "d", "kind": "json", "url": url(secret), "secret": secret});
                    let body = json!({"destinations": [destination]});
                    self.gateway.call("PATCH", "alerts", &body).expect(200);
                }
            }
            Step::Delete => {
                self.gateway
                    .call(
                        "DELETE",
                        &format!("channels/{}", self.channel),
                        &Value::Null,
                    )
                    .expect(204);
                self.gateway
                    .call("DELETE", &format!("keys/{}", self.key), &Value::Null)
                    .expect(204);
                self.take(Step::CreateChannel);
                self.take(Step::CreateKey);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_entry_holds_a_secret(steps in prop::collection::vec(prop::sample::select(&STEPS[..]), 1..10)) {
        let gateway = Gateway::new();
        let mut admin = Secretive {
            secrets: vec![PASSWORD.to_owned(), UPSTREAM_KEY.to_owned(), gateway.token.clone()],
            gateway,
            channel: String::new(),
            key: String::new(),
        };
        admin.take(Step::CreateChannel);
        admin.take(Step::CreateKey);
        for step in steps {
            admin.take(step);
        }
        let stored = format!("{:?}", admin.gateway.ports.database().rows("SELECT * FROM audit"));
        let shown = admin.gateway.get("audit?limit=500").expect(200).to_string();
        let file = admin.gateway.get("audit.csv").expect(200).to_string();
        prop_assert!(stored.contains("create"));
        for secret in &admin.secrets {
            // Hints show ends of keys; the middle shows nowhere.
            let middle = secret.get(5..secret.len() - 5).unwrap_or(secret);
            for text in [&stored, &shown, &file] {
                prop_assert!(!text.contains(middle), "{middle} is in {text}");
            }
        }
    }
}
