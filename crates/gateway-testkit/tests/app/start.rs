//! What an instance does before its first request.

use gateway_core::app::{AdminApp, App, Peer, ProxyApp};
use gateway_core::logging::LogPolicy;
use gateway_core::ports::{Log as _, StoreKey, Variable};
use gateway_testkit::fakes::{FakePorts, FakeReply, block_on};
use gateway_testkit::sim::{Fault, Sim, SimReply};
use std::rc::Rc;

use super::*;

fn whole(ports: &FakePorts, variables: &FakeVariables) -> App<FakePorts, FakePorts, FakeVariables> {
    ports.upstream().script(|_| FakeReply::json(200, OK));
    App::new(ports.clone(), ports.clone(), variables.clone())
}

fn configured() -> FakeVariables {
    FakeVariables::default()
        .with(Variable::Config, configuration())
        .with(Variable::AdminPassword, PASSWORD)
}

fn ask(app: &App<FakePorts, FakePorts, FakeVariables>, request: Request<Full<Bytes>>) -> Answer {
    Answer::of(block_on(app.handle(Peer::default(), request)))
}

#[test]
fn the_first_request_starts_the_instance_and_no_other_does() {
    let (ports, variables) = (FakePorts::default(), configured());
    let app = whole(&ports, &variables);
    assert!(variables.take_asked().is_empty());
    assert_eq!(ports.store().reads(), 0);
    assert_eq!(ask(&app, chat()).status, 200);
    let mut all = Variable::ALL.map(Variable::name);
    all.sort_unstable();
    assert_eq!(variables.take_asked(), all);
    let writes = ports.store().writes();
    assert_eq!(ask(&app, chat()).status, 200);
    assert_eq!(ask(&app, login()).status, 200);
    assert!(variables.take_asked().is_empty());
    let lines = ports.log_lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("`config` was applied"))
            .count(),
        1,
        "{lines:?}"
    );
    assert!(ports.store().writes() > writes, "a login writes");
}

#[test]
fn a_host_with_a_start_starts_the_instance_itself() {
    let (ports, variables) = (FakePorts::default(), configured());
    let app = whole(&ports, &variables);
    block_on(app.start()).unwrap();
    assert!(ports.store().get(StoreKey::Config).is_some());
    variables.take_asked();
    assert_eq!(ask(&app, chat()).status, 200);
    assert!(variables.take_asked().is_empty());
    // A failed read is reported to the host, and repeated with the first request.
    let variables = configured();
    variables.break_one(Some(Variable::MasterKey));
    let app = whole(&FakePorts::default(), &variables);
    let error = block_on(app.start()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the variable `master_key` cannot be read: the vault is closed"
    );
    variables.break_one(None);
    assert_eq!(ask(&app, chat()).status, 200);
}

#[test]
fn each_half_reads_only_what_it_needs() {
    let (ports, variables) = (FakePorts::default(), configured());
    ports.upstream().script(|_| FakeReply::json(200, OK));
    let proxy = ProxyApp::new(ports.clone(), variables.clone());
    for _ in 0..2 {
        let answer = Answer::of(block_on(proxy.handle(chat())));
        assert_eq!(answer.status, 200);
    }
    assert_eq!(variables.take_asked(), ["config", "log", "master_key"]);
    let admin = AdminApp::new(FakePorts::default(), variables.clone());
    for _ in 0..2 {
        let reply = block_on(admin.handle(Peer::default(), login()));
        assert_eq!(Answer::of(reply).status, 200);
    }
    assert_eq!(
        variables.take_asked(),
        [
            "admin_password",
            "config",
            "log",
            "master_key",
            "metrics_token",
            "oidc_admin_values",
            "oidc_client_id",
            "oidc_client_secret",
            "oidc_issuer",
            "oidc_label",
            "oidc_owner_values",
            "oidc_role_claim",
            "oidc_scopes",
            "oidc_viewer_values",
            "public_url"
        ]
    );
}

#[test]
fn requests_that_come_first_and_together_are_all_answered() {
    let (ports, variables) = (FakePorts::default(), configured());
    let app = whole(&ports, &variables);
    let asked = (0..3).map(|_| app.handle(Peer::default(), chat()));
    let replies = block_on(futures_util::future::join_all(asked));
    let statuses = replies.into_iter().map(|reply| Answer::of(reply).status);
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 200, 200]);
    let stored = ports.store().dump();
    assert_eq!(stored.matches("ch_1").count(), 1, "{stored}");
}

