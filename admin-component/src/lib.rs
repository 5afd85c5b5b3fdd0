//! The component behind the panel: `/admin/api`, and `/metrics`. Owns nothing but the instance: every decision is the
//! core's, every call to the host is `gateway_spin`'s.
#![forbid(unsafe_code)]

use std::rc::Rc;

use gateway_core::app::AdminApp;
use gateway_spin::wasip3;
use gateway_spin::wasip3::exports::http::handler::Guest;
use gateway_spin::wasip3::http::types::{ErrorCode, Request, Response};
use gateway_spin::{SpinPorts, SpinVariables, serve_with_peer};

thread_local! {
    /// Lives as long as the host keeps the instance.
    static APP: Rc<AdminApp<SpinPorts, SpinVariables>> =
        Rc::new(AdminApp::new(SpinPorts, SpinVariables));
}

struct Admin;

wasip3::http::service::export!(Admin);

impl Guest for Admin {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let app = APP.with(Rc::clone);
        serve_with_peer(request, async |peer, request| {
            app.handle(peer, request).await
        })
        .await
    }
}
