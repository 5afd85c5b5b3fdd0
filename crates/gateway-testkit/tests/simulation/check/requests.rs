//! Rules about single requests: whether they had to fail, and what the response said.

use std::collections::BTreeSet;

use super::{Rule, Violation, broken};
use crate::history::{Answer, Body, End, History, Meant, Request, Wait};
use crate::world::{MINUTE_MS, SECOND_MS, TOTAL_MS, World};

/// Checks every request; how many had to fail.
pub fn check(
    world: &World,
    history: &History,
    calls_of: &[Vec<usize>],
) -> Result<usize, Violation> {
    let mut failed = 0;
    for (number, request) in history.requests.iter().enumerate() {
        let calls = &calls_of[number];
        tried_once(history, number, calls)?;
        ended(history, request, number, calls)?;
        match &request.end {
            End::Unknown => {
                return broken(
                    Rule::TooSlow,
                    request.arrived,
                    format!("request {number} never ended"),
                );
            }
            End::Left { .. } => {}
            End::Answered(answer) => {
                in_time(world, request, number, answer)?;
                check_reported(history, answer, number, calls)?;
                if answer.status == 200 {
                    whole(history, answer, number, calls)?;
                } else if !is_excused(world, request, answer) {
                    failed += 1;
                    had_to_fail(world, history, number)?;
                }
            }
        }
    }
    if history.left_open > 0 {
        let text = format!("{} upstream connections stay open", history.left_open);
        return broken(Rule::LeftOpen, u64::MAX, text);
    }
    Ok(failed)
}

fn tried_once(history: &History, number: usize, calls: &[usize]) -> Result<(), Violation> {
    let mut tried = BTreeSet::new();
    for call in calls.iter().map(|call| &history.calls[*call]) {
        if !tried.insert(call.who) {
            let text = format!("request {number} calls {:?} twice", call.who);
            return broken(Rule::TriedTwice, call.began, text);
        }
    }
    Ok(())
}

/// No call outlives what wanted it, but for the end of a stream that the client has whole.
fn ended(
    history: &History,
    request: &Request,
    number: usize,
    calls: &[usize],
) -> Result<(), Violation> {
    for call in calls.iter().map(|call| &history.calls[*call]) {
        let gave_answer = call.proved_good(history).is_some();
        let limit = if gave_answer {
            request.over() + SECOND_MS
        } else {
            request.decided()
        };
        if call.ended > limit {
            let text = format!(
                "request {number} was over at {limit}, its call of {:?} went on until {}",
                call.who, call.ended
            );
            return broken(Rule::LeftOpen, call.ended, text);
        }
    }
    Ok(())
}

/// The total time begins when the configuration is there, so a slow store comes on top.
fn in_time(
    world: &World,
    request: &Request,
    number: usize,
    answer: &Answer,
) -> Result<(), Violation> {
    let store_ms = if world.store.is_fine(request.arrived, answer.at) {
        SECOND_MS
    } else {
        MINUTE_MS
    };
    if answer.at > request.arrived + TOTAL_MS + store_ms {
        let text = format!("request {number} had its answer only at {}", answer.at);
        return broken(Rule::TooSlow, answer.at, text);
    }
    Ok(())
}

fn check_reported(
    history: &History,
    answer: &Answer,
    number: usize,
    calls: &[usize],
) -> Result<(), Violation> {
    let made = calls.len();
    let reported = answer.attempts.unwrap_or(0);
    if reported != made {
        let text = format!("request {number} got {reported} attempts reported, {made} were made");
        return broken(Rule::ToldWrong, answer.at, text);
    }
    let is_throttled = answer.status == 429;
    let waits = calls.iter().map(|call| &history.calls[*call]);
    let is_possible = |reported_s: u64| {
        waits.clone().any(|call| {
            let trouble = call.trouble();
            trouble.is_some_and(|trouble| match trouble.wait {
                None => true,
                Some(Wait::For(_) | Wait::Until(_)) => {
                    let until = call.stated_until().unwrap_or(0);
                    reported_s * SECOND_MS <= until.saturating_sub(call.ended) + SECOND_MS
                }
            })
        })
    };
    match answer.retry_after_s {
        None if is_throttled => broken(
            Rule::ToldWrong,
            answer.at,
            format!("request {number}: a 429 without Retry-After"),
        ),
        Some(reported_s) if is_throttled && !is_possible(reported_s) => broken(
            Rule::ToldWrong,
            answer.at,
            format!(
                "request {number} got a Retry-After of {reported_s} s, longer than any upstream said"
            ),
        ),
        _ => Ok(()),
    }
}

/// An answer may only be short where its upstream's was, or the client left.
fn whole(
    history: &History,
    answer: &Answer,
    number: usize,
    calls: &[usize],
) -> Result<(), Violation> {
    let is_meant_whole = calls.iter().any(|call| {
        let call = &history.calls[*call];
        call.meant == Meant::Good && call.proved_good(history).is_some()
    });
    let is_meant_short = calls.iter().any(|call| {
        let trouble = history.calls[*call].trouble();
        trouble.is_some_and(|trouble| trouble.begins_well)
    });
    let is_right = match answer.body {
        Body::Left => true,
        Body::Whole => is_meant_whole,
        Body::Incomplete => is_meant_short,
    };
    if is_right {
        return Ok(());
    }
    let text = format!("request {number} got an answer that no upstream gave: {answer:?}");
    broken(Rule::CutShort, answer.at, text)
}

/// An invalid request is rejected, and one instance that never read its configuration cannot serve.
fn is_excused(world: &World, request: &Request, answer: &Answer) -> bool {
    let has_no_configuration =
        answer.code == "store_unavailable" && !world.store.is_fine(request.arrived, answer.at);
    request.is_invalid && answer.status == 400 || has_no_configuration
}

fn had_to_fail(world: &World, history: &History, number: usize) -> Result<(), Violation> {
    let request = &history.requests[number];
    let (arrived, decided) = (request.arrived, request.decided());
    for who in world.serving(request.model) {
        let could = world.is_fine(who, request.model, arrived, decided)
            && history.asked_until(who, decided) <= arrived;
        if could {
            let text = format!(
                "request {number} failed ({:?}), though {who:?} could have served it all the time",
                request.answer()
            );
            return broken(Rule::FailedNeedlessly, decided, text);
        }
    }
    Ok(())
}
