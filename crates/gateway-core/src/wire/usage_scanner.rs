//! The usage in a JSON answer that is passed on piece by piece, since it is too long to be held. Owns what is kept
//! between two pieces, a few kilobytes at most; what a `usage` object means is `usage`'s.

use memchr::memmem;
use serde_json::value::RawValue;

use super::usage::{self, Usage};

/// Occurs in JSON only as the name of a member, or as a whole string: within a string its quotes are escaped.
const NAME: &[u8] = b"\"usage\"";
/// Longer objects are not token reports.
const MAX_OBJECT: usize = 4096;

/// What was found so far.
#[derive(Debug, Default)]
pub struct UsageScanner {
    /// The end of the pieces so far: in it, an object may have begun that the next ones complete.
    held: Vec<u8>,
    images: ImageCounter,
}

impl UsageScanner {
    /// Reads the next piece. Returns the figures that it completes.
    pub fn see(&mut self, piece: &[u8]) -> Option<Usage> {
        let mut sum = self.usage(piece);
        if self.images.see(piece) {
            sum.get_or_insert_default().images = self.images.count;
        }
        sum
    }

    fn usage(&mut self, piece: &[u8]) -> Option<Usage> {
        let mut sum = None;
        if !self.held.is_empty() {
            // As much of the piece as an object that has begun can need.
            let needed = piece.len().min(MAX_OBJECT);
            self.held.extend(piece.iter().take(needed));
            let from = look(&self.held, &mut sum);
            if needed == piece.len() {
                self.held.drain(..from);
                return sum;
            }
        }
        let from = look(piece, &mut sum);
        self.held.clear();
        self.held.extend(piece.iter().skip(from));
        sum
    }
}

/// Counts images, whose data makes most answers too long to be held.
#[derive(Debug, Default)]
struct ImageCounter {
    count: u64,
    /// The end of the pieces so far, in which a name may have begun.
    tail: Vec<u8>,
}

impl ImageCounter {
    /// Reads the next piece. Whether there were any in it.
    fn see(&mut self, piece: &[u8]) -> bool {
        const KEPT: usize = usage::IMAGE.len() - 1;
        let before = self.count;
        let count = |text: &[u8]| memmem::find_iter(text, usage::IMAGE).count() as u64;
        self.tail.extend(piece.iter().take(KEPT));
        // Neither part of it holds a whole name, so that only those across the cut are counted here.
        self.count += count(&self.tail);
        if piece.len() > KEPT {
            self.count += count(piece);
            self.tail.clear();
            self.tail.extend(&piece[piece.len() - KEPT..]);
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(KEPT));
        }
        self.count > before
    }
}

/// Adds all figures in `text` to `sum`. Returns the position from which the text must be kept.
fn look(text: &[u8], sum: &mut Option<Usage>) -> usize {
    for start in memmem::find_iter(text, NAME) {
        match value(text.get(start + NAME.len()..).unwrap_or_default()) {
            ScannedValue::Whole(figures) => sum.get_or_insert_default().take_in(figures),
            ScannedValue::Begun if text.len() - start <= MAX_OBJECT => return start,
            ScannedValue::Begun | ScannedValue::Other => {}
        }
    }
    text.len().saturating_sub(NAME.len() - 1)
}

enum ScannedValue {
    /// Figures of tokens.
    Whole(Usage),
    /// It continues in the next piece.
    Begun,
    /// No token report.
    Other,
}

