//! The core as a process: real connections and real time around the fakes' store and database. It is the third host of
//! the conformance suite, on which a case fails when the core itself is wrong, and the smallest host there is. Owns the
//! serving; what calls to upstreams need is in `upstream`.

mod ports;
mod upstream;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;

use gateway_core::app::{App, Peer};
use http::uri::Scheme;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

pub use ports::{Environment, ServedPorts};

/// Instances of the gateway, each with its own address; they share only store and database.
const INSTANCES: usize = 2;

/// One instance of the gateway.
type Instance = App<ServedPorts, ServedPorts, Environment>;

/// Serves until the process is ended. Prints `ready` and the addresses. Variables come from the environment under their
/// names on Workers.
pub fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> io::Result<()> {
    let ports = ServedPorts::new()?;
    let mut addresses = Vec::new();
    let mut serving = Vec::new();
    for _ in 0..INSTANCES {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        addresses.push(listener.local_addr()?.to_string());
        let instance = App::new(ports.clone(), ports.clone(), Environment);
        instance.start().await.map_err(io::Error::other)?;
        serving.push(spawn_local(listen(listener, Rc::new(instance))));
    }
    let mut output = io::stdout().lock();
    writeln!(output, "ready {}", addresses.join(" "))?;
    output.flush()?;
    drop(output);
    for task in serving {
        task.await??;
    }
    Ok(())
}

async fn listen(listener: TcpListener, instance: Rc<Instance>) -> io::Result<()> {
    loop {
        let (stream, address) = listener.accept().await?;
        let peer = Peer {
            address: Some(address.ip()),
            scheme: Some(Scheme::HTTP),
            authority: None,
        };
        spawn_local(serve_connection(stream, peer, Rc::clone(&instance)));
    }
}

async fn serve_connection(stream: TcpStream, peer: Peer, instance: Rc<Instance>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| {
        let (instance, peer) = (Rc::clone(&instance), peer.clone());
        async move { Ok::<_, Infallible>(instance.handle(peer, request).await) }
    });
    // An error here is a client that disconnected, or a body that had to be cut.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
