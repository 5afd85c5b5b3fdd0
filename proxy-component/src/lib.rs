//! The component that clients talk to: `/`, `/health` and `/v1`. Owns the instance's gateway; every
//! decision is the core's, every call to the host is `gateway_spin`'s.
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::rc::Rc;

use gateway_core::config::seal::MasterKey;
use gateway_core::config::startup;
use gateway_core::proxy::{self, Gateway};
use gateway_spin::wasip3;
use gateway_spin::wasip3::exports::http::handler::Guest;
use gateway_spin::wasip3::http::types::{ErrorCode, Request, Response};
use gateway_spin::{Authority, SettingError, SpinPorts, configure_log, serve, setting};

thread_local! {
    /// Holds the configuration's copy in memory, for as long as the host keeps the instance.
    static GATEWAY: OnceCell<Rc<Gateway<SpinPorts>>> = const { OnceCell::new() };
}

struct Proxy;

wasip3::http::service::export!(Proxy);

impl Guest for Proxy {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        serve(request, Authority::Unread, async |request| {
            let gateway = gateway().await;
            proxy::handle(&gateway, request).await
        })
        .await
    }
}

/// The instance's gateway. First requests that come together each start it; the first that has done so
/// makes the gateway that all of them use.
async fn gateway() -> Rc<Gateway<SpinPorts>> {
    if let Some(gateway) = GATEWAY.with(|cell| cell.get().cloned()) {
        return gateway;
    }
    match start().await {
        // Not kept: the configuration in the variable is tried again with the next request.
        Ok((master_key, false)) => Rc::new(Gateway::new(SpinPorts, master_key)),
        Ok((master_key, true)) => GATEWAY.with(|cell| {
            Rc::clone(cell.get_or_init(|| Rc::new(Gateway::new(SpinPorts, master_key))))
        }),
        // Not kept: the next request may be able to read it.
        Err(error) => Rc::new(Gateway::new(SpinPorts, Err(error.to_string()))),
    }
}

/// What an instance does before its first request: reads its variables, and applies the configuration in them. Also gives
/// whether that is done for good.
async fn start() -> Result<(Result<Option<MasterKey>, String>, bool), SettingError> {
    configure_log().await?;
    let text = setting("master_key").await?.unwrap_or_default();
    let master_key = MasterKey::parse(&text).map_err(|error| error.to_string());
    let Some(text) = setting("config").await? else {
        return Ok((master_key, true));
    };
    let protection = master_key.as_ref().map(Option::as_ref);
    let is_final = startup::apply(&SpinPorts, &text, protection.map_err(String::as_str)).await;
    Ok((master_key, is_final))
}