/// What follows the name.
fn value(after: &[u8]) -> ScannedValue {
    let after = after.trim_ascii_start();
    let Some(after) = after.strip_prefix(b":") else {
        return if after.is_empty() {
            ScannedValue::Begun
        } else {
            ScannedValue::Other
        };
    };
    let after = after.trim_ascii_start();
    if after.first().is_some_and(|first| *first != b'{') {
        return ScannedValue::Other;
    }
    let mut objects = serde_json::Deserializer::from_slice(after).into_iter::<&RawValue>();
    match objects.next() {
        Some(Ok(object)) => {
            usage::of_object(object).map_or(ScannedValue::Other, ScannedValue::Whole)
        }
        Some(Err(error)) if !error.is_eof() => ScannedValue::Other,
        Some(Err(_)) | None => ScannedValue::Begun,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = r#"{"usage" : {"total_tokens":38}, "data":[{"embedding":[0.5,-1e-3],"note":"\"usage\":{\"prompt_tokens\":9}"},
        "usage"],"usage":{"prompt_tokens":40,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":3}}}"#;

    fn found(pieces: &[&[u8]]) -> Option<Usage> {
        let mut passing = UsageScanner::default();
        let mut sum: Option<Usage> = None;
        for piece in pieces {
            if let Some(figures) = passing.see(piece) {
                sum.get_or_insert_default().take_in(figures);
            }
            assert!(passing.held.len() <= MAX_OBJECT, "{}", passing.held.len());
        }
        sum
    }

    const EXPECTED: Option<Usage> = Some(Usage {
        prompt_tokens: 40,
        completion_tokens: 7,
        cached_tokens: 3,
        cache_write_tokens: 0,
        cache_write_1h_tokens: 0,
        reasoning_tokens: 0,
        images: 0,
        media_ms: 0,
        service_tier: None,
    });

    #[test]
    fn figures_are_found_however_the_answer_is_cut() {
        let answer = ANSWER.as_bytes();
        assert_eq!(found(&[answer]), EXPECTED);
        for first in 0..answer.len() {
            let (head, rest) = answer.split_at(first);
            assert_eq!(found(&[head, rest]), EXPECTED, "cut at {first}");
            let (middle, tail) = rest.split_at(rest.len() / 2);
            assert_eq!(found(&[head, middle, tail]), EXPECTED, "cut at {first}");
        }
        let bytes: Vec<&[u8]> = answer.chunks(1).collect();
        assert_eq!(found(&bytes), EXPECTED);
    }

    #[test]
    fn images_are_counted_however_the_answer_is_cut() {
        let answer = br#"{"created":1,"data":[{"b64_json":"iVBORw0KGgo"},{"b64_json":"","note":"\"b64_json\""}, {"b64_json":"x"}]}"#;
        for size in 1..answer.len() {
            let pieces: Vec<&[u8]> = answer.chunks(size).collect();
            let found = found(&pieces).map(|usage| usage.images);
            assert_eq!(found, Some(3), "pieces of {size}");
        }
    }

    #[test]
    fn long_pieces_are_not_kept() {
        let long = format!("[{}]", "0.25,".repeat(100_000));
        let end = br#","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
        let pieces: [&[u8]; 4] = [br#"{"data":"#, long.as_bytes(), &end[..20], &end[20..]];
        assert_eq!(found(&pieces).map(|usage| usage.prompt_tokens), Some(5));
    }

    #[test]
    fn what_never_ends_or_is_no_object_is_nothing() {
        let endless = format!(r#"{{"usage":{{"a":"{}"#, "x".repeat(3 * MAX_OBJECT));
        for text in [
            endless.as_str(),
            r#"{"usage":null}"#,
            r#"{"usage":{]"#,
            r#"{"usage":{}}"#,
            r#"{"usage""#,
        ] {
            assert_eq!(found(&[text.as_bytes()]), None);
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
            assert_eq!(found(&bytes), None);
        }
        let after = format!(r#"{endless}"}},"usage":{{"prompt_tokens":2}}}}"#);
        let pieces: Vec<&[u8]> = after.as_bytes().chunks(1000).collect();
        assert_eq!(found(&pieces).map(|usage| usage.prompt_tokens), Some(2));
    }

    /// Pieces of answers, whole and broken, in any order.
    fn scraps() -> impl Strategy<Value = Vec<u8>> {
        let scrap = prop::sample::select(vec![
            r#""usage""#,
            r#""usage":{"prompt_tokens":5}"#,
            r#"{"completion_tokens":7"#,
            ":",
            " ",
            "{",
            "}",
            ",",
            "\"",
            "\\",
            "0.25",
            "\u{1f600}",
        ]);
        prop::collection::vec(scrap, 0..60).prop_map(|scraps| scraps.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What is found does not depend on the cuts, for any bytes.
        #[test]
        fn cuts_change_nothing(
            bytes in prop_oneof![scraps(), prop::collection::vec(any::<u8>(), 0..300)],
            sizes in prop::collection::vec(1_usize..40, 1..8),
        ) {
            let mut pieces = Vec::new();
            let (mut rest, mut sizes) = (bytes.as_slice(), sizes.into_iter().cycle());
            while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(found(&pieces), found(&[&bytes]));
        }
    }
}
