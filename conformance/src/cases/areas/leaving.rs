//! A client that leaves in the middle of a stream: the call of the upstream is ended, since it costs money.

use super::pairs;
use crate::case::{Call, Case, Step};
use crate::cases::matrix::{Pair, TEXT, Template, question, streaming};
use crate::dialect::CLIENTS;
use crate::node::ensure;
use crate::normal::{Answer, Part, Stop};
use crate::play;
use crate::read::Outcome;
use crate::upstream::{Reply, Say};

const LEAVE: Template = (
    "leave",
    "a client that leaves ends the call of the upstream",
    leave,
);

pub(super) fn cases() -> Vec<Case> {
    pairs(&CLIENTS, &LEAVE)
}

fn leave(pair: Pair) -> Step {
    let answer = Answer::new(vec![Part::text(TEXT)], Stop::End);
    let mut events = play::stream(pair.upstream, &answer);
    events.truncate(events.len() / 2);
    let step = pair.step(&streaming(question())).call(Call::Leave);
    let reply = Reply::new(Say::Events(events)).endless();
    step.reply(reply).check(|seen| match seen.outcome {
        Outcome::Left(ended) => ensure(ended, || {
            "the upstream's call went on for 5 s without its client".to_owned()
        }),
        _ => Err(format!("{}, want a stream", seen.outcome.words())),
    })
}
