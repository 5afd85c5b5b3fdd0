//! The component behind the panel: `/admin/api`, and `/metrics`. Owns the instance's settings; every decision is the
//! core's, every call to the host is `gateway_spin`'s.
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::rc::Rc;

use gateway_core::admin::{self, AdminSettings};
use gateway_core::config::seal::MasterKey;
use gateway_core::config::startup;
use gateway_core::error::ErrorCode;
use gateway_core::secret::Secret;
use gateway_spin::wasip3;
use gateway_spin::wasip3::exports::http::handler::Guest;
use gateway_spin::wasip3::http::types::{ErrorCode as HostErrorCode, Request, Response};
use gateway_spin::{Authority, SettingError, SpinPorts, configure_log, serve, setting};

thread_local! {
    /// Variables do not change while the application runs, so that each instance reads them once.
    static SETTINGS: OnceCell<Rc<AdminSettings>> = const { OnceCell::new() };
}

struct Admin;

wasip3::http::service::export!(Admin);

impl Guest for Admin {
    async fn handle(request: Request) -> Result<Response, HostErrorCode> {
        // Writes are same-origin only, for which the core compares `origin` with `host`.
        serve(
            request,
            Authority::AsHost,
            async |request| match settings().await {
                Ok(settings) => admin::handle(&SpinPorts, &settings, request).await,
                Err(error) => ErrorCode::Misconfigured
                    .error(error.to_string())
                    .into_reply(),
            },
        )
        .await
    }
}

/// The instance's settings; making them applies the configuration that stands in a variable. A failed reading is not kept: the next request may succeed.
async fn settings() -> Result<Rc<AdminSettings>, SettingError> {
    if let Some(settings) = SETTINGS.with(|cell| cell.get().cloned()) {
        return Ok(settings);
    }
    configure_log().await?;
    let password = setting("admin_password").await?.map(Secret::new);
    let metrics_token = setting("metrics_token").await?.map(Secret::new);
    let master_key = setting("master_key").await?.unwrap_or_default();
    let (master_key, master_key_error) = match MasterKey::parse(&master_key) {
        Ok(key) => (key, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let settings = AdminSettings {
        password,
        metrics_token,
        master_key,
        master_key_error,
    };
    if let Some(text) = setting("config").await?
        && !startup::apply(&SpinPorts, &text, settings.protection()).await
    {
        // Not kept: it is tried again with the next request.
        return Ok(Rc::new(settings));
    }
    Ok(SETTINGS.with(|cell| Rc::clone(cell.get_or_init(|| Rc::new(settings)))))
}
