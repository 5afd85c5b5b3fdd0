//! The evaluation of the rules by one instance, and the sending of what comes of it. Owns when it runs: beside requests and
//! never before one, at most every [`INTERVAL_MS`], in the instance that first claims it. Hosts need no timers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::INTERVAL_MS;
use super::deliver::deliver;
use super::message::AlertMessage;
use super::outbox::WaitingAlerts;
use super::sources::Sources;
use super::state::AlertState;
use crate::config::seal::MasterKey;
use crate::config::snapshot::Snapshot;
use crate::config::stored;
use crate::database::DatabaseError;
use crate::ids;
use crate::ledger::LedgerEngine;
use crate::ledger::port::Ledger as _;
use crate::ports::{ProxyPorts, StoreKey};
use crate::store::bounded_call;
use crate::timeout::timeout;
use crate::units::Timestamp;

/// So much later than its cause: the record of a request is in the database by then.
const DELAY: Duration = Duration::from_secs(1);
/// A whole evaluation: hosts end work after a response when it takes 30 s.
const TIME_LIMIT: Duration = Duration::from_secs(26);
/// One call of the database or the store.
const CALL_LIMIT: Duration = Duration::from_secs(3);

/// The alerts of one instance.
#[derive(Debug)]
pub struct AlertService<P> {
    ports: P,
    /// Not before: this instance, or as far as it knows another one, has just evaluated the rules.
    next: Cell<Timestamp>,
}

impl<P: ProxyPorts> AlertService<P> {
    /// The service of one instance.
    pub fn new(ports: P) -> Rc<Self> {
        Rc::new(Self {
            ports,
            next: Cell::default(),
        })
    }

    /// A request has ended: evaluates the rules beside the requests, if that is due. Returns at once.
    pub fn notice(self: &Rc<Self>, snapshot: &Rc<Snapshot>) {
        if snapshot.alerts.webhooks.is_empty() || !self.is_due() {
            return;
        }
        let (service, snapshot) = (Rc::clone(self), Rc::clone(snapshot));
        self.ports.spawn(async move {
            if service.is_due_for_all().await {
                service.ports.sleep(DELAY).await;
                service.run(&snapshot).await;
            }
        });
    }

    /// An admin looks at the gateway, which may be without requests: the same with the stored configuration.
    pub fn look(self: &Rc<Self>, master: Option<MasterKey>) {
        if !self.is_due() {
            return;
        }
        let service = Rc::clone(self);
        self.ports.spawn(async move {
            if let Some(snapshot) = service.stored(master.as_ref()).await
                && service.is_due_for_all().await
            {
                service.run(&snapshot).await;
            }
        });
    }

    /// Whether this instance knows of no evaluation that was just now; if so, it counts as the next one.
    fn is_due(&self) -> bool {
        let (now, next) = (self.ports.now(), self.next.get());
        let is_of_another_clock = next.since_ms(now) > INTERVAL_MS;
        if now < next && !is_of_another_clock {
            return false;
        }
        self.next.set(now.plus_ms(INTERVAL_MS));
        true
    }

    /// The stored configuration, if anything can be sent by it. What is wrong with it is the admin API's to say.
    async fn stored(&self, master: Option<&MasterKey>) -> Option<Snapshot> {
        let read = self.ports.read(StoreKey::Config);
        let raw = bounded_call(&self.ports, CALL_LIMIT, read).await.ok()?;
        let document = stored::parse(raw.as_deref()).ok()?;
        let is_active = document.alerts.is_active();
        is_active.then(|| Snapshot::build(document, master, || 0))
    }

    /// Whether no instance has evaluated the rules just now. A read, which takes no lock: instances that live for one
    /// request ask each time.
    async fn is_due_for_all(&self) -> bool {
        let ledger = LedgerEngine::new(self.ports.clone(), CALL_LIMIT);
        let row = ledger.read_alerts().boxed_local().await;
        let now = self.ports.now();
        match row {
            Ok(row) if row.due > now && row.due.since_ms(now) <= INTERVAL_MS => {
                self.next.set(row.due);
                false
            }
            Ok(_) => true,
            Err(error) => {
                self.ports.line(format_args!("alerts: {error}"));
                false
            }
        }
    }

    async fn run(&self, snapshot: &Snapshot) {
        let work = self.evaluate(snapshot).boxed_local();
        match timeout(&self.ports, TIME_LIMIT, work).await {
            Some(Ok(())) => {}
            Some(Err(error)) => self.ports.line(format_args!("alerts: {error}")),
            None => self.ports.line(format_args!(
                "alerts: the evaluation took too long; the next one goes on with it"
            )),
        }
    }

    async fn evaluate(&self, snapshot: &Snapshot) -> Result<(), DatabaseError> {
        let ledger = LedgerEngine::new(self.ports.clone(), CALL_LIMIT);
        let now = self.ports.now();
        let holder = ids::object_id("al", &self.ports);
        let claimed = ledger.claim_alerts(&holder, now, now.plus_ms(INTERVAL_MS));
        let Some(row) = claimed.await? else {
            return Ok(());
        };
        let mut state = AlertState::parse(&row.state);
        let observed = Sources::new(&self.ports, snapshot, now)
            .observe(&mut state)
            .await;
        let plan = &snapshot.alerts;
        let destinations: Vec<&str> = plan.webhooks.iter().map(|it| it.id.as_str()).collect();
        for event in state.observe(&observed, &plan.rules, &destinations, now) {
            let (change, subject) = (event.change, &event.subject);
            self.ports
                .line(format_args!("alerts: {subject}: {change:?}"));
        }
        // Written before anything is sent: what another instance evaluates meanwhile is not sent twice.
        let due = state.outbox.begin(now);
        if !ledger.save_alerts(&holder, &state.encode()).await? || due.is_empty() {
            return Ok(());
        }
        let sent = due
            .iter()
            .map(|(id, waiting)| self.send(snapshot, id, waiting));
        let outcomes = join_all(sent).await;
        for ((id, _), outcome) in due.iter().zip(outcomes) {
            if let Err(error) = &outcome {
                // Escaped: a vendor's words are in it.
                self.ports
                    .line(format_args!("alerts: not sent to {id}: {error:?}"));
            }
            if state.outbox.end(id, outcome, self.ports.now()) {
                self.ports
                    .line(format_args!("alerts: a message to {id} is given up"));
            }
        }
        ledger.save_alerts(&holder, &state.encode()).await?;
        Ok(())
    }

    /// Sends what waits for a destination.
    async fn send(
        &self,
        snapshot: &Snapshot,
        id: &str,
        waiting: &WaitingAlerts,
    ) -> Result<(), String> {
        let mut webhooks = snapshot.alerts.webhooks.iter();
        let Some(webhook) = webhooks.find(|webhook| webhook.id == id) else {
            return Ok(());
        };
        let now = self.ports.now();
        let message = AlertMessage::of(&waiting.events, waiting.left_out, now);
        deliver(&self.ports, webhook, &message).await
    }
}
