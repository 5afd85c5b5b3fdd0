//! Messages to systemd about the state of the service (`sd_notify`). Does nothing elsewhere.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends a message such as `READY=1`. A failure has no consequence but a line in the log.
pub fn notify(message: &str) {
    if let Some(address) = env::var_os("NOTIFY_SOCKET")
        && let Err(error) = send(&address, message)
    {
        crate::logs::note(format_args!("systemd was not notified: {error}"));
    }
}

fn send(address: &OsStr, message: &str) -> std::io::Result<()> {
    // An abstract address begins with a zero byte, for which the environment has an @.
    let address = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_at_either_kind_of_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("ai-gateway-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (socket, address) in [
            (by_path, path.into_os_string()),
            (by_name, format!("@{name}").into()),
        ] {
            send(&address, "READY=1").unwrap();
            let mut bytes = [0; 16];
            let length = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], b"READY=1");
        }
    }
}
