//! The databases: D1 for the ledger, one Durable Object with its own SQLite per client key. Owns how values are passed
//! to JavaScript and back; knows no statement of the core's.

use gateway_core::ports::{Sql, SqlTarget};
use gateway_core::sql::{SqlError, SqlErrorKind, SqlRow, SqlValue, Statement};
use serde_json::Value as Json;

use crate::instance::WorkerPorts;
use crate::io;
use crate::ticket::{Outcome, Ticket};

impl Sql for WorkerPorts {
    const LIMITS_ARE_TOGETHER: bool = false;

    /// D1 does, and the free plan includes 100,000 a day.
    fn charges_for_rows(&self) -> bool {
        true
    }

    async fn transact(
        &self,
        place: SqlTarget<'_>,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<SqlRow>>, SqlError> {
        let statements = encode(statements);
        let ticket = Ticket::new();
        match place {
            SqlTarget::Ledger => io::ledger(ticket.number(), &statements),
            SqlTarget::Limits(key) => io::allowance(ticket.number(), key, &statements),
        }
        match ticket.await {
            Outcome::Text(answer) => decode(&answer),
            Outcome::Failed(error) => Err(SqlError::from_words(error)),
            Outcome::Nothing | Outcome::Bytes(_) => Err(failed("there is no answer".to_owned())),
        }
    }
}

fn failed(detail: String) -> SqlError {
    SqlError {
        kind: SqlErrorKind::Failed,
        detail,
    }
}

/// `[[text, [parameter, …]], …]`.
///
/// JavaScript has no integers, and SQLite would read its numbers as floating-point ones, which divide differently and
/// are exact to 2⁵³ only. So they are passed as digits and become numbers in the database.
fn encode(statements: Vec<Statement>) -> String {
    let statements = statements.into_iter().map(|statement| {
        let mut text = statement.text.into_owned();
        let mut parameters = Vec::with_capacity(statement.parameters.len());
        let numbered = statement.parameters.into_iter().enumerate();
        for (index, parameter) in numbered {
            parameters.push(match parameter {
                SqlValue::Null => Json::Null,
                SqlValue::Real(number) => Json::from(number),
                SqlValue::Text(text) => Json::from(text),
                SqlValue::Integer(number) => {
                    text = whole(&text, index + 1);
                    Json::from(number.to_string())
                }
            });
        }
        Json::Array(vec![Json::from(text), Json::Array(parameters)])
    });
    Json::Array(statements.collect()).to_string()
}

/// The statement with a cast around every `?number`.
fn whole(text: &str, number: usize) -> String {
    let placeholder = format!("?{number}");
    let mut parts = text.split(placeholder.as_str());
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `?1` must not match in `?12`.
        if part.starts_with(|next: char| next.is_ascii_digit()) {
            result.push_str(&placeholder);
        } else {
            result.push_str("CAST(");
            result.push_str(&placeholder);
            result.push_str(" AS INTEGER)");
        }
        result.push_str(part);
    }
    result
}

fn decode(answer: &str) -> Result<Vec<Vec<SqlRow>>, SqlError> {
    let answers: Vec<Vec<Vec<Json>>> = serde_json::from_str(answer)
        .map_err(|error| failed(format!("the answer cannot be read: {error}")))?;
    let rows = |rows: Vec<Vec<Json>>| {
        let row = |row: Vec<Json>| row.into_iter().map(value).collect();
        rows.into_iter().map(row).collect()
    };
    answers.into_iter().map(rows).collect()
}

fn value(json: Json) -> Result<SqlValue, SqlError> {
    Ok(match json {
        Json::Null => SqlValue::Null,
        Json::String(text) => SqlValue::Text(text),
        Json::Number(number) => match number.as_i64() {
            Some(number) => SqlValue::Integer(number),
            None => SqlValue::Real(number.as_f64().unwrap_or_default()),
        },
        _ => {
            let detail = "a column holds bytes, which the gateway never writes";
            return Err(failed(detail.to_owned()));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_travel_as_digits_and_are_cast_back() {
        let statement = Statement::new("SELECT ?1, ?12, (?1), ?2 LIMIT ?3")
            .with(i64::MAX)
            .with("?1")
            .with(50_u64);
        assert_eq!(
            encode(vec![statement]),
            r#"[["SELECT CAST(?1 AS INTEGER), ?12, (CAST(?1 AS INTEGER)), ?2 LIMIT CAST(?3 AS INTEGER)",["9223372036854775807","?1","50"]]]"#
        );
        let statement = Statement {
            parameters: vec![SqlValue::Null, SqlValue::Real(0.5)],
            ..Statement::new("SELECT ?1, ?2")
        };
        assert_eq!(encode(vec![statement]), r#"[["SELECT ?1, ?2",[null,0.5]]]"#);
    }

    #[test]
    fn rows_come_back_with_their_types() {
        let row = vec![
            SqlValue::Integer(7),
            SqlValue::Real(0.5),
            SqlValue::Text("a".to_owned()),
            SqlValue::Null,
        ];
        assert_eq!(
            decode(r#"[[[7,0.5,"a",null]],[]]"#),
            Ok(vec![vec![row], vec![]])
        );
        assert!(decode("[[[[1]]]]").is_err());
        assert!(decode("").is_err());
    }
}
