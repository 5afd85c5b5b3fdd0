//! The component that clients talk to: `/`, `/health` and `/v1`. Owns nothing but the instance: every decision is the
//! core's, every call to the host is `gateway_spin`'s.
#![forbid(unsafe_code)]

use std::rc::Rc;

use gateway_core::app::ProxyApp;
use gateway_spin::wasip3;
use gateway_spin::wasip3::exports::http::handler::Guest;
use gateway_spin::wasip3::http::types::{ErrorCode, Request, Response};
use gateway_spin::{SpinPorts, SpinVariables, serve};

thread_local! {
    /// Lives as long as the host keeps the instance.
    static APP: Rc<ProxyApp<SpinPorts, SpinVariables>> =
        Rc::new(ProxyApp::new(SpinPorts, SpinVariables));
}

struct Proxy;

wasip3::http::service::export!(Proxy);

impl Guest for Proxy {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let app = APP.with(Rc::clone);
        serve(request, async |request| app.handle(request).await).await
    }
}
