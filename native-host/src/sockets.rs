//! The listening sockets: bound here, or passed on by systemd. Owns how they are divided among the threads.
//!
//! Bound here, each thread has its own socket on the same port (`SO_REUSEPORT`), so that the kernel spreads connections.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// Connections that wait to be accepted, per socket.
pub const BACKLOG: i32 = 1024;
/// The first file that systemd passes on (`SD_LISTEN_FDS_START`).
const FIRST_PASSED: RawFd = 3;
/// More are a mistake.
const MAX_PASSED: RawFd = 64;

/// Binds a socket for each of `count` threads; port 0 takes a free one, the same for all.
pub fn bind_all(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>> {
    let first = bind_one(address).with_context(|| {
        format!("cannot listen on {address}: name another address with --listen")
    })?;
    let local = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(bind_one(local)?);
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> Result<TcpListener> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// The sockets of systemd's socket activation (`LISTEN_FDS`), which systemd keeps open while the service restarts; `None`
/// where there are none. Called once, before any other file is opened.
pub fn of_systemd() -> Result<Option<Vec<TcpListener>>> {
    let number = |name: &str| env::var(name).ok()?.parse::<RawFd>().ok();
    let is_for_us =
        number("LISTEN_PID").is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id()));
    let Some(count) = number("LISTEN_FDS").filter(|count| is_for_us && *count > 0) else {
        return Ok(None);
    };
    ensure!(count <= MAX_PASSED, "LISTEN_FDS={count} is too many");
    (FIRST_PASSED..FIRST_PASSED + count)
        .map(passed)
        .collect::<Result<_>>()
        .map(Some)
}

fn passed(number: RawFd) -> Result<TcpListener> {
    #[expect(
        unsafe_code,
        reason = "systemd passes sockets as numbers of open files, which safe code cannot take over"
    )]
    // SAFETY: the protocol gives these numbers to this process alone, and this runs once, before others are opened.
    let file = unsafe { OwnedFd::from_raw_fd(number) };
    checked(file).with_context(|| format!("the file {number} that systemd passed on"))
}

/// A file that must be a listening TCP socket.
pub fn checked(file: OwnedFd) -> Result<TcpListener> {
    if !sockopt::socket_acceptconn(&file)? {
        bail!("it is not a listening socket");
    }
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC)?;
    let listener = TcpListener::from(file);
    listener.set_nonblocking(true)?;
    // Fails for a socket of another kind.
    listener.local_addr()?;
    Ok(listener)
}

/// Gives each of `count` threads at least one socket, and each socket to at least one thread: none may be left without
/// one that accepts.
pub fn divide(listeners: Vec<TcpListener>, count: usize) -> Result<Vec<Vec<TcpListener>>> {
    let mut shares: Vec<Vec<TcpListener>> = (0..count).map(|_| Vec::new()).collect();
    for (thread, share) in shares.iter_mut().enumerate().skip(listeners.len()) {
        share.push(listeners[thread % listeners.len()].try_clone()?);
    }
    for (index, listener) in listeners.into_iter().enumerate() {
        shares[index % count].push(listener);
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sockets_have_one_port_and_every_thread_has_one() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        for (sockets, threads) in [(3, 3), (1, 4), (5, 2)] {
            let listeners = bind_all(any, sockets).unwrap();
            let port = listeners[0].local_addr().unwrap();
            let shares = divide(listeners, threads).unwrap();
            assert_eq!(shares.len(), threads);
            let all: Vec<_> = shares.iter().flatten().collect();
            assert_eq!(all.len(), sockets.max(threads));
            assert!(shares.iter().all(|share| !share.is_empty()));
            assert!(
                all.iter()
                    .all(|listener| listener.local_addr().unwrap() == port)
            );
        }
    }

    #[test]
    fn a_file_that_is_no_listening_socket_is_rejected() {
        let connected = std::os::unix::net::UnixStream::pair().unwrap().0;
        assert!(checked(OwnedFd::from(connected)).is_err());
    }
}
