//! What reaches stderr: the host's own lines and the components' output, line by line, prefixed with the component.

use std::{
    io::{self, Write},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// A line longer than this is broken, so that a component cannot fill the host's memory with an unfinished one.
const LINE_BYTES: usize = 16 * 1024;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Silences everything below errors, for the whole process.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Logs an event, unless quiet.
pub fn info(message: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        write_line(message);
    }
}

/// Logs an error.
pub fn error(message: &str) {
    write_line(&format!("error: {message}"));
}

/// A closed stderr is ignored.
fn write_line(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Standard output or error of one component; clones share the unfinished line.
#[derive(Clone)]
pub struct ComponentLog(Arc<Mutex<Line>>);

struct Line {
    prefix: String,
    is_stderr: bool,
    bytes: Vec<u8>,
}

impl ComponentLog {
    /// A log whose lines begin with the component's id.
    pub fn new(id: &str, is_stderr: bool) -> Self {
        Self(Arc::new(Mutex::new(Line {
            prefix: format!("[{id}] "),
            is_stderr,
            bytes: Vec::new(),
        })))
    }

    fn push(&self, bytes: &[u8]) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.push(bytes, write_line);
    }
}

impl Line {
    fn push(&mut self, mut bytes: &[u8], mut write: impl FnMut(&str)) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.bytes.extend_from_slice(&bytes[..at]);
            self.finish(&mut write);
            bytes = &bytes[at + 1..];
        }
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > LINE_BYTES {
            self.finish(&mut write);
        }
    }

    fn finish(&mut self, mut write: impl FnMut(&str)) {
        if !QUIET.load(Ordering::Relaxed) || (self.is_stderr && tells_an_error(&self.bytes)) {
            let text = String::from_utf8_lossy(&self.bytes);
            write(&format!("{}{text}", self.prefix));
        }
        self.bytes.clear();
    }
}

/// Components have no levels on stderr: a line that mentions an error or a panic counts as one.
fn tells_an_error(line: &[u8]) -> bool {
    line.windows(5)
        .any(|word| word.eq_ignore_ascii_case(b"error") || word.eq_ignore_ascii_case(b"panic"))
}

impl IsTerminal for ComponentLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ComponentLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // Written at once: a buffered stream would lose the message of a panic with its instance.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for ComponentLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE_BYTES)
    }
}

impl Pollable for ComponentLog {
    fn ready<'a, 'f>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(std::future::ready(()))
    }
}

impl AsyncWrite for ComponentLog {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_panics_are_distinguished() {
        assert!(tells_an_error(b"thread '<unnamed>' panicked at src/lib.rs"));
        assert!(tells_an_error(b"ERROR: no"));
        assert!(!tells_an_error(b"handled"));
    }

    #[test]
    fn lines_are_joined_and_never_grow_without_end() {
        let log = ComponentLog::new("x", false);
        let mut line = log.0.lock().unwrap();
        let mut push = |bytes: &[u8]| {
            let mut written = Vec::new();
            line.push(bytes, |text| written.push(text.to_owned()));
            written
        };
        assert!(push(b"half").is_empty());
        assert_eq!(push(b" whole\nnext\n"), ["[x] half whole", "[x] next"]);
        assert_eq!(push(&vec![b'a'; LINE_BYTES + 1]).len(), 1);
    }
}
