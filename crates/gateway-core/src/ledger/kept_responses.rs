//! The responses that the gateway keeps. Owns their queue of one instance, when it is written, their encryption, and the
//! search for a conversation. Requests wait for a search only when they name a response, and never for a write.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::LedgerEngine;
use super::kept_response::{KeptContent, KeptExtent, KeptTurn};
use super::port::Ledger as _;
use crate::config::model::{Settings, StoredSecret};
use crate::config::seal::{self, MasterKey};
use crate::database::DatabaseError;
use crate::flusher::{self, Flush, Lease};
use crate::ports::ProxyPorts;
use crate::units::{DAY_MS, MIB};

/// The largest turn that is kept, input and response together.
pub const MAX_TURN_BYTES: usize = 4 * MIB;
/// The largest conversation that is continued.
pub const MAX_CONVERSATION_BYTES: usize = 8 * MIB;
/// The longest one.
pub const MAX_TURNS: u64 = 1_000;

/// How long one write may take.
const WRITE_LIMIT: Duration = Duration::from_secs(6);
/// How long a request waits for one search.
const SEARCH_LIMIT: Duration = Duration::from_secs(4);
/// Another instance may be about to write a turn that is not found; then it is searched for once more.
const SEARCH_AGAIN: Duration = Duration::from_millis(250);
/// Turns that wait at most. More come only when the database does not answer.
const MAX_PENDING: usize = 256;
/// Removed responses that an instance remembers, as their write may be under way.
const MAX_REMOVED: usize = 64;

/// The kept responses of one instance.
#[derive(Debug)]
pub struct KeptResponses<P> {
    ports: P,
    master: Option<MasterKey>,
    writer: LedgerEngine<P>,
    reader: LedgerEngine<P>,
    /// Not written yet, the newest last.
    pending: RefCell<VecDeque<Rc<Pending>>>,
    removed: RefCell<VecDeque<(String, String)>>,
    lease: Lease,
}

#[derive(Debug)]
struct Pending {
    turn: KeptTurn,
    /// Encrypted once, so that the parts of two writes are those of one text; `None` in it: that failed.
    stored: OnceCell<Option<String>>,
}

/// A conversation that was found, as far as it is known without reading all of it.
#[derive(Debug, Default)]
pub struct KeptConversation {
    /// Turns that are not written yet, the newest first.
    recent: Vec<Rc<Pending>>,
    /// The last turn of those that are written.
    last_written: String,
    written: KeptExtent,
}

impl KeptConversation {
    /// Bytes of its content.
    pub fn bytes(&self) -> usize {
        let recent = self.recent.iter().map(|it| it.turn.bytes());
        recent.fold(self.written.bytes, usize::saturating_add)
    }

    /// Whether its first turns are missing.
    pub fn is_broken(&self) -> bool {
        !self.written.missing.is_empty()
    }

    /// Whether it is longer than what can be continued.
    pub fn is_too_long(&self) -> bool {
        self.bytes() > MAX_CONVERSATION_BYTES || self.written.turns >= MAX_TURNS
    }
}

impl<P: ProxyPorts> KeptResponses<P> {
    /// Without a response. With a master key content is encrypted.
    pub fn new(ports: P, master: Option<MasterKey>) -> Self {
        Self {
            writer: LedgerEngine::new(ports.clone(), WRITE_LIMIT),
            reader: LedgerEngine::new(ports.clone(), SEARCH_LIMIT),
            ports,
            master,
            pending: RefCell::default(),
            removed: RefCell::default(),
            lease: Lease::default(),
        }
    }

    /// Whether one more turn may wait.
    pub fn has_room(&self) -> bool {
        self.pending.borrow().len() < MAX_PENDING
    }

    /// Writes a turn beside the requests. Returns at once.
    pub fn record(self: &Rc<Self>, turn: KeptTurn) {
        self.pending.borrow_mut().push_back(Rc::new(Pending {
            turn,
            stored: OnceCell::new(),
        }));
        flusher::start(&self.ports, KeptFlush(Rc::clone(self)));
    }

    /// The conversation that ends with a response of this client key, with at most `most_turns`; `None`: it is not kept.
    pub async fn find(
        &self,
        owner: &str,
        id: &str,
        most_turns: u64,
        settings: &Settings,
    ) -> Result<Option<KeptConversation>, DatabaseError> {
        let mut found = KeptConversation {
            last_written: id.to_owned(),
            ..KeptConversation::default()
        };
        while let Some(pending) = self.pending(owner, &found.last_written) {
            found.last_written.clone_from(&pending.turn.previous);
            found.recent.push(pending);
            if found.last_written.is_empty() || most_turns == 1 {
                found.last_written.clear();
                return Ok(Some(found));
            }
        }
        let since_ms = self.since(settings);
        let mut is_last = !found.recent.is_empty();
        loop {
            let last = &found.last_written;
            let measured = self.reader.measure_kept(owner, last, since_ms, most_turns);
            match measured.await? {
                Some(written) => found.written = written,
                None if !is_last => {
                    is_last = true;
                    self.ports.sleep(SEARCH_AGAIN).await;
                    continue;
                }
                None if found.recent.is_empty() => return Ok(None),
                None => found.written.missing.clone_from(&found.last_written),
            }
            return Ok(Some(found));
        }
    }

