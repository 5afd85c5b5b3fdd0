//! Which part of the gateway answers, what it learns of the connection, and what is the same for all answers.

use gateway_core::app::{AdminApp, App, PanelHandler, Peer, ProxyApp};
use gateway_core::ports::{StoreKey, Variable};
use gateway_testkit::fakes::{FakePorts, FakeReply, block_on};
use http::Response;
use http::request::Parts;

use super::*;

const PAGE: &str = "<!doctype html>";

type Whole = App<FakePorts, FakePorts, FakeVariables>;

fn variables() -> FakeVariables {
    FakeVariables::default()
        .with(Variable::Config, configuration())
        .with(Variable::AdminPassword, PASSWORD)
        .with(Variable::MetricsToken, KEY)
}

fn app(ports: &FakePorts) -> Whole {
    ports.upstream().script(|_| FakeReply::json(200, OK));
    App::new(ports.clone(), ports.clone(), variables())
}

fn ask(app: &Whole, peer: Peer, request: Request<Full<Bytes>>) -> Answer {
    Answer::of(block_on(app.handle(peer, request)))
}

/// A panel whose page contains the path of its request.
fn panel(head: &Parts) -> Response<Bytes> {
    let mut page = Response::new(Bytes::from(PAGE));
    page.headers_mut()
        .insert("x-path", head.uri.path().parse().unwrap());
    page
}

#[test]
fn each_part_answers_its_own_paths() {
    const PANEL: PanelHandler = panel;
    for has_panel in [false, true] {
        let app = app(&FakePorts::default());
        let app = if has_panel {
            app.with_panel(PANEL)
        } else {
            app
        };
        let status = |path: &str| ask(&app, Peer::default(), get(path)).status;
        assert_eq!(status("/"), 200);
        assert_eq!(status("/v1/models"), 200);
        assert_eq!(status("/v1/models/m?x=/admin"), 200);
        assert_eq!(status("/metrics"), 200);
        assert_eq!(status("/metrics?x"), 200);
        assert_eq!(status("/nothing"), 404);
        assert_eq!(status("/administrator"), 404);
        // Paths of the API without a session, whether they exist or not.
        assert_eq!(status("/admin/api/channels"), 401);
        assert_eq!(status("/admin/api/channels?q=x"), 401);
        assert_eq!(status("/admin/api"), 404);
        assert_eq!(status("/admin/api/nothing"), 404);
        for path in ["/admin", "/admin/", "/admin/apis", "/admin/assets/x.js"] {
            let answer = ask(&app, Peer::default(), get(path));
            if has_panel {
                assert_eq!((answer.status, &*answer.body), (200, PAGE.as_bytes()));
                assert_eq!(answer.header("x-path"), Some(path));
            } else {
                assert_eq!(answer.error(), (404, "not_found".to_owned()));
            }
        }
    }
}

#[test]
fn a_half_answers_whatever_it_is_asked() {
    let proxy = ProxyApp::new(FakePorts::default(), variables());
    let admin = AdminApp::new(FakePorts::default(), variables());
    let from_proxy = |path: &str| Answer::of(block_on(proxy.handle(get(path))));
    let from_admin = |path: &str| Answer::of(block_on(admin.handle(Peer::default(), get(path))));
    assert_eq!(from_proxy("/v1/models").status, 200);
    assert_eq!(from_admin("/metrics").status, 200);
    for answer in [
        from_proxy("/admin/api/channels"),
        from_proxy("/metrics"),
        from_admin("/v1/models"),
        from_admin("/admin"),
    ] {
        assert_eq!(answer.error(), (404, "not_found".to_owned()));
    }
}

