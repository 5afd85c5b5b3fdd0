//! Comma-separated values (RFC 4180). Owns quoting, and that no value is a formula for the program that opens the file.

/// Writes rows of values.
#[derive(Debug, Default)]
pub struct CsvText(String);

impl CsvText {
    /// Appends a row.
    pub fn row<'v>(&mut self, values: impl IntoIterator<Item = &'v str>) {
        let mut is_first = true;
        for value in values {
            if !is_first {
                self.0.push(',');
            }
            is_first = false;
            self.value(value);
        }
        self.0.push_str("\r\n");
    }

    /// Bytes so far.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    /// Spreadsheets evaluate what begins like a formula, also behind white space; an apostrophe makes it a text.
    fn value(&mut self, value: &str) {
        let is_formula = value
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
            || value.starts_with(['\t', '\r']);
        let needs_quotes = is_formula || value.contains(['"', ',', '\r', '\n']);
        if !needs_quotes {
            self.0.push_str(value);
            return;
        }
        self.0.push('"');
        if is_formula {
            self.0.push('\'');
        }
        self.0.push_str(&value.replace('"', "\"\""));
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: &[&[&str]]) -> String {
        let mut csv = CsvText::default();
        for row in rows {
            csv.row(row.iter().copied());
        }
        assert_eq!(csv.len(), csv.0.len());
        String::from_utf8(csv.into_bytes()).unwrap()
    }

    #[test]
    fn values_are_quoted_where_they_must_be() {
        let rows: [&[&str]; 3] = [&["a", "b c", ""], &["x,y", "say \"hi\""], &["two\nlines"]];
        assert_eq!(
            text(&rows),
            "a,b c,\r\n\"x,y\",\"say \"\"hi\"\"\"\r\n\"two\nlines\"\r\n"
        );
    }

    #[test]
    fn no_value_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "＝1"] {
            assert_eq!(text(&[&[formula]]), format!("\"'{formula}\"\r\n"));
        }
        assert_eq!(text(&[&["=\"a\",b"]]), "\"'=\"\"a\"\",b\"\r\n");
        assert_eq!(text(&[&["a=1"]]), "a=1\r\n");
    }
}
