//! Who logs in: an address, and a device that is known. Owns under which of them an attempt is counted; the counts are the
//! throttle's.

use http::request::Parts;

use super::device::{self, Device};
use super::guard;
use super::session_secret::{SessionSecret, derive};
use super::throttle::{self, Stranger};
use super::{forwarded, session};
use crate::config::bounds::MAX_PASSWORD_BYTES as MAX_BYTES;
use crate::config::stored;
use crate::error::GatewayError;
use crate::ports::{AdminPorts, StoreKey};
use crate::reply::Reply;

/// How long the random ranking of waiting clients is valid, when there are fewer appointments than clients.
const RANKED_FOR_MS: u64 = 10 * 60_000;

/// The client of a login.
#[derive(Debug)]
pub struct LoginClient {
    /// Its address; empty where the host does not say.
    pub address: String,
    device: Option<Device>,
}

/// Where an attempt was counted.
#[derive(Clone, Copy, Debug)]
pub enum CountedIn {
    /// For the known device.
    ForDevice,
    /// For the address.
    ForAddress,
}

impl LoginClient {
    /// The client of this request, and the device that it is known as.
    pub async fn of<P: AdminPorts>(ports: &P, head: &Parts, device: Option<Device>) -> Self {
        // Clients that cannot be distinguished can still log in, so a configuration that cannot be read is no reason to fail.
        let proxies = if forwarded::is_forwarded(&head.headers) {
            let stored = ports.read(StoreKey::Config).await.unwrap_or_default();
            stored::trusted_proxies(stored.as_deref())
        } else {
            Vec::new()
        };
        Self {
            address: guard::client_address(head, &proxies),
            device,
        }
    }

    /// Counts an attempt as failed, or refuses it with 429. `given`: what is the same for the same guess.
    pub async fn admit<P: AdminPorts>(
        &self,
        ports: &P,
        secret: &SessionSecret,
        given: &str,
    ) -> Result<CountedIn, GatewayError> {
        if let Some(device) = &self.device
            && throttle::admit_device(ports, &device.id()).await
        {
            return Ok(CountedIn::ForDevice);
        }
        let given = given.as_bytes();
        // Longer ones than a password can be are all the same.
        let given = given.get(..MAX_BYTES).unwrap_or(given);
        let [high, low, ..] = derive(secret, "guess", given);
        let hour = ports.now().0 / RANKED_FOR_MS;
        let place = format!("{}\0{hour}", self.address);
        let [a, b, c, d, ..] = derive(secret, "rank", place.as_bytes());
        let stranger = Stranger {
            address: &self.address,
            guess: u16::from_be_bytes([high, low]),
            rank: u32::from_be_bytes([a, b, c, d]),
        };
        throttle::admit(ports, &stranger).await?;
        Ok(CountedIn::ForAddress)
    }

    /// The attempt that was counted as failed was none.
    pub async fn forgive<P: AdminPorts>(&self, ports: &P, counted: CountedIn) {
        match (counted, &self.device) {
            (CountedIn::ForDevice, Some(device)) => {
                throttle::forgive_device(ports, &device.id()).await;
            }
            _ => throttle::forgive(ports, &self.address).await,
        }
    }
    /// Gives the client of a right login the cookie of a known device.
    pub fn remember<P: AdminPorts>(
        self,
        ports: &P,
        reply: &mut Reply,
        head: &Parts,
        secret: &SessionSecret,
    ) {
        let device = self.device.unwrap_or_else(|| Device::new(ports));
        let token = device.token(secret, ports.now());
        session::set_cookie(reply, head, device::COOKIE_NAME, &token, device::LIFETIME_S);
    }
}
