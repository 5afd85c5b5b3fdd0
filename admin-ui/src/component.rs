//! The Spin side: one request in, one embedded file out. Must not decide anything.

#[cfg(target_os = "wasi")]
mod wasm {
    use bytes::Bytes;
    use http_body_util::Full;
    use spin_sdk::http::Request;
    use spin_sdk::http_service;

    use crate::files::FILES;
    use crate::serve::respond;

    #[http_service]
    async fn handle(request: Request) -> anyhow::Result<http::Response<Full<Bytes>>> {
        let path = request.uri().path();
        let response = respond(FILES, request.method(), path, request.headers());
        Ok(response.map(Full::new))
    }
}
