//! Comma-separated values (RFC 4180) for spreadsheets. Owns quoting, and the guard against cells that a spreadsheet would
//! take for formulas; columns are the callers'.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;

/// What makes a spreadsheet read a text as a formula if it comes first (OWASP, CSV injection), in full width too, which
/// some take for the same.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
/// Put before such a text: spreadsheets take the cell for text, and other readers see that it was changed.
const GUARD: char = '\'';

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvCell<'a> {
    /// Nothing.
    Empty,
    /// Any text; one that could be a formula is guarded.
    Text(Cow<'a, str>),
    /// A whole number.
    Count(u64),
    /// Millionths of a unit of currency, written in whole units with six decimals.
    Micro(u64),
    /// `true` or `false`.
    Flag(bool),
}

impl<'a> From<&'a str> for CsvCell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for CsvCell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for CsvCell<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<bool> for CsvCell<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a, T: Into<CsvCell<'a>>> From<Option<T>> for CsvCell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// Rows that were written and not yet taken.
#[derive(Clone, Debug, Default)]
pub struct CsvRows(String);

impl CsvRows {
    /// Adds a row.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = CsvCell<'a>>) {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.cell(&cell);
        }
        self.0.push_str("\r\n");
    }

    /// Bytes that were written and not yet taken.
    pub const fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Takes what was written since this was last called.
    pub fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.0).into()
    }

    fn cell(&mut self, cell: &CsvCell<'_>) {
        let _ = match cell {
            CsvCell::Empty => Ok(()),
            CsvCell::Text(text) => {
                self.text(text);
                Ok(())
            }
            CsvCell::Count(count) => write!(self.0, "{count}"),
            CsvCell::Micro(micro) => {
                write!(self.0, "{}.{:06}", micro / 1_000_000, micro % 1_000_000)
            }
            CsvCell::Flag(flag) => write!(self.0, "{flag}"),
        };
    }

    fn text(&mut self, text: &str) {
        let is_quoted = text.contains(['"', ',', '\r', '\n']);
        if is_quoted {
            self.0.push('"');
        }
        if is_formula(text) {
            self.0.push(GUARD);
        }
        for character in text.chars() {
            if character == '"' {
                self.0.push('"');
            }
            self.0.push(character);
        }
        if is_quoted {
            self.0.push('"');
        }
    }
}

/// Whether a spreadsheet may take the text for a formula, which some do behind spaces too.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(' ').starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<CsvCell<'_>>]) -> String {
        let mut csv = CsvRows::default();
        for row in rows {
            csv.push(row.iter().cloned());
        }
        String::from_utf8(csv.take().into()).unwrap()
    }

    /// Reads RFC 4180 strictly: a quote only where the standard has one, rows only at CRLF.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut rest = text.chars().peekable();
        while rest.peek().is_some() {
            let mut row = Vec::new();
            loop {
                let mut cell = String::new();
                if rest.next_if_eq(&'"').is_some() {
                    loop {
                        match rest.next().expect("a quoted cell has an end") {
                            '"' if rest.next_if_eq(&'"').is_none() => break,
                            character => cell.push(character),
                        }
                    }
                } else {
                    while let Some(character) = rest.next_if(|it| !",\r\n".contains(*it)) {
                        assert_ne!(character, '"', "a bare quote in {text:?}");
                        cell.push(character);
                    }
                }
                row.push(cell);
                match rest.next() {
                    Some(',') => {}
                    Some('\r') => {
                        assert_eq!(rest.next(), Some('\n'));
                        break;
                    }
                    other => panic!("{other:?} after a cell of {text:?}"),
                }
            }
            rows.push(row);
        }
        rows
    }

    #[test]
    fn values_are_written_as_spreadsheets_read_them() {
        let row = vec![
            CsvCell::from("plain"),
            CsvCell::from("a,b"),
            CsvCell::from("say \"hi\""),
            CsvCell::from("two\r\nlines"),
            CsvCell::from("名前 é"),
            CsvCell::from(12_u64),
            CsvCell::Micro(1_000_000),
            CsvCell::Micro(12),
            CsvCell::Micro(u64::MAX),
            CsvCell::from(true),
            CsvCell::from(None::<u64>),
        ];
        assert_eq!(
            written(&[row]),
            "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\",名前 é,12,1.000000,0.000012,\
             18446744073709.551615,true,\r\n"
        );
    }

    #[test]
    fn what_could_be_a_formula_is_text() {
        for start in FORMULA_STARTS {
            let text = format!("{start}HYPERLINK(\"http://x\")");
            let rows = read(&written(&[vec![CsvCell::from(text.as_str())]]));
            assert_eq!(rows, [[format!("'{text}")]]);
        }
        assert_eq!(written(&[vec![CsvCell::from("=1+1")]]), "'=1+1\r\n");
        assert_eq!(written(&[vec![CsvCell::from("  =1")]]), "'  =1\r\n");
        assert_eq!(written(&[vec![CsvCell::from("a=1")]]), "a=1\r\n");
        assert_eq!(written(&[vec![CsvCell::from("")]]), "\r\n");
    }

    #[test]
    fn rows_are_taken_once() {
        let mut csv = CsvRows::default();
        csv.push(["a".into()]);
        assert_eq!(csv.take(), "a\r\n");
        assert_eq!(csv.take(), "");
        csv.push(["b".into(), CsvCell::Empty]);
        assert_eq!(csv.take(), "b,\r\n");
    }

    /// Texts with what matters in them more often than chance would have it.
    fn texts() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            prop::sample::select(vec![
                "\"", ",", "\r", "\n", "\r\n", "=", "+", "-", "@", "\t", "'", " "
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was_but_for_the_guard(
            rows in prop::collection::vec(prop::collection::vec(texts(), 1..5), 0..5),
        ) {
            let cells: Vec<Vec<CsvCell<'_>>> = rows
                .iter()
                .map(|row| row.iter().map(|text| text.as_str().into()).collect())
                .collect();
            let back = read(&written(&cells));
            prop_assert_eq!(back.len(), rows.len());
            for (back, row) in back.iter().zip(&rows) {
                prop_assert_eq!(back.len(), row.len());
                for (back, text) in back.iter().zip(row) {
                    prop_assert!(!is_formula(back));
                    let is_guarded = is_formula(text);
                    let plain = if is_guarded { &back[1..] } else { back };
                    prop_assert_eq!(plain, text);
                }
            }
        }
    }
}
