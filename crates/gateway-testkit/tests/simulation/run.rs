//! A day of a world with the gateway in it. Owns the clients: when they come, what they ask, how long they wait.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, Either};
use gateway_core::ports::StoreKey;
use gateway_core::proxy::{self, Gateway};
use gateway_core::reply::{Reply, ReplyBody};
use gateway_testkit::fakes::START;
use gateway_testkit::sim::{CallEnd, Chance, Fault, Sim, SimPorts};
use http_body::Body as _;
use http_body_util::Full;

use super::history::{Answer, Body, Call, End, History, Meant, Request};
use super::upstreams::{INVALID, Seen, Upstreams};
use super::world::{
    CLIENT_KEY, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, StoreFault, TAIL_MS, TOTAL_MS, World,
};

/// The longest time without a request.
const MAX_PAUSE_MS: u64 = 45 * MINUTE_MS;

/// A day and its surroundings.
struct Day {
    world: Rc<World>,
    sim: Sim,
    chance: Chance,
    instances: Vec<Rc<Gateway<SimPorts>>>,
    requests: RefCell<Vec<Request>>,
}

/// What is remembered of a call beside the simulator's own record, in the same order.
type Asked = Rc<RefCell<Vec<(Seen, Meant)>>>;

/// Lives through the day of `world`; why it never ended, if it did not.
pub fn run(world: &Rc<World>) -> Result<History, String> {
    let sim = Sim::seeded(world.seed);
    let chance = Chance::seeded(world.seed ^ 0x5eed);
    let document = serde_json::to_vec(&world.document()).unwrap();
    sim.store().put(StoreKey::Config, document);
    let asked = Asked::default();
    let mut upstreams = Upstreams::new(Rc::clone(world), chance.fork());
    let calls = Rc::clone(&asked);
    sim.upstream().script(move |call| {
        let seen = Seen::read(call);
        let (reply, meant) = upstreams.answer(&seen, call.began.since_ms(START));
        calls.borrow_mut().push((seen, meant));
        reply
    });
    let gateway = |number| Rc::new(Gateway::new(sim.instance(number), Ok(None)));
    let day = Rc::new(Day {
        world: Rc::clone(world),
        instances: (0..world.instances).map(gateway).collect(),
        requests: RefCell::default(),
        chance,
        sim: sim.clone(),
    });
    sim.executor().spawn(break_store(Rc::clone(&day)));
    sim.executor().spawn(clients(Rc::clone(&day)));
    sim.executor()
        .run(Duration::from_millis(DAY_MS + TAIL_MS + HOUR_MS))
        .map_err(|stuck| stuck.to_string())?;
    Ok(history(&day, &asked.borrow()))
}

fn history(day: &Day, asked: &[(Seen, Meant)]) -> History {
    let since = |at: gateway_core::units::Timestamp| at.since_ms(START);
    let records = day.sim.upstream().calls();
    let requests = day.requests.borrow().clone();
    let call = |(record, (seen, meant)): (_, &(Seen, Meant))| {
        let record: &gateway_testkit::sim::CallRecord = record;
        let (ended, end) = record
            .ended
            .map_or((u64::MAX, CallEnd::Dropped), |(at, end)| (since(at), end));
        Call {
            request: seen.request,
            instance: requests[seen.request].instance,
            who: seen.who,
            model: seen.model,
            began: since(record.began),
            answered: record.answered.map(since),
            ended,
            end,
            meant: *meant,
        }
    };
    let calls = records.iter().zip(asked).map(call).collect();
    let writes = day.sim.store().writes();
    let (health, other): (Vec<_>, Vec<_>) = writes
        .iter()
        .partition(|write| write.record == StoreKey::Health);
    History {
        requests,
        calls,
        health_writes: health.iter().map(|write| since(write.began)).collect(),
        other_writes: other.len(),
        left_open: day.sim.upstream().open(),
        said: BTreeMap::new(),
    }
    .index()
}

async fn break_store(day: Rc<Day>) {
    let set = |fault: StoreFault| {
        day.sim.store().set_read_fault(fault.reads);
        day.sim.store().set_write_fault(fault.writes);
    };
    for episode in day.world.store.episodes() {
        let executor = day.sim.executor();
        executor.sleep_until(START.plus_ms(episode.from)).await;
        set(episode.fault);
        executor.sleep_until(START.plus_ms(episode.to)).await;
        set(StoreFault {
            reads: Fault::None,
            writes: Fault::None,
        });
    }
}

