//! The body of a response to the client: signals the component's side when the client disconnects early.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Response, header};
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::host::Client;

/// A body from a component, or a text of the host's own.
pub struct ReplyBody {
    inner: Option<WasiBody>,
    text: Option<Bytes>,
    client: Option<Client>,
    /// Bytes until the announced length is reached: the server does not ask for more after it.
    left: Option<u64>,
}

impl ReplyBody {
    /// A text of the host's own.
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self {
            inner: None,
            text: Some(text.into()),
            client: None,
            left: None,
        }
    }

    /// A component's response, watched until its end.
    pub fn watch(response: Response<WasiBody>, method: &Method, client: Client) -> Response<Self> {
        let length = response.headers().get(header::CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let status = response.status().as_u16();
        let bodiless = method == Method::HEAD
            || matches!(status, 204 | 304)
            || response.body().is_end_stream();
        response.map(|body| {
            let mut reply = Self {
                inner: Some(body),
                text: None,
                client: Some(client),
                left,
            };
            if bodiless || left == Some(0) {
                reply.complete();
            }
            reply
        })
    }

    fn complete(&mut self) {
        if let Some(mut client) = self.client.take() {
            client.satisfy();
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text))));
        };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && frame.data_ref().is_some_and(Bytes::is_empty)
        {
            // HTTP/2 would queue a frame for each, without any flow control; the next one is sent later.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match &frame {
            None if self.client.as_ref().is_some_and(Client::is_broken) => {
                // Otherwise a body without a length would look complete.
                return Poll::Ready(Some(Err(Error::InternalError(None))));
            }
            None => self.complete(),
            Some(Ok(frame)) => {
                let sent = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.left = self.left.map(|left| left.saturating_sub(sent));
                if self.left == Some(0) {
                    self.complete();
                }
            }
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Some(inner) => inner.is_end_stream(),
            None => self.text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.text) {
            (Some(inner), _) => inner.size_hint(),
            (None, Some(text)) => SizeHint::with_exact(text.len() as u64),
            (None, None) => SizeHint::with_exact(0),
        }
    }
}
