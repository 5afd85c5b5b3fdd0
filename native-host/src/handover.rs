//! A restart without a refused connection: the process starts its successor, passes its listening sockets and the lock of
//! the state directory on, and stops when the successor serves. Owns the protocol between the two.
//!
//! A listening socket that is closed resets the connections in its queue, also where another process listens on the same
//! port. Here none is closed: both processes have the same sockets, so that each connection is accepted by one of them.
//!
//! The successor's standard input is a Unix socket. Through it come the files (`SCM_RIGHTS`), and it answers with one byte
//! as soon as it serves. When it ends before, its predecessor reads the end and goes on serving.

use std::env;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::sockets;

/// Marks a successor.
const MARK: &str = "AI_GATEWAY_SUCCESSOR";
/// Files in one message; Linux takes 253.
const MAX_FILES: usize = 250;
/// Threads whose sockets can be passed on: one message has the lock as well.
pub const MAX_SOCKETS: usize = MAX_FILES - 1;
/// The longest start of a successor.
const START: Duration = Duration::from_mins(1);

/// What a successor gets.
pub struct Inheritance {
    /// The lock of the state directory, held.
    pub lock: File,
    /// The listening sockets.
    pub listeners: Vec<TcpListener>,
    /// To the predecessor.
    predecessor: UnixStream,
}

impl Inheritance {
    /// Takes over what a predecessor passes on; `None` in a process that has none.
    pub fn take() -> Result<Option<Self>> {
        if env::var_os(MARK).is_none() {
            return Ok(None);
        }
        let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
        Self::receive(UnixStream::from(stdin))
            .context("nothing was passed on by a predecessor")
            .map(Some)
    }

    fn receive(predecessor: UnixStream) -> Result<Self> {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        recvmsg(
            &predecessor,
            &mut parts,
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let mut files: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                files.extend(rights);
            }
        }
        ensure!(files.len() > 1, "no socket was passed on");
        let lock = File::from(files.remove(0));
        let listeners = files.into_iter().map(sockets::checked);
        Ok(Self {
            lock,
            listeners: listeners.collect::<Result<_>>()?,
            predecessor,
        })
    }

    /// Tells the predecessor that it may stop.
    pub fn is_serving(&mut self) -> Result<()> {
        Ok(self.predecessor.write_all(b"s")?)
    }
}

/// How to start a successor: the same program, arguments and environment, as they were at the start.
pub struct Successor {
    program: PathBuf,
    lock: File,
    listeners: Vec<TcpListener>,
}

impl Successor {
    /// Remembers the program's path, which may lead to a newer version later, and keeps copies of what will be passed on.
    pub fn prepare(lock: File, listeners: &[TcpListener]) -> Result<Self> {
        let listeners = listeners.iter().map(TcpListener::try_clone);
        Ok(Self {
            program: program()?,
            lock,
            listeners: listeners.collect::<Result<_, _>>()?,
        })
    }

    /// Starts it and waits until it serves; returns the number of its process. Whatever fails, this process can go on.
    pub fn start(&self) -> Result<u32> {
        let (ours, theirs) = UnixStream::pair()?;
        self.pass_on(&ours)?;
        let mut command = Command::new(&self.program);
        command
            .args(env::args_os().skip(1))
            .env(MARK, "1")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .stdin(Stdio::from(OwnedFd::from(theirs)));
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        // With the command goes the last copy of the other end.
        drop(command);
        let outcome = wait(ours);
        if outcome.is_err() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        outcome.map(|()| child.id())
    }

    fn pass_on(&self, socket: &UnixStream) -> Result<()> {
        let listeners = self.listeners.iter().map(|listener| listener.as_fd());
        let files: Vec<BorrowedFd<'_>> = std::iter::once(self.lock.as_fd())
            .chain(listeners)
            .collect();
        let message = SendAncillaryMessage::ScmRights(&files);
        let mut space = vec![MaybeUninit::uninit(); message.size()];
        let mut control = SendAncillaryBuffer::new(&mut space);
        ensure!(control.push(message), "too many sockets to pass on");
        sendmsg(
            socket,
            &[IoSlice::new(b"f")],
            &mut control,
            SendFlags::empty(),
        )?;
        Ok(())
    }
}

/// The path that this program was started by, since a link there may lead to a newer version later.
fn program() -> Result<PathBuf> {
    let by_path = env::args_os().next().map(PathBuf::from);
    let by_path = by_path.filter(|path| path.components().count() > 1);
    Ok(match by_path {
        Some(path) => env::current_dir()?.join(path),
        // It was found through PATH.
        None => env::current_exe()?,
    })
}

fn wait(mut socket: UnixStream) -> Result<()> {
    socket.set_read_timeout(Some(START))?;
    socket
        .read_exact(&mut [0])
        .context("the new process did not serve; its log has the reason")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn the_lock_and_the_sockets_arrive_and_work() {
        let folder = tempfile::tempdir().unwrap();
        let lock = File::create(folder.path().join("lock")).unwrap();
        let listeners =
            sockets::bind_all(std::net::SocketAddr::from(([127, 0, 0, 1], 0)), 2).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let successor = Successor::prepare(lock, &listeners).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        successor.pass_on(&ours).unwrap();
        let mut inheritance = Inheritance::receive(theirs).unwrap();
        // The predecessor's copies are closed; the connection waits at one that was passed on.
        drop((listeners, successor));
        let _client = TcpStream::connect(address).unwrap();
        let accepted = inheritance
            .listeners
            .iter()
            .filter(|listener| listener.accept().is_ok());
        assert_eq!(accepted.count(), 1);
        inheritance.is_serving().unwrap();
        wait(ours).unwrap();
    }

    #[test]
    fn a_successor_that_ends_is_noticed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(wait(ours).is_err());
    }
}
