//! The differential test: requests go through the gateway on fakes, and what it passes on is read by parsers of other
//! languages. All must read the model that the gateway has allowed, and the same value of `stream`. Owns the
//! comparison.

mod cases;
mod gateway;
mod readers;

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use cases::Case;
use gateway::{ALLOWED, Forwarded};
use readers::{Reader, Reading};
use serde_json::Value;

/// The maximum number of findings reported; one cause often has hundreds.
const MAX_TOLD: usize = 20;
/// One in this many requests must pass: a gateway that rejects everything would prove nothing.
const MIN_PASSING: usize = 10;

/// Runs the test: a file of cases, how many more are generated, and the readers' commands. Returns a summary.
pub fn run(mut arguments: impl Iterator<Item = String>) -> io::Result<String> {
    let usage = || io::Error::other("usage: differential CORPUS CASES READER…");
    let corpus = arguments.next().ok_or_else(usage)?;
    let count: u64 = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .ok_or_else(usage)?;
    let readers: Vec<Reader> = arguments.map(|command| Reader::new(&command)).collect();
    let mut cases = cases::read(Path::new(&corpus))?;
    let known = cases.len();
    cases.extend((0..count).map(cases::made_up));
    let passed = gateway::pass(&cases)?;
    let mut findings = Findings::default();
    for (case, forwarded) in cases.iter().zip(&passed) {
        if case
            .is_forwarded
            .is_some_and(|wanted| wanted != forwarded.is_some())
        {
            findings.add(case, format_args!("passed on: {}", forwarded.is_some()));
        }
    }
    // Requests that differ go to the readers unchanged: they must be able to detect it.
    let sent: Vec<(&Case, Forwarded, bool)> = cases
        .iter()
        .zip(passed)
        .filter_map(|(case, forwarded)| match forwarded {
            Some(forwarded) => Some((case, forwarded, true)),
            None => case.differs.then(|| (case, case.as_it_came(), false)),
        })
        .collect();
    compare(&readers, &sent, &mut findings)?;
    let passing = sent.iter().filter(|(_, _, passes)| *passes).count();
    if passing * MIN_PASSING < cases.len() {
        return Err(io::Error::other(format!(
            "only {passing} of {} requests pass, so that little is compared",
            cases.len()
        )));
    }
    findings.check()?;
    Ok(format!(
        "test result: ok. {} passed; {known} requests by hand and {count} made up, {passing} passed on and read alike by {} readers",
        cases.len(),
        readers.len()
    ))
}

fn compare(
    readers: &[Reader],
    sent: &[(&Case, Forwarded, bool)],
    findings: &mut Findings,
) -> io::Result<()> {
    let mut answers = Vec::new();
    for reader in readers {
        answers.push(reader.read(sent.iter().map(|(_, forwarded, _)| forwarded))?);
    }
    for (index, (case, forwarded, passes)) in sent.iter().enumerate() {
        let readings = || answers.iter().filter_map(|answer| answer.get(index));
        if *passes {
            for (reader, readings) in readers.iter().zip(readings()) {
                judge(case, forwarded, reader, readings, findings);
            }
        } else {
            let is_alike = |reading: &Reading| {
                reading.error.is_none() && reading.model == [Value::from(ALLOWED)]
            };
            let mut all = readings().flatten();
            let all_alike = all.all(|reading| is_alike(reading) && reading.stream.len() <= 1);
            let mut streams: Vec<_> = readings()
                .flatten()
                .map(|reading| &reading.stream)
                .collect();
            streams.dedup();
            if all_alike && streams.len() == 1 {
                findings.add(
                    case,
                    format_args!("all readers read the same, or there are none"),
                );
            }
        }
    }
    Ok(())
}

/// Of a language's parsers at least one must read the request, and none may read something else.
fn judge(
    case: &Case,
    forwarded: &Forwarded,
    reader: &Reader,
    readings: &[Reading],
    findings: &mut Findings,
) {
    if readings.iter().all(|reading| reading.error.is_some()) {
        findings.add(
            case,
            format_args!("{} does not read it: {readings:?}", reader.name()),
        );
    }
    for reading in readings.iter().filter(|reading| reading.error.is_none()) {
        if reading.model != [Value::from(ALLOWED)]
            || wants_stream(&reading.stream) != Some(forwarded.wants_stream)
        {
            findings.add(
                case,
                format_args!(
                    "{} reads {reading:?}, the gateway {forwarded:?}",
                    reader.name()
                ),
            );
        }
    }
}

/// The meaning of the values of `stream`; `None` when that is not clear. In forms they are texts.
fn wants_stream(values: &[Value]) -> Option<bool> {
    match values {
        [] | [Value::Null] => Some(false),
        [Value::Bool(flag)] => Some(*flag),
        [Value::String(text)] => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// What is wrong.
#[derive(Default)]
struct Findings {
    count: usize,
    text: String,
}

impl Findings {
    fn add(&mut self, case: &Case, what: std::fmt::Arguments<'_>) {
        self.count += 1;
        if self.count <= MAX_TOLD {
            let _ = writeln!(
                self.text,
                "{}: {what}\n  {:?}\n  {:?}",
                case.name,
                case.types,
                String::from_utf8_lossy(&case.body)
            );
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{}{} findings",
            self.text, self.count
        )))
    }
}
