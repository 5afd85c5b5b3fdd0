//! Exports as CSV, whose body is read from the ledger while it is sent: no more than a page of rows is in memory. Owns the
//! reply and its end; rows and columns are the exports' own.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::error::GatewayError;
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::time_text;
use crate::units::Timestamp;
use crate::wire::csv::{CsvCell, CsvRows};

/// Rows that are read at once.
pub const PAGE_ROWS: u64 = 500;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");

/// A column: its name, and the cell that a row has in it.
pub type CsvColumn<R> = (&'static str, for<'r> fn(&'r R) -> CsvCell<'r>);

/// Rows that come page by page.
pub trait CsvPages: 'static {
    /// Writes the names of the columns.
    fn head(&self, csv: &mut CsvRows);
    /// Writes the next rows, one at least unless these are the last ones; whether there may be more.
    async fn next(&mut self, csv: &mut CsvRows) -> Result<bool, GatewayError>;
}

/// The names of these columns as a row.
pub fn write_head<R>(csv: &mut CsvRows, columns: &[CsvColumn<R>]) {
    csv.push(columns.iter().map(|(name, _)| CsvCell::from(*name)));
}

/// A row with these columns.
pub fn write_row<R>(csv: &mut CsvRows, columns: &[CsvColumn<R>], row: &R) {
    csv.push(columns.iter().map(|(_, cell)| cell(row)));
}

/// Answers with all pages, as a file of this name and day. The first page is read before, so that an error which shows
/// itself there has its status; a later one cuts the connection, so that a part is not taken for the whole.
pub async fn reply<S: CsvPages>(
    name: &str,
    now: Timestamp,
    mut pages: S,
) -> Result<Reply, GatewayError> {
    let mut csv = CsvRows::default();
    pages.head(&mut csv);
    let has_more = pages.next(&mut csv).await?;
    let first = csv.take();
    let body = if has_more {
        let rest = stream::unfold(Some((pages, csv)), async |state| {
            let (mut pages, mut csv) = state?;
            // The log says why it failed.
            let next = pages.next(&mut csv).await.map_err(|_| BrokenBody);
            let piece = next.map(|_| csv.take());
            let is_end = piece.as_ref().is_ok_and(Bytes::is_empty);
            (!is_end).then(|| (piece, (next == Ok(true)).then_some((pages, csv))))
        });
        ReplyBody::Pieces(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    } else {
        ReplyBody::Whole(first)
    };
    Ok(file(name, now, body))
}

/// An answer that is a file of this name and day.
pub fn file(name: &str, now: Timestamp, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::OK;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, MEDIA_TYPE);
    if let Ok(value) = HeaderValue::try_from(disposition(name, now)) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    reply
}

fn disposition(name: &str, now: Timestamp) -> String {
    let time = time_text::format(now);
    let day = time.split('T').next().unwrap_or_default();
    format!("attachment; filename=\"{name}-{day}.csv\"")
}
