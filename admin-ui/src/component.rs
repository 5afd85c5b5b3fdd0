//! The Spin side: one request in, one embedded file out. Must not decide anything.

#[cfg(target_os = "wasi")]
mod wasm {
    use bytes::Bytes;
    use http::Method;
    use http_body_util::Full;
    use spin_sdk::http::{IntoResponse as _, Request};
    use spin_sdk::http_service;
    use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Response};
    use spin_sdk::wasip3::wit_future;

    use crate::files::FILES;
    use crate::serve::respond;

    #[http_service]
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.uri().path();
        let response = respond(FILES, request.method(), path, request.headers());
        if request.method() == Method::HEAD {
            return head(&response);
        }
        response.map(Full::new).into_response()
    }

    /// A head without a body. An empty one would be held against the length that is told.
    fn head(response: &http::Response<Bytes>) -> Result<Response, ErrorCode> {
        let entries: Vec<(String, Vec<u8>)> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let headers = Fields::from_list(&entries).map_err(|_| ErrorCode::HttpProtocolError)?;
        let (writer, trailers) = wit_future::new(|| Ok(None));
        let (head, _sent) = Response::new(headers, None, trailers);
        drop(writer);
        head.set_status_code(response.status().as_u16())
            .map_err(|()| ErrorCode::HttpProtocolError)?;
        Ok(head)
    }
}