/// Requests come at random; at times many at once, at times none for a while.
async fn clients(day: Rc<Day>) {
    let executor = day.sim.executor();
    let now = || executor.now().since_ms(START);
    while now() < DAY_MS + TAIL_MS {
        let (count, gap_ms) = match day.chance.below(200) {
            0 => (1, day.chance.magnitude(MINUTE_MS, 25 * MINUTE_MS)),
            1..=3 => (day.chance.between(4, 16), day.world.mean_gap_ms),
            _ => (1, day.world.mean_gap_ms),
        };
        for _ in 0..count {
            let number = day.requests.borrow().len();
            let request = draw_request(&day, number);
            day.requests.borrow_mut().push(request);
            executor.spawn(client(Rc::clone(&day), number));
            executor.sleep_ms(day.chance.below(300)).await;
        }
        let pause_ms = day.chance.waiting(gap_ms).min(MAX_PAUSE_MS);
        executor.sleep_ms(pause_ms).await;
    }
}

fn draw_request(day: &Day, number: usize) -> Request {
    let served: Vec<usize> = (0..day.world.models)
        .filter(|model| day.world.serving(*model).next().is_some())
        .collect();
    let instance = match day.instances.len() {
        0 => number,
        count => usize::try_from(day.chance.below(count as u64)).unwrap(),
    };
    Request {
        instance,
        arrived: day.sim.executor().now().since_ms(START),
        model: *day.chance.pick(&served),
        is_stream: day.chance.percent(50),
        is_invalid: day.chance.percent(1),
        end: End::Unknown,
    }
}

async fn client(day: Rc<Day>, number: usize) {
    let request = day.requests.borrow()[number].clone();
    let gateway = match day.instances.get(request.instance) {
        Some(gateway) => Rc::clone(gateway),
        None => Rc::new(Gateway::new(day.sim.instance(number), Ok(None))),
    };
    // Few disconnect early, but every client does some time after the gateway's own timeout.
    let patience_ms = if day.chance.percent(4) {
        day.chance.magnitude(10, 30 * SECOND_MS)
    } else {
        TOTAL_MS + 2 * MINUTE_MS
    };
    let executor = day.sim.executor();
    let now = || executor.now().since_ms(START);
    let mut leaving = Box::pin(executor.sleep_ms(patience_ms));
    let answering = pin!(proxy::handle(&gateway, message(number, &request)));
    let end = match future::select(answering, leaving.as_mut()).await {
        Either::Right(((), _)) => End::Left { at: now() },
        Either::Left((reply, _)) => {
            let mut answer = head(&reply, now());
            read(reply.into_body(), request.is_stream, leaving, &mut answer).await;
            answer.over = now();
            End::Answered(answer)
        }
    };
    day.requests.borrow_mut()[number].end = end;
}

fn message(number: usize, request: &Request) -> http::Request<Full<Bytes>> {
    let mut body = format!("{{\"model\":\"m{}\",\"messages\":[]", request.model);
    if request.is_stream {
        body.push_str(",\"stream\":true");
    }
    if request.is_invalid {
        body.push(',');
        body.push_str(INVALID);
    }
    body.push('}');
    http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {CLIENT_KEY}"))
        .header("content-type", "application/json")
        .header("user-agent", format!("sim/{number}"))
        .header("x-session-id", format!("session {number}"))
        .body(Full::from(body))
        .unwrap()
}

fn head(reply: &Reply, at: u64) -> Answer {
    let number = |name: &str| {
        let value = reply.headers().get(name)?;
        value.to_str().ok()?.parse().ok()
    };
    Answer {
        at,
        over: at,
        status: reply.status().as_u16(),
        code: String::new(),
        retry_after_s: number("retry-after"),
        attempts: number("x-gateway-attempts").and_then(|count| usize::try_from(count).ok()),
        body: Body::Whole,
    }
}

/// Reads to the end, or until the client leaves.
async fn read(
    mut body: ReplyBody,
    is_stream: bool,
    mut leaving: Pin<Box<impl Future<Output = ()>>>,
    answer: &mut Answer,
) {
    let mut text = Vec::new();
    loop {
        let piece = future::poll_fn(|context| {
            if let Poll::Ready(piece) = Pin::new(&mut body).poll_frame(context) {
                return Poll::Ready(Some(piece));
            }
            leaving.as_mut().poll(context).map(|()| None)
        })
        .await;
        match piece {
            None => {
                answer.body = Body::Left;
                return;
            }
            Some(None) => break,
            Some(Some(Ok(frame))) => text.extend(frame.into_data().unwrap_or_default()),
            Some(Some(Err(_))) => {
                answer.body = Body::Incomplete;
                return;
            }
        }
    }
    let text = String::from_utf8_lossy(&text);
    if answer.status == 200 {
        let end = if is_stream { "data: [DONE]\n\n" } else { "}" };
        if !text.ends_with(end) {
            answer.body = Body::Incomplete;
        }
    } else {
        let error: serde_json::Value = serde_json::from_str(&text).unwrap();
        let code = error["error"]["code"].as_str();
        code.unwrap_or_default().clone_into(&mut answer.code);
    }
}
