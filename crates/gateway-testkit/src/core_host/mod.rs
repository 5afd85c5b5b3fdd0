//! The core as a process: real connections and real time around the fakes' store and database. It is the third host of
//! the conformance suite, on which a case fails when the core itself is wrong. Owns the serving; what calls to upstreams
//! need is in `upstream`.

mod incoming;
mod ports;
mod upstream;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;

use gateway_core::admin::{self, AdminSettings};
use gateway_core::config::seal::MasterKey;
use gateway_core::config::startup;
use gateway_core::proxy::{self, Gateway};
use gateway_core::reply::Reply;
use gateway_core::secret::Secret;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

use incoming::Drained;
pub use ports::ServedPorts;

/// Instances of the gateway, each on an address of its own; they share store and database, and nothing else.
const INSTANCES: usize = 2;

/// One instance of the gateway.
struct Instance {
    ports: ServedPorts,
    gateway: Rc<Gateway<ServedPorts>>,
    settings: AdminSettings,
}

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
        let instance = Rc::new(instance(&ports).await?);
        serving.push(spawn_local(listen(listener, instance)));
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

async fn instance(ports: &ServedPorts) -> io::Result<Instance> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let master_key =
        MasterKey::parse(&variable("MASTER_KEY").unwrap_or_default()).map_err(io::Error::other)?;
    let settings = AdminSettings {
        password: variable("ADMIN_PASSWORD").map(Secret::new),
        metrics_token: variable("METRICS_TOKEN").map(Secret::new),
        master_key: master_key.clone(),
        ..AdminSettings::default()
    };
    if let Some(text) = variable("CONFIG") {
        // This store never hangs.
        let _ = startup::apply(ports, &text, settings.protection()).await;
    }
    Ok(Instance {
        ports: ports.clone(),
        gateway: Rc::new(Gateway::new(ports.clone(), Ok(master_key))),
        settings,
    })
}

async fn listen(listener: TcpListener, instance: Rc<Instance>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn_local(serve_connection(stream, Rc::clone(&instance)));
    }
}

async fn serve_connection(stream: TcpStream, instance: Rc<Instance>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| {
        let instance = Rc::clone(&instance);
        async move { Ok::<_, Infallible>(answer(&instance, request).await) }
    });
    // An error here is a client that broke off, or a body that had to be cut.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(instance: &Instance, request: Request<Incoming>) -> Reply {
    let request = request.map(Drained::new);
    let path = request.uri().path();
    if path.starts_with("/admin/api") || path == "/metrics" {
        admin::handle(&instance.ports, &instance.settings, request).await
    } else {
        proxy::handle(&instance.gateway, request).await
    }
}