    /// The turns of a conversation in clear, the oldest first; `None`: one of them cannot be read.
    pub async fn read(
        &self,
        owner: &str,
        found: &KeptConversation,
        settings: &Settings,
    ) -> Result<Option<Vec<KeptContent>>, DatabaseError> {
        let KeptExtent { turns, .. } = found.written;
        let mut contents = Vec::new();
        if turns > 0 {
            let last = &found.last_written;
            let read = self
                .reader
                .read_kept(owner, last, self.since(settings), turns);
            for mut turn in read.await? {
                let Some(content) = self.open(owner, &turn.id, turn.content) else {
                    return Ok(None);
                };
                turn.content = content;
                contents.push(turn);
            }
        }
        if u64::try_from(contents.len()).unwrap_or_default() != turns {
            return Ok(None);
        }
        let recent = found
            .recent
            .iter()
            .rev()
            .map(|it| &it.turn)
            .map(|turn| KeptContent {
                id: turn.id.clone(),
                model: turn.model.clone(),
                content: turn.content(),
            });
        contents.extend(recent);
        Ok(Some(contents))
    }

    /// Removes a response at once; whether there was one.
    pub async fn remove(&self, owner: &str, id: &str) -> Result<bool, DatabaseError> {
        let was_pending = self.pending(owner, id).is_some();
        let is_other = |it: &Rc<Pending>| !is_of(&it.turn, owner, id);
        self.pending.borrow_mut().retain(is_other);
        self.remember_removed(owner, id);
        let was_written = self.writer.remove_kept(owner, id).await?;
        Ok(was_pending || was_written)
    }

    fn remember_removed(&self, owner: &str, id: &str) {
        let mut removed = self.removed.borrow_mut();
        if removed.len() >= MAX_REMOVED {
            removed.pop_front();
        }
        removed.push_back((owner.to_owned(), id.to_owned()));
    }

    fn since(&self, settings: &Settings) -> u64 {
        let kept_ms = settings.response_record_days * DAY_MS;
        self.ports.now().0.saturating_sub(kept_ms)
    }

    fn pending(&self, owner: &str, id: &str) -> Option<Rc<Pending>> {
        let pending = self.pending.borrow();
        pending
            .iter()
            .find(|it| is_of(&it.turn, owner, id))
            .cloned()
    }

    fn is_removed(&self, turn: &KeptTurn) -> bool {
        let removed = self.removed.borrow();
        removed.iter().any(|(owner, id)| is_of(turn, owner, id))
    }

    #[cold]
    fn open(&self, owner: &str, id: &str, stored: String) -> Option<String> {
        if stored.starts_with('{') {
            return Some(stored);
        }
        let stored = StoredSecret::Sealed(stored);
        let opened = seal::open(self.master.as_ref(), &stored, &sealed_for(owner, id));
        match opened {
            Ok(content) => Some(content.expose().clone()),
            Err(error) => {
                self.ports
                    .line(format_args!("a kept response cannot be read: {error}"));
                None
            }
        }
    }

    #[cold]
    fn seal(&self, turn: &KeptTurn) -> Option<String> {
        let content = turn.content();
        let Some(master) = &self.master else {
            return Some(content);
        };
        let sealed_for = sealed_for(&turn.owner, &turn.id);
        match master.seal(&self.ports, &content, &sealed_for) {
            Ok(StoredSecret::Sealed(sealed)) => Some(sealed),
            _ => None,
        }
    }
}

fn is_of(turn: &KeptTurn, owner: &str, id: &str) -> bool {
    turn.owner == owner && turn.id == id
}

/// What the encrypted content is bound to.
fn sealed_for(owner: &str, id: &str) -> String {
    format!("{owner}/{id}")
}

/// The queue on its way into the database.
struct KeptFlush<P>(Rc<KeptResponses<P>>);

impl<P: ProxyPorts> Flush for KeptFlush<P> {
    type Batch = Rc<Pending>;

    const RETRY_DELAYS: &'static [Duration] = &[
        Duration::from_millis(250),
        Duration::from_secs(2),
        Duration::from_secs(10),
    ];

    fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// Not at all: the next turn may come to another instance at once.
    async fn wait(&self) {}

    /// It stays in the queue until it is written: until then it is found there.
    fn take(&self) -> Option<Self::Batch> {
        self.0.pending.borrow().front().cloned()
    }

    async fn write(&self, batch: &Self::Batch) -> bool {
        let Self(kept) = self;
        let turn = &batch.turn;
        let Some(stored) = batch.stored.get_or_init(|| kept.seal(turn)) else {
            return false;
        };
        if kept.is_removed(turn) {
            return true;
        }
        let mut outcome = kept.writer.append_kept(turn, stored).await;
        if outcome.is_ok() && kept.is_removed(turn) {
            // It was removed while it was written.
            let removed = kept.writer.remove_kept(&turn.owner, &turn.id).await;
            outcome = removed.map(|_| ());
        }
        if let Err(error) = &outcome {
            kept.ports
                .line(format_args!("a kept response is not written yet: {error}"));
        }
        outcome.is_ok()
    }

    async fn finish(&self, batch: Self::Batch, is_written: bool) -> bool {
        let Self(kept) = self;
        let mut pending = kept.pending.borrow_mut();
        pending.retain(|it| !Rc::ptr_eq(it, &batch));
        if !is_written {
            let lost = "a kept response is lost: the database did not take it";
            kept.ports.line(format_args!("{lost}"));
        }
        true
    }

    fn put_back(&self, _batch: Self::Batch) {}
}
