//! Reads a request's body, bounded. Owns the limit's enforcement, not its size.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;

use crate::error::{Case, GatewayError};
use crate::joined::Joined;

/// The whole body, at most `limit` bytes. A length that is announced above the limit is refused unread;
/// a body in one piece is not copied.
pub async fn read<B>(headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    let announced: Option<usize> = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut body = pin!(body);
    let mut joined = Joined::new(limit).expecting(announced.unwrap_or(0));
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            Case::InvalidJson.error(format!("The request's body broke off: {error}."))
        })?;
        if let Ok(data) = frame.into_data() {
            joined.push(data).map_err(|_| too_large(limit))?;
        }
    }
    Ok(joined.finish())
}

fn too_large(limit: usize) -> GatewayError {
    Case::RequestTooLarge.error(format!(
        "The request's body is over the limit of {limit} bytes."
    ))
}
