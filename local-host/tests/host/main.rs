//! The running host, with a component that behaves well and badly on demand.

mod sqlite;
mod state;
mod support;

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use support::{Host, PATIENCE, Upstream, leave, until_closed};

#[test]
fn requests_reach_the_component_with_spins_headers() {
    let host = Host::start(&[]);
    let forged = [
        ("spin-client-addr", "6.6.6.6:6"),
        ("spin-path-match-other", "x"),
    ];
    let text = host.send("GET", "/headers?a=b", &forged, b"").read().text();
    for line in [
        "uri: http://probe.test/headers?a=b\n",
        "spin-full-url: http://probe.test/headers?a=b\n",
        "spin-path-info: /headers\n",
        "spin-client-addr: 127.0.0.1:",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(
        !text.contains("6.6.6.6") && !text.contains("path-match-other"),
        "{text}"
    );
    assert_eq!(
        host.get("/named/x").status,
        500,
        "the probe has no such behaviour"
    );
    assert_eq!(host.get("/variable").text(), "hello there");
    assert_eq!(
        host.get("/undefined").text(),
        "Err(Error::Undefined(\"nothing\"))"
    );
}

#[test]
fn large_bodies_stream_through_unchanged() {
    let host = Host::start(&[]);
    let body: Vec<u8> = (0..8_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let reply = host.send("POST", "/echo", &[], &body).read();
    assert_eq!((reply.status, reply.whole), (200, true));
    assert!(
        reply.body == body,
        "{} bytes of {} came back",
        reply.body.len(),
        body.len()
    );
}

#[test]
fn http2_works_without_an_upgrade() {
    let host = Host::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let status = runtime.block_on(async {
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .http2_only(true)
                .build_http::<http_body_util::Empty<bytes::Bytes>>();
        let uri = format!("http://{}/served", host.address()).parse().unwrap();
        let response = client.get(uri).await.unwrap();
        (response.version(), response.status().as_u16())
    });
    assert_eq!(status, (http::Version::HTTP_2, 200));
}

#[test]
fn key_values_last_and_are_granted_by_label() {
    let host = Host::start(&[]);
    assert_eq!(
        host.get("/key-value").text(),
        r#"None Some([118]) true false ["k"]"#
    );
    assert_eq!(
        host.get("/key-value").text(),
        r#"Some([118]) Some([118]) true false ["k"]"#
    );
    assert_eq!(host.get("/other-store").text(), "Some(Error::AccessDenied)");
    let expected =
        r#"8 (None, None) [("a", Some([120])), ("none", None), ("c", Some([51]))] ["c", "k", "n"]"#;
    assert_eq!(host.get("/atomics").text(), expected);
}

#[test]
fn a_full_house_is_waited_for() {
    let host = Host::start(&["--max-instances", "1"]);
    let replies: Vec<_> = (0..20)
        .map(|_| host.send("GET", "/ticks", &[], b""))
        .collect();
    assert!(
        replies
            .into_iter()
            .map(support::Answering::read)
            .all(|reply| reply.whole && reply.status == 200)
    );
}

#[test]
fn instances_are_reused_as_configured() {
    let host = Host::start(&[]);
    let served: Vec<String> = (0..3).map(|_| host.get("/served").text()).collect();
    assert_eq!(served, ["1", "2", "3"]);
    let host = Host::start(&["--max-instance-reuse-count", "1"]);
    let served: Vec<String> = (0..3).map(|_| host.get("/served").text()).collect();
    assert_eq!(served, ["1", "1", "1"]);
}

#[test]
fn a_trap_ends_its_own_request_only() {
    let host = Host::start(&["--max-instance-reuse-count", "1"]);
    let mut ticking = host.send("GET", "/ticks", &[], b"");
    ticking.read_until("tick 0\n");
    let reply = host.get("/trap");
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.text(),
        r#"{"error":{"message":"The component failed. The host's log has the reason.","type":"server_error","param":null,"code":"component_failed"}}"#
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let id = reply.header("x-request-id").unwrap_or_default();
    assert!(id.starts_with("req_") && host.stderr().contains(id), "{id}");
    assert_eq!(host.get("/variable").status, 200);
    let reply = ticking.read();
    assert!(reply.whole && reply.text().ends_with("tick 9\n"));
    assert!(
        host.stderr().contains("[probe] trapped on purpose"),
        "{}",
        host.stderr()
    );
}

#[test]
fn those_who_share_an_instance_with_a_trap_do_not_hang() {
    let host = Host::start(&[]);
    let waiting = host.send("GET", "/hang", &[], b"");
    let waiting = thread::spawn(move || waiting.read().status);
    let start = Instant::now();
    // The request that waits has to share an instance with one of these, sooner or later.
    while !waiting.is_finished() && start.elapsed() < PATIENCE {
        assert_eq!(host.get("/trap").status, 500);
    }
    assert_eq!(waiting.join().unwrap(), 500);
}

#[test]
fn a_body_that_a_trap_cuts_off_looks_cut_off() {
    let host = Host::start(&[]);
    let reply = host.get("/ticks-then-trap");
    assert_eq!(reply.status, 200);
    assert!(!reply.whole, "{}", reply.text());
}

#[test]
fn a_spinning_guest_is_ended_and_blocks_no_other() {
    let host = Host::start(&["--workers", "1", "--max-cpu-ms", "1000"]);
    let start = Instant::now();
    let spinning = host.send("GET", "/spin", &[], b"");
    for _ in 0..5 {
        assert_eq!(host.get("/variable").status, 200);
    }
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "the only thread was blocked"
    );
    assert_eq!(spinning.read().status, 500);
    assert!(host.stderr().contains("--max-cpu-ms"), "{}", host.stderr());
}

#[test]
fn memory_is_bounded() {
    let host = Host::start(&["--max-memory-mib", "64"]);
    assert_eq!(host.get("/memory").status, 500);
    assert_eq!(host.get("/variable").status, 200);
}

#[test]
fn a_request_without_end_is_ended() {
    let host = Host::start(&["--request-timeout-ms", "300"]);
    assert_eq!(host.get("/hang").status, 500);
}

#[test]
fn failures_of_outbound_calls_have_names() {
    let host = Host::start(&[]);
    assert!(
        host.fetch("http://example.test/")
            .text()
            .contains("HttpRequestDenied")
    );
    assert!(
        host.fetch("https://127.0.0.1:1/")
            .text()
            .contains("HttpRequestDenied"),
        "the scheme is not allowed"
    );
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(
        host.fetch(&format!("http://{free}/"))
            .text()
            .contains("ConnectionRefused")
    );
}

#[test]
fn a_client_that_leaves_ends_the_call_it_waits_for() {
    let (host, upstream) = (Host::start(&[]), Upstream::new());
    let waiting = host.send("GET", "/fetch", &[("x-target", &upstream.url())], b"");
    let silent = upstream.accept();
    leave(&waiting);
    assert!(until_closed(silent) < Duration::from_secs(1));
}

#[test]
fn a_client_that_leaves_ends_the_stream_it_reads() {
    let (host, upstream) = (Host::start(&[]), Upstream::new());
    let mut reading = host.send("GET", "/fetch", &[("x-target", &upstream.url())], b"");
    let mut streaming = upstream.accept();
    streaming
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        .unwrap();
    reading.read_until("first");
    leave(&reading);
    assert!(until_closed(streaming) < Duration::from_secs(1));
}

#[test]
fn chunks_arrive_as_they_are_sent() {
    let (host, upstream) = (Host::start(&[]), Upstream::new());
    let mut reading = host.send("GET", "/fetch", &[("x-target", &upstream.url())], b"");
    let mut streaming = upstream.accept();
    streaming
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    for word in ["one", "two"] {
        // The next is sent only after this one has come through.
        write!(streaming, "3\r\n{word}\r\n").unwrap();
        reading.read_until(word);
    }
    drop(streaming);
    assert!(
        until_closed(reading.stream) < PATIENCE,
        "a cut upstream is a cut response"
    );
}

#[test]
fn a_stop_lets_streams_finish() {
    let mut host = Host::start(&[]);
    let mut ticking = host.send("GET", "/ticks", &[], b"");
    ticking.read_until("tick 0\n");
    host.terminate();
    let reply = ticking.read();
    assert!(reply.whole && reply.text().ends_with("tick 9\n"));
    assert_eq!(host.wait().code(), Some(0));
    let log = host.state().join("sqlite_key_value.db-wal").metadata();
    assert_eq!(
        log.map_or(0, |log| log.len()),
        0,
        "the file alone holds the data"
    );
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut host = Host::start(&[]);
    let waiting = host.send("GET", "/hang", &[], b"");
    // Answered by the same process after the first request, which therefore has arrived.
    assert_eq!(host.get("/variable").status, 200);
    let start = Instant::now();
    host.terminate();
    while !host.stderr().contains("stopping") {
        assert!(start.elapsed() < PATIENCE);
        thread::yield_now();
    }
    host.terminate();
    host.wait();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "the grace period was waited for"
    );
    drop(waiting);
}

