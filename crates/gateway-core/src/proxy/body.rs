//! Reads a request's body, bounded. Owns the limit's enforcement, not its size.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;

use crate::error::{Case, GatewayError};
use crate::units::MIB;

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
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            Case::InvalidJson.error(format!("The request's body broke off: {error}."))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + joined.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                // What is announced is not trusted with more memory than has been earned by sending.
                joined.reserve(
                    announced
                        .unwrap_or(0)
                        .clamp(first.len() + data.len(), MIB.max(first.len() + data.len())),
                );
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}

fn too_large(limit: usize) -> GatewayError {
    Case::RequestTooLarge.error(format!(
        "The request's body is over the limit of {limit} bytes."
    ))
}
