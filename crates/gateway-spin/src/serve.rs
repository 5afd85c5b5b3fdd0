//! One request of the host: in as `http::Request`, out as the core's reply. Owns the conversion of heads;
//! bodies have their own files.

use std::future::Future;
use std::pin::pin;

use gateway_core::peer::Peer;
use gateway_core::reply::Reply;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, HeaderError, Request, Response};

use crate::body::Incoming;
use crate::peer;
use crate::respond::respond;
use crate::turn::in_turns;

/// Answers one request of the host with `answer`, which does not need its peer: that would take one more call to the host.
///
/// The returned response's body is sent after this function has returned, as part of the same task.
pub async fn serve<Answer, Answering>(
    request: Request,
    answer: Answer,
) -> Result<Response, ErrorCode>
where
    Answer: FnOnce(http::Request<Incoming<Request>>) -> Answering,
    Answering: Future<Output = Reply>,
{
    // Pinned here: a future that is passed on by value would be stored twice.
    let answering = pin!(answer(incoming(request)?));
    respond(in_turns(answering).await)
}

/// The same for an `answer` that needs the peer.
pub async fn serve_with_peer<Answer, Answering>(
    request: Request,
    answer: Answer,
) -> Result<Response, ErrorCode>
where
    Answer: FnOnce(Peer, http::Request<Incoming<Request>>) -> Answering,
    Answering: Future<Output = Reply>,
{
    let authority = request.get_authority();
    let request = incoming(request)?;
    let peer = peer::of(request.headers(), authority.as_deref());
    let answering = pin!(answer(peer, request));
    respond(in_turns(answering).await)
}

fn incoming(request: Request) -> Result<http::Request<Incoming<Request>>, ErrorCode> {
    let method =
        Method::try_from(request.get_method()).map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    let path = request
        .get_path_with_query()
        .unwrap_or_else(|| "/".to_owned());
    let uri = Uri::try_from(path).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let headers =
        header_map(request.get_headers().copy_all()).map_err(|()| ErrorCode::HttpProtocolError)?;
    let mut incoming = http::Request::new(Incoming::new(request, &headers));
    *incoming.method_mut() = method;
    *incoming.uri_mut() = uri;
    *incoming.headers_mut() = headers;
    Ok(incoming)
}

/// Header fields as the core reads them. Fails on an invalid name or value.
pub fn header_map(entries: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, ()> {
    let mut headers = HeaderMap::with_capacity(entries.len());
    for (name, value) in entries {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(drop)?;
        headers.append(name, HeaderValue::try_from(value).map_err(drop)?);
    }
    Ok(headers)
}

/// Header fields in the host's form, in one call.
pub fn fields(headers: &HeaderMap) -> Result<Fields, HeaderError> {
    let entries: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    Fields::from_list(&entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_stay_apart_and_in_order() {
        let entries = vec![
            ("Accept".to_owned(), b"a".to_vec()),
            ("x-one".to_owned(), b"1".to_vec()),
            ("accept".to_owned(), b"b".to_vec()),
        ];
        let headers = header_map(entries).unwrap();
        let accepted: Vec<_> = headers.get_all("accept").iter().collect();
        assert_eq!(accepted, ["a", "b"]);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert!(header_map(vec![("bad name".to_owned(), Vec::new())]).is_err());
        assert!(header_map(vec![("x".to_owned(), b"a\nb".to_vec())]).is_err());
    }
}