#[test]
fn a_variable_that_cannot_be_read_is_read_again_with_the_next_request() {
    for broken in Variable::ALL {
        let (ports, variables) = (FakePorts::default(), configured());
        let app = whole(&ports, &variables);
        let admin = AdminApp::new(FakePorts::default(), variables.clone());
        variables.break_one(Some(broken));
        let words = format!("the variable `{}` cannot be read", broken.name());
        let answers = [
            ask(&app, login()),
            ask(&app, chat()),
            Answer::of(block_on(admin.handle(Peer::default(), login()))),
        ];
        for answer in answers {
            assert_eq!(answer.error(), (500, "misconfigured".to_owned()));
            let message = answer.json()["error"]["message"].to_string();
            assert!(message.contains(&words), "{message}");
            assert!(!message.contains("sk-"), "{message}");
            assert!(answer.header("x-request-id").is_some());
        }
        // That the gateway is there needs no variable.
        assert_eq!(ask(&app, get("/health")).status, 200);
        variables.break_one(None);
        assert_eq!(ask(&app, chat()).status, 200);
        assert_eq!(ask(&app, login()).status, 200);
        let again = block_on(admin.handle(Peer::default(), login()));
        assert_eq!(Answer::of(again).status, 200);
    }
    // The proxy alone has nothing to do with those of the admin API.
    let variables = configured();
    variables.break_one(Some(Variable::AdminPassword));
    let ports = FakePorts::default();
    ports.upstream().script(|_| FakeReply::json(200, OK));
    let proxy = ProxyApp::new(ports, variables.clone());
    assert_eq!(Answer::of(block_on(proxy.handle(chat()))).status, 200);
    variables.break_one(Some(Variable::MasterKey));
    let proxy = ProxyApp::new(FakePorts::default(), variables);
    let answer = Answer::of(block_on(proxy.handle(chat())));
    assert_eq!(answer.error(), (500, "misconfigured".to_owned()));
}

#[test]
fn an_empty_variable_is_not_set() {
    let variables = FakeVariables::default()
        .with(Variable::AdminPassword, "")
        .with(Variable::MasterKey, "")
        .with(Variable::MetricsToken, "")
        .with(Variable::Config, "")
        .with(Variable::Log, "");
    let ports = FakePorts::default();
    let app = whole(&ports, &variables);
    assert_eq!(
        ask(&app, login()).error(),
        (503, "admin_disabled".to_owned())
    );
    assert_eq!(
        ask(&app, get("/v1/models")).error(),
        (401, "invalid_api_key".to_owned())
    );
    assert_eq!(ports.log_lines(), [""; 0]);
}

#[test]
fn a_master_key_that_is_none_calls_no_upstream_and_is_shown_in_the_panel() {
    let variables = configured().with(Variable::MasterKey, "too short");
    let ports = FakePorts::default();
    let app = whole(&ports, &variables);
    // It has a configuration, from before.
    let before = configured();
    block_on(whole(&ports, &before).start()).unwrap();
    let answer = ask(&app, chat());
    assert_eq!(answer.error(), (500, "misconfigured".to_owned()));
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("must be 32 bytes in base64"), "{message}");
    assert!(ports.upstream().requests().is_empty());
    let token = ask(&app, login()).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let session = Request::get("/admin/api/session")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::default())
        .unwrap();
    let reason = ask(&app, session).json()["master_key_error"].to_string();
    assert!(reason.contains("must be 32 bytes in base64"), "{reason}");
}

#[test]
fn the_log_is_as_the_variable_says() {
    for (text, expected) in [
        (None, LogPolicy::default()),
        (Some("off"), LogPolicy::parse("off").unwrap()),
        (Some("all,json"), LogPolicy::parse("all,json").unwrap()),
    ] {
        let ports = FakePorts::default();
        let variables = FakeVariables::default().with(Variable::Log, text.unwrap_or_default());
        ask(&whole(&ports, &variables), get("/v1/models"));
        assert_eq!(ports.policy(), expected, "{text:?}");
        assert_eq!(ports.log_lines(), [""; 0]);
    }
    let ports = FakePorts::default();
    let variables = FakeVariables::default().with(Variable::Log, "verbose");
    ask(&whole(&ports, &variables), get("/v1/models"));
    let lines = ports.log_lines();
    assert!(
        lines.len() == 1 && lines[0].contains("the unknown word \"verbose\""),
        "{lines:?}"
    );
}

#[test]
fn a_configuration_that_the_store_did_not_take_in_time_is_applied_with_a_later_request() {
    let sim = Sim::seeded(1);
    sim.upstream()
        .script(|_| SimReply::json(200, OK).thinking(10));
    let ports = sim.instance(0);
    let app = Rc::new(App::new(ports.clone(), ports, configured()));
    let ask = |request: Request<Full<Bytes>>| {
        let app = Rc::clone(&app);
        let asking = async move { app.handle(Peer::default(), request).await };
        Answer::of(sim.executor().block_on(asking))
    };
    sim.store().set_read_fault(Fault::Hangs);
    sim.store().set_write_fault(Fault::Hangs);
    for _ in 0..2 {
        let answer = ask(chat());
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
    }
    sim.store().set_read_fault(Fault::None);
    sim.store().set_write_fault(Fault::None);
    assert_eq!(ask(chat()).status, 200);
    let applied = || {
        let lines = sim.log_lines();
        let applied = lines.iter().filter(|line| line.contains("was applied"));
        applied.count()
    };
    assert_eq!(applied(), 1);
    assert_eq!(ask(login()).status, 200);
    assert_eq!(applied(), 1);
}
