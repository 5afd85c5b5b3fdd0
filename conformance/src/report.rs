//! What came of the cases: a table, JSON and `JUnit`. Owns the formats.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::run::{Finished, Status};

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases that hold.
    pub ok: usize,
    /// Cases that do not.
    pub failed: usize,
    /// Cases that the gateway says it does not do.
    pub unsupported: usize,
}

/// Counts them.
pub fn counts(cases: &[Finished]) -> Counts {
    let mut counts = Counts::default();
    for case in cases {
        match case.status {
            Status::Ok => counts.ok += 1,
            Status::Failed(_) => counts.failed += 1,
            Status::Unsupported(_) => counts.unsupported += 1,
        }
    }
    counts
}

fn words(status: &Status) -> (&'static str, &str) {
    match status {
        Status::Ok => ("ok", ""),
        Status::Failed(reason) => ("failed", reason),
        Status::Unsupported(reason) => ("unsupported", reason),
    }
}

/// A row of the table.
pub fn row(case: &Finished) -> String {
    let (status, reason) = words(&case.status);
    let reason = reason.replace('\n', " ");
    let reason: String = reason.chars().take(300).collect();
    format!("{:<42} {status:<12} {reason}", case.name)
        .trim_end()
        .to_owned()
}

/// The last line of the table.
pub fn summary(cases: &[Finished]) -> String {
    let Counts {
        ok,
        failed,
        unsupported,
    } = counts(cases);
    let total = cases.len();
    format!("{total} cases: {ok} ok, {failed} failed, {unsupported} unsupported")
}

/// All cases as JSON.
pub fn json(label: &str, cases: &[Finished]) -> Value {
    let Counts {
        ok,
        failed,
        unsupported,
    } = counts(cases);
    let rows: Vec<Value> = cases
        .iter()
        .map(|case| {
            let (status, reason) = words(&case.status);
            json!({
                "name": case.name,
                "about": case.about,
                "status": status,
                "reason": (!reason.is_empty()).then_some(reason),
                "ms": u64::try_from(case.time.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    json!({
        "suite": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "label": label,
        "ok": ok,
        "failed": failed,
        "unsupported": unsupported,
        "cases": rows,
    })
}

/// All cases in `JUnit`'s XML; what is unsupported counts as skipped.
pub fn junit(cases: &[Finished]) -> String {
    let Counts {
        failed,
        unsupported,
        ..
    } = counts(cases);
    let total = cases.len();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"conformance\" tests=\"{total}\" \
         failures=\"{failed}\" skipped=\"{unsupported}\">\n"
    );
    for case in cases {
        let (family, name) = case.name.rsplit_once('/').unwrap_or(("nasty", &case.name));
        let inner = match &case.status {
            Status::Ok => String::new(),
            Status::Failed(reason) => format!("<failure message=\"{}\"/>", escaped(reason)),
            Status::Unsupported(reason) => format!("<skipped message=\"{}\"/>", escaped(reason)),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">{inner}</testcase>",
            escaped(family),
            escaped(name),
            case.time.as_secs_f64(),
        );
    }
    text.push_str("</testsuite>\n");
    text
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\r' | '\t' => safe.push(' '),
            // XML has no other control characters, not even escaped.
            letter if letter.is_control() => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn finished(status: Status) -> Finished {
        Finished {
            name: "text/chat-to-chat".to_owned(),
            about: "about".to_owned(),
            status,
            time: Duration::from_millis(1500),
        }
    }

    #[test]
    fn every_status_is_in_every_format() {
        let cases = [
            finished(Status::Ok),
            finished(Status::Failed("got <1> & \"2\"\u{1}".to_owned())),
            finished(Status::Unsupported("405".to_owned())),
        ];
        assert_eq!(summary(&cases), "3 cases: 1 ok, 1 failed, 1 unsupported");
        assert!(row(&cases[1]).contains("failed       got <1>"));
        let xml = junit(&cases);
        assert!(xml.contains("failures=\"1\" skipped=\"1\""));
        assert!(xml.contains("<failure message=\"got &lt;1&gt; &amp; &quot;2&quot;\u{fffd}\"/>"));
        assert!(xml.contains("classname=\"text\" name=\"chat-to-chat\" time=\"1.500\""));
        let json = json("One 1.0", &cases);
        assert_eq!(json["label"], "One 1.0");
        assert_eq!(json["cases"][0]["reason"], Value::Null);
        assert_eq!(json["cases"][2]["status"], "unsupported");
        assert_eq!(json["cases"][2]["ms"], 1500);
    }
}