#[test]
fn head_is_get_without_a_body_on_every_path() {
    let ports = FakePorts::default();
    let app = app(&ports).with_panel(panel);
    for path in [
        "/",
        "/v1/models",
        "/v1/models/missing",
        "/metrics",
        "/admin",
        "/admin/api/openapi.json",
        "/admin/api/nothing",
        "/nothing",
    ] {
        let whole = ask(&app, Peer::default(), get(path));
        let mut request = get(path);
        *request.method_mut() = http::Method::HEAD;
        let head = ask(&app, Peer::default(), request);
        assert_eq!((head.status, head.body.len()), (whole.status, 0), "{path}");
        let length = whole.body.len().to_string();
        assert!(!whole.body.is_empty(), "{path}");
        assert_eq!(whole.header("content-length"), Some(&*length), "{path}");
        assert_eq!(head.header("content-length"), Some(&*length), "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"));
    }
}

#[test]
fn a_status_without_a_body_has_no_length_either() {
    let app = app(&FakePorts::default());
    let preflight = Request::options("/v1/chat/completions")
        .header("origin", "https://app.example")
        .body(Full::default())
        .unwrap();
    let answer = ask(&app, Peer::default(), preflight);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("content-length"), None);
}

#[test]
fn the_admin_api_knows_the_peer_from_the_host_alone() {
    let ports = FakePorts::default();
    let app = app(&ports);
    let peer = Peer {
        address: Some("192.0.2.1".parse().unwrap()),
        scheme: Some(http::uri::Scheme::HTTPS),
        authority: Some("gateway.example".parse().unwrap()),
    };
    let with = |headers: &[(&'static str, &'static str)]| {
        let mut request = login();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request
    };
    let own = ("origin", "https://gateway.example");
    let answer = ask(&app, peer.clone(), with(&[own]));
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let line = ports.log_lines().pop().unwrap();
    assert_eq!(line, "admin: login from \"192.0.2.1\"");
    let foreign = ("origin", "https://evil.example");
    let answer = ask(&app, peer.clone(), with(&[foreign]));
    assert_eq!(answer.error(), (403, "cross_origin".to_owned()));
    // What Spin says in headers is a client's own invention anywhere else.
    let forged = [
        foreign,
        ("spin-full-url", "https://evil.example/admin/api/login"),
        ("spin-client-addr", "203.0.113.9:1"),
    ];
    let answer = ask(&app, peer.clone(), with(&forged));
    assert_eq!(answer.error(), (403, "cross_origin".to_owned()));
    assert_eq!(ask(&app, peer, with(&forged[2..])).status, 200);
    let line = ports.log_lines().pop().unwrap();
    assert_eq!(line, "admin: login from \"192.0.2.1\"");
}

#[test]
fn both_parts_may_read_the_store_in_their_own_way() {
    let (near, exact) = (FakePorts::seeded(1), FakePorts::seeded(2));
    let app = App::new(near.clone(), exact.clone(), variables());
    // The variable is applied where changes are made.
    let answer = ask(&app, Peer::default(), get("/v1/models"));
    assert_eq!(answer.error(), (401, "invalid_api_key".to_owned()));
    assert!(near.store().get(StoreKey::Config).is_none());
    let written = exact.store().get(StoreKey::Config).unwrap();
    assert_eq!(ask(&app, Peer::default(), login()).status, 200);
    // The copy arrives.
    near.store().put(StoreKey::Config, written);
    near.advance_ms(10_000);
    ask(&app, Peer::default(), get("/v1/models"));
    near.run_background();
    assert_eq!(ask(&app, Peer::default(), get("/v1/models")).status, 200);
}

#[test]
fn bodies_take_no_more_memory_than_the_host_gives() {
    let body = format!(r#"{{"model":"m","text":"{}"}}"#, "x".repeat(2 << 20));
    let status = |app: Whole| {
        let mut request = chat();
        *request.body_mut() = Full::from(body.clone());
        ask(&app, Peer::default(), request).status
    };
    assert_eq!(status(app(&FakePorts::default())), 200);
    let small = app(&FakePorts::default()).with_memory(1 << 20);
    assert_eq!(status(small), 413);
}
