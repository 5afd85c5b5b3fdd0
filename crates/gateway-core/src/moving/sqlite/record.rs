//! The values of a row. Owns serial types and text encodings; values become JSON, since that is what exports have too.

use serde_json::{Number, Value};

use super::SqliteError;
use super::pages::varint;

/// Values of one row.
const MAX_VALUES: usize = 2_000;

/// How a database keeps texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// A row, whose values are made when they are asked for.
#[derive(Debug)]
pub struct Record<'p> {
    values: Vec<(i64, &'p [u8])>,
    encoding: Encoding,
}

impl<'p> Record<'p> {
    pub fn parse(payload: &'p [u8], encoding: Encoding) -> Result<Self, SqliteError> {
        let mut rest = payload;
        let length = usize::try_from(varint(&mut rest)?).map_err(|_| SqliteError::Damaged)?;
        let taken = payload.len() - rest.len();
        let types = length.checked_sub(taken).and_then(|left| rest.get(..left));
        let mut types = types.ok_or(SqliteError::Damaged)?;
        let mut body = payload.get(length..).ok_or(SqliteError::Damaged)?;
        let mut values = Vec::new();
        while !types.is_empty() && values.len() < MAX_VALUES {
            let kind = varint(&mut types)?;
            let size = match kind {
                0 | 8 | 9 => 0,
                1..=4 => usize::try_from(kind).unwrap_or_default(),
                5 => 6,
                6 | 7 => 8,
                12.. => usize::try_from((kind - 12) / 2).map_err(|_| SqliteError::Damaged)?,
                _ => return Err(SqliteError::Damaged),
            };
            let (value, after) = body.split_at_checked(size).ok_or(SqliteError::Damaged)?;
            values.push((kind, value));
            body = after;
        }
        Ok(Self { values, encoding })
    }

    /// A value as JSON; `None` if the row is older than the column. A blob is a text if it is UTF-8, else null.
    pub fn value(&self, at: usize) -> Option<Value> {
        let (kind, bytes) = *self.values.get(at)?;
        Some(match kind {
            1..=6 => Value::from(integer(bytes)),
            7 => real(bytes),
            8 => Value::from(0),
            9 => Value::from(1),
            12.. if kind % 2 == 0 => std::str::from_utf8(bytes).map_or(Value::Null, Value::from),
            12.. => Value::String(self.text(bytes)),
            _ => Value::Null,
        })
    }

    fn text(&self, bytes: &[u8]) -> String {
        let units = |read: fn([u8; 2]) -> u16| {
            let (pairs, _) = bytes.as_chunks();
            let units: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
            String::from_utf16_lossy(&units)
        };
        match self.encoding {
            Encoding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Encoding::Utf16Le => units(u16::from_le_bytes),
            Encoding::Utf16Be => units(u16::from_be_bytes),
        }
    }
}

/// A big-endian integer of up to eight bytes, with its sign.
fn integer(bytes: &[u8]) -> i64 {
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let start = if sign { -1 } else { 0 };
    bytes
        .iter()
        .fold(start, |value, byte| value << 8 | i64::from(*byte))
}

fn real(bytes: &[u8]) -> Value {
    let number = bytes.first_chunk().copied().map(f64::from_be_bytes);
    number
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(payload: &[u8], encoding: Encoding) -> Vec<Value> {
        let record = Record::parse(payload, encoding).unwrap();
        (0..).map_while(|at| record.value(at)).collect()
    }

    #[test]
    fn every_serial_type_becomes_its_value() {
        let payload = [
            &[13, 0, 1, 2, 3, 5, 6, 7, 8, 9, 17, 16, 0x12][..],
            &[0xff],
            &[0x01, 0x00],
            &[0xff, 0xff, 0xfe],
            &[0, 0, 0, 0, 1, 0],
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &1.5_f64.to_be_bytes(),
            b"hi",
            b"{}",
            b"\xff\xfe\xfd",
        ]
        .concat();
        assert_eq!(
            values(&payload, Encoding::Utf8),
            [
                json!(null),
                json!(-1),
                json!(256),
                json!(-2),
                json!(256),
                json!(i64::MAX),
                json!(1.5),
                json!(0),
                json!(1),
                json!("hi"),
                json!("{}"),
                json!(null),
            ]
        );
        let text = [&[2, 17][..], &[b'h', 0]].concat();
        assert_eq!(values(&text, Encoding::Utf16Le), [json!("h")]);
        let text = [&[2, 17][..], &[0, b'h']].concat();
        assert_eq!(values(&text, Encoding::Utf16Be), [json!("h")]);
    }

    #[test]
    fn records_that_lie_are_damaged() {
        for payload in [
            &[][..],
            &[9],
            &[0],
            &[2, 10],
            &[2, 6, 0],
            &[2, 17],
            &[0x81, 0x80],
        ] {
            let record = Record::parse(payload, Encoding::Utf8);
            assert_eq!(record.unwrap_err(), SqliteError::Damaged, "{payload:?}");
        }
    }
}
