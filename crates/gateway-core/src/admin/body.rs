//! Request bodies. Owns their size limit and their syntax, not what they mean.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use serde_json::Value;

use crate::body_buffer::BodyBuffer;
use crate::error::{ErrorCode, GatewayError};
use crate::units::MIB;

/// The largest body of an admin request, in bytes.
const MAX_BODY_BYTES: usize = MIB;
/// The largest body that holds a whole configuration, in bytes: room for the most client keys.
const MAX_CONFIGURATION_BYTES: usize = 64 * MIB;
/// The largest price list, in bytes.
const MAX_FILE_BYTES: usize = 8 * MIB;
/// The largest body that holds a file of another gateway: 12 MB in base64. It is held three times, and Workers have 128 MB.
const MAX_IMPORT_BYTES: usize = 16 * MIB;

/// The body as a JSON object.
pub async fn object<B>(headers: &HeaderMap, body: B) -> Result<Value, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    parse(&read(headers, body, MAX_BODY_BYTES).await?)
}

/// The same where there may be no body: then it is an empty object.
pub async fn optional_object<B>(headers: &HeaderMap, body: B) -> Result<Value, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let bytes = read(headers, body, MAX_BODY_BYTES).await?;
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    parse(&bytes)
}

/// The same for a whole configuration, which may be larger than anything else.
pub async fn configuration<B>(headers: &HeaderMap, body: B) -> Result<Value, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    parse(&read(headers, body, MAX_CONFIGURATION_BYTES).await?)
}

/// The same for a file of another gateway, which is a member of the object.
pub async fn import<B>(headers: &HeaderMap, body: B) -> Result<Value, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    parse(&read(headers, body, MAX_IMPORT_BYTES).await?)
}

/// A file as it is.
pub async fn file<B>(headers: &HeaderMap, body: B) -> Result<Bytes, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    read(headers, body, MAX_FILE_BYTES).await
}

/// The error of a body that is no JSON: where the mistake is, but not its text, since it could be a key.
pub fn not_json(error: &serde_json::Error) -> GatewayError {
    ErrorCode::InvalidJson.error(format!(
        "The body is not valid JSON: line {}, column {}.",
        error.line(),
        error.column()
    ))
}

fn parse(bytes: &[u8]) -> Result<Value, GatewayError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(ErrorCode::InvalidJson.error("The body must be a JSON object."))
    }
}

async fn read<B>(headers: &HeaderMap, body: B, most: usize) -> Result<Bytes, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    let mut body = pin!(body);
    let mut joined = BodyBuffer::new(most);
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            ErrorCode::InvalidJson.error(format!("The body could not be read: {error}."))
        })?;
        if let Ok(data) = frame.into_data() {
            joined.push(data).map_err(|_| too_large(most))?;
        }
    }
    Ok(joined.finish())
}

fn too_large(most: usize) -> GatewayError {
    ErrorCode::RequestTooLarge.error(format!("The body must have at most {most} bytes."))
}
