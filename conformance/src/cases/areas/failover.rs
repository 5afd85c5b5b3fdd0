//! The first upstream fails and another dialect's answers: before the first event of an answer, never after it.

use crate::case::{Case, Seen, Step};
use crate::cases::matrix::{TEXT, question, same_answer, streaming, with_tools};
use crate::dialect::{CLIENTS, Dialect, UPSTREAMS};
use crate::node::{Verdict, ensure, same};
use crate::normal::{Answer, Part, Stop};
use crate::play;
use crate::route::Route;
use crate::upstream::{Cut, Reply, Say};

/// A name, what it is about, and the request of a client on a route.
type Template = (&'static str, &'static str, fn(Dialect, Route) -> Step);

const TEMPLATES: [Template; 4] = [
    (
        "failover",
        "an upstream that fails is replaced by one of another dialect",
        |client, route| {
            let asked = with_tools(question());
            replaced(Step::asking(client, route, &asked).reply(failure(route.first)))
        },
    ),
    (
        "failover-stream",
        "the same before a stream begins",
        |client, route| {
            let asked = streaming(question());
            replaced(Step::asking(client, route, &asked).reply(failure(route.first)))
        },
    ),
    (
        "failover-empty-stream",
        "a stream that breaks before its first event is replaced",
        |client, route| {
            let asked = streaming(question());
            let nothing = Reply::new(Say::Events(Vec::new())).broken();
            replaced(Step::asking(client, route, &asked).reply(nothing))
        },
    ),
    (
        "failover-not-after",
        "after its first event a stream is not begun again elsewhere",
        |client, route| {
            let half = Reply::new(Say::Half(answer())).broken();
            let step = Step::asking(client, route, &streaming(question())).reply(half);
            step.second(fine()).check(|seen| {
                seen.broken()?;
                same("calls of the upstreams", &seen.received.len(), &1)
            })
        },
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, about, step) in TEMPLATES {
        for client in CLIENTS {
            for route in routes() {
                let name = format!("{name}/{client}-to-{route}");
                cases.push(Case::new(&name, client, route, about, step(client, route)));
            }
        }
    }
    cases
}

fn routes() -> Vec<Route> {
    let all = Route::all().into_iter();
    all.filter(|route| route.second.is_some()).collect()
}

fn answer() -> Answer {
    Answer::new(vec![Part::text(TEXT)], Stop::End)
}

fn fine() -> Reply {
    Reply::new(Say::Answer(answer())).cut(Cut::Bytes)
}

fn failure(upstream: Dialect) -> Reply {
    let (status, kind) = match upstream {
        Dialect::Messages => (529, "overloaded_error"),
        _ => (503, "server_error"),
    };
    let body = play::error(upstream, kind, None, "conf: overloaded before anything");
    Reply::error(status, body)
}

/// The client has the second upstream's answer, and both were asked.
fn replaced(step: Step) -> Step {
    let route = step.route;
    same_answer(step.second(fine()), &answer()).check(move |seen| {
        let asked: Vec<Dialect> = UPSTREAMS
            .into_iter()
            .filter(|dialect| !seen.received_by(*dialect).is_empty())
            .collect();
        let is_both = |dialect: &Dialect| *dialect == route.first || Some(*dialect) == route.second;
        ensure(asked.len() == 2 && asked.iter().all(is_both), || {
            format!("asked were {asked:?}")
        })?;
        once(seen, route)
    })
}

fn once(seen: &Seen, route: Route) -> Verdict<()> {
    let second = route
        .second
        .map_or(0, |second| seen.received_by(second).len());
    same("calls of the second upstream", &second, &1)
}
