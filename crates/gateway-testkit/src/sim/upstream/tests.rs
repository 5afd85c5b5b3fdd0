//! Simulated calls: the phases, their timeouts, and how each call ended.

use super::*;
use std::future::poll_fn;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(5),
    idle: Duration::from_secs(2),
};

struct Stage {
    executor: Executor,
    upstream: Rc<SimUpstream>,
}

impl Stage {
    fn answering(reply: SimReply) -> Self {
        let executor = Executor::starting_at(Timestamp(0));
        let upstream = SimUpstream::new(executor.clone());
        upstream.script(move |_| reply.clone());
        Self {
            executor,
            upstream: Rc::new(upstream),
        }
    }

    /// Calls and reads everything: the pieces, and how it failed.
    fn call(&self) -> (Vec<Bytes>, Option<SendErrorKind>) {
        let upstream = Rc::clone(&self.upstream);
        self.executor.block_on(async move {
            let request = Request::post("https://a.example/v1/x")
                .header("authorization", "Bearer a-1")
                .body(Bytes::new())
                .unwrap();
            let mut body = match upstream.send(3, request, TIMEOUTS).await {
                Ok(response) => response.into_body(),
                Err(error) => return (Vec::new(), Some(error.kind)),
            };
            let mut pieces = Vec::new();
            loop {
                match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                    Some(Ok(frame)) => pieces.push(frame.into_data().unwrap()),
                    Some(Err(error)) => return (pieces, Some(error.kind)),
                    None => return (pieces, None),
                }
            }
        })
    }

    fn record(&self) -> CallRecord {
        self.upstream.calls().pop().unwrap()
    }
}

fn pieces(gaps_ms: [u64; 2]) -> SimReply {
    let pieces = gaps_ms.map(|gap_ms| (gap_ms, Bytes::from_static(b"x")));
    SimReply::pieces(200, "text/event-stream", pieces)
        .connecting(100)
        .thinking(1_000)
}

#[test]
fn every_phase_takes_its_time() {
    let stage = Stage::answering(pieces([500, 2_000]));
    assert_eq!(stage.call().0.len(), 2);
    let record = stage.record();
    assert_eq!(record.answered, Some(Timestamp(1_100)));
    assert_eq!(record.ended, Some((Timestamp(3_600), CallEnd::Whole)));
    assert_eq!((&*record.host, &*record.credential), ("a", "a-1"));
    assert_eq!((record.instance, stage.upstream.open()), (3, 0));
}

#[test]
fn every_phase_has_its_timeout() {
    let rows = [
        (SimReply::unconnectable(), SendErrorKind::Connect, 1_000),
        (SimReply::silence(), SendErrorKind::Timeout, 5_000),
        (
            SimReply::failure(SendErrorKind::Connect).connecting(30),
            SendErrorKind::Connect,
            30,
        ),
        (
            SimReply::failure(SendErrorKind::Reset).thinking(40),
            SendErrorKind::Reset,
            40,
        ),
        (pieces([500, 2_001]), SendErrorKind::Timeout, 3_600),
        (
            pieces([0, 0]).falling_silent(),
            SendErrorKind::Timeout,
            3_100,
        ),
        (
            pieces([0, 7]).broken_by(SendErrorKind::Reset),
            SendErrorKind::Reset,
            1_107,
        ),
    ];
    for (reply, kind, ended) in rows {
        let shown = format!("{reply:?}");
        let stage = Stage::answering(reply);
        assert_eq!(stage.call().1, Some(kind), "{shown}");
        let expected = Some((Timestamp(ended), CallEnd::Failed(kind)));
        assert_eq!(stage.record().ended, expected, "{shown}");
    }
}

#[test]
fn letting_go_is_remembered_before_and_after_the_head() {
    for head_is_there in [false, true] {
        let stage = Stage::answering(pieces([500, 500]));
        let (executor, upstream) = (stage.executor.clone(), Rc::clone(&stage.upstream));
        stage.executor.block_on(async move {
            let request = Request::new(Bytes::new());
            let mut call = Box::pin(upstream.send(0, request, TIMEOUTS));
            let response = if head_is_there {
                Some(call.as_mut().await.unwrap())
            } else {
                poll_fn(|context| {
                    assert!(call.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
                None
            };
            drop(call);
            executor.sleep_ms(70).await;
            drop(response);
        });
        let (at, end) = stage.record().ended.unwrap();
        assert_eq!(end, CallEnd::Dropped);
        assert_eq!(at.0, if head_is_there { 1_170 } else { 0 });
    }
}
