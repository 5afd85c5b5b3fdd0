//! Connections from clients of one thread: accepted, served over HTTP/1.1 or HTTP/2, and closed in order.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use gateway_core::app::{App, Peer};
use http::uri::Scheme;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::spawn_local;

use crate::ports::{Environment, NativePorts};

/// Timeout for a request's whole head, and for idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// Pause after a failed accept: out of file descriptors, an immediate retry would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One thread's instance of the gateway.
pub type Instance = App<NativePorts, NativePorts, Environment>;

/// Runs the tasks of connections on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, task: F) {
        spawn_local(async { drop(task.await) });
    }
}

/// Serves until `stop` resolves, then lets requests in flight finish for `grace`.
pub async fn serve(
    listener: TcpListener,
    instance: Instance,
    local: SocketAddr,
    grace: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut builder = auto::Builder::new(Local);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(HEAD_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let (cut, is_cut) = watch::channel(false);
    let instance = Rc::new(instance);
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let instance = Rc::clone(&instance);
                    begin(&builder, &graceful, is_cut.clone(), instance, stream, client);
                }
                Err(error) => {
                    eprintln!("ai-gateway: a connection to {local} could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        eprintln!("ai-gateway: what was still in flight is cut off");
    }
    // Nobody listens when every connection has ended.
    let _ = cut.send(true);
}

fn begin(
    builder: &auto::Builder<Local>,
    graceful: &GracefulShutdown,
    mut is_cut: watch::Receiver<bool>,
    instance: Rc<Instance>,
    stream: TcpStream,
    client: SocketAddr,
) {
    // Otherwise a small write waits for the peer's delayed acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let peer = Peer {
        address: Some(client.ip()),
        scheme: Some(Scheme::HTTP),
        authority: None,
    };
    let service = service_fn(move |request| {
        let (instance, peer) = (Rc::clone(&instance), peer.clone());
        async move { Ok::<_, Infallible>(instance.handle(peer, request).await) }
    });
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    // Errors on a connection are not logged: resets and timeouts are common, and so are bodies that had to be cut.
    spawn_local(async move {
        tokio::select! {
            _ = connection => {}
            _ = is_cut.wait_for(|is_cut| *is_cut) => {}
        }
    });
}
