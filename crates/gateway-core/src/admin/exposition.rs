//! Prometheus' text format (version 0.0.4), as far as the metrics need it. Owns the spelling of families, labels and
//! numbers; knows no metric.

use std::fmt::{self, Write as _};

/// What a family's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts per bucket, a sum and a count.
    Histogram,
}

impl MetricKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Names and values of labels.
pub type LabelPairs<'a> = [(&'a str, &'a str)];

/// A text under way.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family. All its samples follow before the next one begins.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}");
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.word());
    }

    /// Adds one sample.
    pub fn sample(&mut self, name: &str, labels: &LabelPairs<'_>, value: impl fmt::Display) {
        self.text.push_str(name);
        for (index, (label, content)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            self.escaped(content);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// The three characters that the format has escapes for; all others need none.
    fn escaped(&mut self, content: &str) {
        for character in content.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                other => self.text.push(other),
            }
        }
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// A number of thousandths, such as milliseconds, in whole units.
#[derive(Clone, Copy, Debug)]
pub struct Thousandths(pub u64);

impl fmt::Display for Thousandths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A number of millionths, such as micro-dollars, in whole units.
#[derive(Clone, Copy, Debug)]
pub struct Millionths(pub u64);

impl fmt::Display for Millionths {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{:06}",
            self.0 / 1_000_000,
            self.0 % 1_000_000
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let mut exposition = Exposition::default();
        exposition.family("a_total", MetricKind::Counter, "Some.");
        exposition.sample("a_total", &[("x", "a\"b\\c\nd"), ("y", "渠道")], 7);
        exposition.sample("a_total", &[], Millionths(1_000_003));
        exposition.sample("a_total", &[], Thousandths(1_500));
        assert_eq!(
            exposition.into_text(),
            "# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"a\\\"b\\\\c\\nd\",y=\"渠道\"} 7\n\
             a_total 1.000003\na_total 1.500\n"
        );
    }
}
