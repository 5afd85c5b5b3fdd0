//! Calls to upstream services over `wasi:http/client`. Owns how a request is passed to the host and how the response's
//! body is returned; retries nothing, follows nothing.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::ports::{SendError, Timeouts, Upstream};
use http::StatusCode;
use http::request::Parts;
use http::uri::Scheme as UriScheme;
use http_body::{Body, Frame, SizeHint};
use spin_sdk::wasip3;
use spin_sdk::wasip3::http::types::{
    ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme,
};
use spin_sdk::wasip3::wit_bindgen::{FutureWriter, StreamReader};
use spin_sdk::wasip3::{wit_future, wit_stream};

use crate::body::{Incoming, TrailersResult};
use crate::failure::{broken_body, header_error, refused, send_error};
use crate::instance::SpinPorts;
use crate::serve::{fields, header_map};

/// Sets of timeouts whose options are kept, the newest ones. Channels mostly share one set.
const KEPT_OPTIONS: usize = 16;

thread_local! {
    /// Options by timeouts: copying a set is one call to the host, building it is four.
    static OPTIONS: RefCell<Vec<(Timeouts, RequestOptions)>> = const { RefCell::new(Vec::new()) };
}

/// One write of a request's body; most are smaller.
const WRITE_BYTES: usize = 256 * 1024;

/// The outgoing body of a request.
type Upload = Pin<Box<dyn Future<Output = ()>>>;

/// An upstream's body. Dropping it lets the host end the connection.
pub struct ResponseBody(Incoming<Response>);

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        Pin::new(&mut self.get_mut().0)
            .poll_frame(context)
            .map(|frame| frame.map(|result| result.map_err(|code| broken_body(&code))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Upstream for SpinPorts {
    type Body = ResponseBody;

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<http::Response<ResponseBody>, SendError> {
        let (parts, body) = request.into_parts();
        let is_head = parts.method == http::Method::HEAD;
        let (request, upload) = outgoing(&parts, body, timeouts)?;
        let response = transmit(request, upload)
            .await
            .map_err(|code| send_error(&code))?;
        incoming(response, is_head)
    }
}

/// Builds the host's request, and the work that sends the body.
fn outgoing(
    parts: &Parts,
    body: Bytes,
    timeouts: Timeouts,
) -> Result<(Request, Option<Upload>), SendError> {
    let headers: Fields = fields(&parts.headers).map_err(|error| refused(header_error(&error)))?;
    // Nothing follows the body; the default means the same, when there is no body or it is not read.
    let (after_body, trailers) = wit_future::new(|| Ok(None));
    let (contents, upload) = contents(body, after_body);
    let (request, _sent) = Request::new(headers, contents, trailers, options(timeouts));
    set_target(&request, parts)
        .map_err(|()| refused("the host does not accept the upstream's URL"))?;
    Ok((request, upload))
}

fn set_target(request: &Request, parts: &Parts) -> Result<(), ()> {
    if parts.method != http::Method::GET {
        request.set_method(&Method::from(&parts.method))?;
    }
    let scheme = if parts.uri.scheme() == Some(&UriScheme::HTTP) {
        Scheme::Http
    } else {
        Scheme::Https
    };
    request.set_scheme(Some(&scheme))?;
    request.set_authority(parts.uri.authority().map(http::uri::Authority::as_str))?;
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    request.set_path_with_query(Some(path))
}

fn contents(
    mut body: Bytes,
    after_body: FutureWriter<TrailersResult>,
) -> (Option<StreamReader<u8>>, Option<Upload>) {
    if body.is_empty() {
        return (None, None);
    }
    let (mut writer, reader) = wit_stream::new();
    let upload = async move {
        // In parts, since the core keeps the body for a further attempt: a copy of the whole would double it.
        while !body.is_empty() {
            let part = body.split_to(body.len().min(WRITE_BYTES));
            // The rest was not needed: the upstream has answered already, or the call has failed.
            if !writer.write_all(part.into()).await.is_empty() {
                break;
            }
        }
        drop(writer);
        // The host waits for this already, so that it is read at once; earlier it would cost an event.
        let _unheard = after_body.write(Ok(None)).await;
    };
    (Some(reader), Some(Box::pin(upload)))
}

/// The host's form of `timeouts`.
fn options(timeouts: Timeouts) -> Option<RequestOptions> {
    OPTIONS.with_borrow_mut(|kept| {
        if let Some((_, options)) = kept.iter().find(|(known, _)| *known == timeouts) {
            return Some(options.clone());
        }
        let options = RequestOptions::new();
        // A host without such a timeout answers `not-supported` and has its own limits.
        let _ = options.set_connect_timeout(Some(nanoseconds(timeouts.connect)));
        let _ = options.set_first_byte_timeout(Some(nanoseconds(timeouts.first_byte)));
        let _ = options.set_between_bytes_timeout(Some(nanoseconds(timeouts.idle)));
        if kept.len() == KEPT_OPTIONS {
            kept.remove(0);
        }
        kept.push((timeouts, options.clone()));
        Some(options)
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Sends the request while its body is written. An upstream may answer before it has read the whole body; the rest is
/// then sent in parallel to the response.
async fn transmit(request: Request, mut upload: Option<Upload>) -> Result<Response, ErrorCode> {
    let result = {
        let mut sending = pin!(wasip3::http::client::send(request));
        poll_fn(|context| {
            // The call first: once the host reads the body's stream, a write completes at once.
            let response = sending.as_mut().poll(context);
            if let Some(writing) = &mut upload
                && writing.as_mut().poll(context).is_ready()
            {
                upload = None;
            }
            response
        })
        .await
    };
    if let Some(rest) = upload
        && result.is_ok()
    {
        wasip3::spawn(rest);
    }
    result
}

fn incoming(response: Response, is_head: bool) -> Result<http::Response<ResponseBody>, SendError> {
    let no_http = || broken_body(&ErrorCode::HttpProtocolError);
    let status = StatusCode::from_u16(response.get_status_code()).map_err(|_| no_http())?;
    let headers = header_map(response.get_headers().copy_all()).map_err(|()| no_http())?;
    let bodiless =
        is_head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let body = if bodiless {
        Incoming::empty()
    } else {
        Incoming::new(response, &headers)
    };
    let mut answer = http::Response::new(ResponseBody(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}
