//! Sending a request. Owns when one is sent a second time because its connection was already closed.

use http::Response;

use crate::ports::{Clock, SendError, SendErrorKind, Upstream};
use crate::units::Timestamp;

/// A call that met the end of a kept connection fails within this time, in milliseconds. Later the upstream has the
/// request, and may have processed it.
const STALE_WITHIN_MS: u64 = 2_000;

/// Makes a call, and repeats it once if the first one met an idle connection that the upstream had closed. `on_repeat`
/// gets the first error. Nothing is repeated after `deadline`.
pub async fn send<P: Upstream + Clock>(
    ports: &P,
    deadline: Timestamp,
    mut call: impl AsyncFnMut() -> Result<Response<P::Body>, SendError>,
    on_repeat: impl FnOnce(&SendError),
) -> Result<Response<P::Body>, SendError> {
    let began = ports.now();
    match call().await {
        Err(error) if error.kind == SendErrorKind::MaybeStale => {
            let now = ports.now();
            if now.since_ms(began) > STALE_WITHIN_MS || now >= deadline {
                return Err(error);
            }
            on_repeat(&error);
            call().await
        }
        outcome => outcome,
    }
}