#[test]
fn a_state_directory_has_one_process() {
    let host = Host::start(&[]);
    let refusal = Host::refusal(host.folder());
    assert!(
        refusal.contains(&format!("in use by process {}", host.id())),
        "{refusal}"
    );
    assert_eq!(host.get("/variable").status, 200);
}

#[test]
fn a_start_after_a_stop_finds_data_and_compiled_code() {
    let first = Host::start(&[]);
    first.get("/key-value");
    let cache = first.state().join("cache");
    let again = Host::start_in(first.stop(), &[]);
    assert!(
        again.get("/key-value").text().starts_with("Some([118])"),
        "the value is still there"
    );
    assert_eq!(
        again.stderr().matches("compiling probe").count(),
        1,
        "{}",
        again.stderr()
    );

    let folder = again.stop();
    let compiled = fs::read_dir(cache).unwrap().next().unwrap().unwrap().path();
    fs::write(&compiled, "damaged").unwrap();
    let mended = Host::start_in(folder, &[]);
    assert_eq!(mended.get("/variable").status, 200);
    assert!(compiled.metadata().unwrap().len() > 1000, "compiled again");
}

#[test]
fn a_component_that_is_not_built_names_its_build() {
    let folder = support::folder(Path::new("/nowhere/probe.wasm"));
    let refusal = Host::refusal(folder.path());
    assert!(
        refusal.contains("/nowhere/probe.wasm") && refusal.contains("make the probe"),
        "{refusal}"
    );
}

#[test]
fn quiet_leaves_errors_only() {
    let loud = Host::start(&[]);
    loud.get("/log");
    assert!(
        loud.stderr().contains("[probe] to stdout\n"),
        "{}",
        loud.stderr()
    );
    let quiet = Host::start(&["--quiet"]);
    quiet.get("/log");
    assert_eq!(quiet.stderr(), "[probe] an ERROR to stderr\n");
}

#[test]
fn nonsense_is_refused_and_does_not_stop_the_host() {
    let host = Host::start(&[]);
    assert_eq!(
        host.send("GET", "/served", &[("host", "a b")], b"")
            .read()
            .status
            / 100,
        4
    );
    assert_eq!(
        host.send("GET", &format!("/{}", "a".repeat(200_000)), &[], b"")
            .read()
            .status
            / 100,
        4
    );
    assert_eq!(host.get("/variable").status, 200);
}
