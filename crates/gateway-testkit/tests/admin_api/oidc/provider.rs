//! A scripted OIDC provider, and a browser that keeps cookies. Owns what both do by themselves; tests change it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gateway_core::admin::AdminSettings;
use gateway_core::admin::oidc::{OidcSignIn, OidcVariables};
use gateway_core::peer::Peer;
use gateway_core::ports::Clock as _;
use gateway_core::secret::Secret;
use gateway_testkit::fakes::{FakeReply, Recorded};
use http::uri::Scheme;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{Answer, Gateway, PASSWORD, request, sent_by, settings};

pub const CLIENT_SECRET: &str = "client-secret-of-the-gateway";

/// What the provider answers.
#[derive(Clone)]
pub struct Script {
    pub discovery: Value,
    pub discovery_status: u16,
    pub token_status: u16,
    /// The answer of the token endpoint, instead of tokens.
    pub token_answer: Option<Value>,
    /// Claims of the ID token, over the usual ones.
    pub claims: Value,
    pub userinfo: Value,
    /// Instead of any other answer, by path.
    pub instead: BTreeMap<&'static str, FakeReply>,
    /// The nonce of the last authorization request.
    nonce: String,
    /// When it was.
    now_s: u64,
}

/// The provider.
#[derive(Clone)]
pub struct Provider(Rc<RefCell<Script>>);

impl Default for Provider {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Script {
            discovery: json!({
                "issuer": "https://id.example",
                "authorization_endpoint": "https://id.example/auth?tenant=1",
                "token_endpoint": "https://id.example/token",
                "userinfo_endpoint": "https://id.example/userinfo",
            }),
            discovery_status: 200,
            token_status: 200,
            token_answer: None,
            claims: json!({"roles": ["gateway-admins", "x"]}),
            userinfo: json!({"sub": "u1"}),
            instead: BTreeMap::new(),
            nonce: String::new(),
            now_s: 0,
        })))
    }
}

impl Provider {
    pub fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.0.borrow_mut());
    }

    /// A browser of one of its users.
    pub fn browser(&self) -> Browser {
        Browser {
            provider: self.clone(),
            cookies: BTreeMap::new(),
            host: "gw.example",
            peer: Peer {
                scheme: Some(Scheme::HTTPS),
                ..Peer::default()
            },
            more: Vec::new(),
        }
    }

    fn answer(&self, call: &Recorded) -> FakeReply {
        let script = self.0.borrow();
        let path = call.head.uri.path();
        if let Some((_, reply)) = script
            .instead
            .iter()
            .find(|(name, _)| path.ends_with(*name))
        {
            return reply.clone();
        }
        match path {
            "/.well-known/openid-configuration" => {
                FakeReply::json(script.discovery_status, script.discovery.to_string())
            }
            "/token" => {
                let tokens = json!({"id_token": script.token(), "access_token": "the-access-token", "token_type": "Bearer"});
                let answer = script.token_answer.clone().unwrap_or(tokens);
                FakeReply::json(script.token_status, answer.to_string())
            }
            "/userinfo" => FakeReply::json(200, script.userinfo.to_string()),
            _ => FakeReply::json(404, "{}"),
        }
    }
}

impl Script {
    fn token(&self) -> String {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "gateway", "sub": "u1", "email": "anna@example.com",
            "nonce": self.nonce, "exp": self.now_s + 300, "iat": self.now_s,
        });
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(claims))
    }
}

pub fn settings_with(change: impl FnOnce(&mut OidcVariables)) -> OidcSignIn {
    let text = |text: &str| Some(text.to_owned());
    let mut given = OidcVariables {
        issuer: text("https://id.example"),
        client_id: text("gateway"),
        client_secret: Some(Secret::new(CLIENT_SECRET.to_owned())),
        admin_values: text("gateway-admins"),
        ..OidcVariables::default()
    };
    change(&mut given);
    OidcSignIn::read(given)
}

pub fn gateway(provider: &Provider) -> Gateway {
    gateway_with(provider, |_| ())
}

pub fn gateway_with(provider: &Provider, change: impl FnOnce(&mut OidcVariables)) -> Gateway {
    let gateway = Gateway::with(AdminSettings {
        oidc: settings_with(change),
        ..settings(PASSWORD)
    });
    let provider = provider.clone();
    gateway
        .ports
        .upstream()
        .script(move |call| provider.answer(call));
    gateway
}

/// The value of a parameter of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let base = Url::parse("https://gw.example").unwrap();
    let url = base.join(address).unwrap();
    let found = url.query_pairs().find(|(found, _)| found == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

pub fn challenge(verifier: &str) -> String {
    assert!(verifier.len() >= 43);
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A browser with cookies.
pub struct Browser {
    provider: Provider,
    pub cookies: BTreeMap<String, String>,
    pub host: &'static str,
    pub peer: Peer,
    /// Headers of every request.
    pub more: Vec<(&'static str, &'static str)>,
}

impl Browser {
    /// The same without TLS.
    pub fn without_tls(mut self) -> Self {
        self.host = "127.0.0.1:3000";
        self.peer.scheme = None;
        self
    }

    pub fn at(mut self, address: &str) -> Self {
        self.peer.address = Some(address.parse().unwrap());
        self
    }

    pub fn call(&mut self, gateway: &Gateway, method: &str, path: &str) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("host", self.host), ("cookie", &cookies)];
        headers.push(("content-type", "application/json"));
        headers.extend(&self.more);
        let body = if path == "keys" {
            r#"{"name":"k"}"#
        } else {
            ""
        };
        let request = request(method, path, &headers, body);
        let answer = gateway.send(sent_by(self.peer.clone(), request));
        for cookie in answer.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub fn ask(&mut self, gateway: &Gateway, path: &str) -> Answer {
        self.call(gateway, "GET", path)
    }

    /// The address of the provider to which the gateway redirects.
    pub fn start(&mut self, gateway: &Gateway) -> String {
        let answer = self.ask(gateway, "oidc/start");
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.body);
        let there = answer.header("location").to_owned();
        assert!(there.starts_with("https://id.example/auth"), "{there}");
        there
    }

    /// The provider's redirect, with a code and the state of `there`.
    pub fn come_back(&mut self, gateway: &Gateway, there: &str) -> Answer {
        self.provider.change(|it| {
            it.nonce = parameter(there, "nonce");
            it.now_s = gateway.ports.now().0 / 1000;
        });
        let state = parameter(there, "state");
        let path = format!("oidc/callback?code=the-code&state={state}&session_state=x");
        let answer = self.ask(gateway, &path);
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.body);
        answer
    }

    pub fn sign_in(&mut self, gateway: &Gateway) -> String {
        let there = self.start(gateway);
        let back = self.come_back(gateway, &there);
        assert_eq!(back.header("location"), "/admin/");
        there
    }

    /// The code of the failure with which a call leads to the panel.
    pub fn failure(&mut self, gateway: &Gateway, path: &str) -> String {
        failure(&self.ask(gateway, path))
    }

    /// The same for the provider's answer.
    pub fn failed_answer(&mut self, gateway: &Gateway, there: &str) -> String {
        failure(&self.come_back(gateway, there))
    }

    pub fn session(&mut self, gateway: &Gateway) -> Answer {
        self.ask(gateway, "session")
    }
}

pub fn failure(answer: &Answer) -> String {
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.body);
    let location = answer.header("location");
    let code = location.strip_prefix("/admin/?sign_in=");
    assert!(
        !answer
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|cookie| { cookie.to_str().unwrap().starts_with("gateway_session=") })
    );
    assert!(code.is_some(), "{location}");
    code.unwrap_or_default().to_owned()
}
