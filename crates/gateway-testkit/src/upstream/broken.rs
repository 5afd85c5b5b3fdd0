//! Upstreams that fail before HTTP begins. Owns their sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, SockAddr, Socket, Type};

/// A port that refuses connections. It is bound, so that no other process gets it, but does not listen.
pub struct Refusing {
    address: SocketAddr,
    _socket: Socket,
}

impl Refusing {
    /// Takes a free port of 127.0.0.1.
    pub fn new() -> io::Result<Self> {
        let (socket, address) = bound()?;
        Ok(Self {
            address,
            _socket: socket,
        })
    }

    /// The base URL, ending in `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

/// A port on which connections are neither refused nor established: its queue is full and never emptied.
pub struct Unaccepting {
    address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl Unaccepting {
    /// Takes a free port of 127.0.0.1 and fills its queue.
    pub fn new() -> io::Result<Self> {
        let (socket, address) = bound()?;
        socket.listen(0)?;
        let mut sockets = vec![socket];
        // A backlog of 0 holds one connection on Linux; the second makes sure of it.
        for _ in 0..2 {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            filler.set_nonblocking(true)?;
            // "In progress" is what a non-blocking connect answers when it works.
            drop(filler.connect(&SockAddr::from(address)));
            sockets.push(filler);
        }
        Ok(Self {
            address,
            _sockets: sockets,
        })
    }

    /// The base URL, ending in `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

fn bound() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("the bound socket has no internet address"))?;
    Ok((socket, address))
}
