//! Tasks in virtual time. Owns the order in which they run, which is always the same, and the clock: it does not
//! advance while anything can run and jumps to the next deadline when nothing can.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use gateway_core::units::Timestamp;

/// Polls at one point in time after which tasks are taken to wake each other for ever.
const MAX_POLLS_AT_ONCE: u32 = 1_000_000;
/// The virtual time that [`Executor::block_on`] allows: nothing in a single test takes days.
const MAX_BLOCKED: Duration = Duration::from_hours(48);

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Runs tasks on one thread in virtual time. Clones are the same executor.
#[derive(Clone)]
pub struct Executor {
    inner: Rc<Inner>,
}

struct Inner {
    now: Cell<Timestamp>,
    tasks: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    ready: Arc<Ready>,
    timers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
    next_timer: Cell<u64>,
    living: Cell<usize>,
}

struct Slot {
    /// `None` while it is being polled, and once it has ended.
    work: Option<Work>,
    waker: Arc<TaskWaker>,
}

/// Which tasks can go on, first come first served.
#[derive(Default)]
struct Ready(Mutex<VecDeque<usize>>);

impl Ready {
    fn pop(&self) -> Option<usize> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }
}

struct TaskWaker {
    task: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            let mut queue = self.ready.0.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push_back(self.task);
        }
    }
}

/// Why a run does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Tasks are left, and nothing will ever wake one of them.
    Asleep {
        /// How many.
        tasks: usize,
        /// Since when.
        at: Timestamp,
    },
    /// Tasks wake each other without any time going by.
    Spinning {
        /// When.
        at: Timestamp,
    },
    /// Tasks are left at the time at which all were to be over.
    TooLate {
        /// How many.
        tasks: usize,
        /// That time.
        at: Timestamp,
    },
}

impl fmt::Display for Stuck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asleep { tasks, at } => write!(
                formatter,
                "{tasks} tasks wait for something that never happens, at {} ms",
                at.0
            ),
            Self::Spinning { at } => write!(
                formatter,
                "tasks wake each other for ever while the time stays at {} ms",
                at.0
            ),
            Self::TooLate { tasks, at } => write!(
                formatter,
                "{tasks} tasks are not over at {} ms, by when all were to be",
                at.0
            ),
        }
    }
}

impl std::error::Error for Stuck {}

impl Executor {
    /// An executor without tasks whose clock is at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            inner: Rc::new(Inner {
                now: Cell::new(start),
                tasks: RefCell::default(),
                free: RefCell::default(),
                ready: Arc::default(),
                timers: RefCell::default(),
                next_timer: Cell::new(0),
                living: Cell::new(0),
            }),
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Timestamp {
        self.inner.now.get()
    }

    /// Tasks that are not over.
    pub fn living(&self) -> usize {
        self.inner.living.get()
    }

    /// Is over when `milliseconds` have gone by. Dropped before, it leaves nothing behind.
    pub fn sleep_ms(&self, milliseconds: u64) -> Sleep {
        self.sleep_until(self.now().plus_ms(milliseconds))
    }

    /// Is over at `deadline`, or at once when that has gone by.
    pub fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        Sleep {
            executor: self.clone(),
            deadline,
            timer: None,
        }
    }

    /// Starts a task; it first runs when the ones that are ready already have run. It goes on when its handle is
    /// dropped.
    pub fn spawn<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> Task<T> {
        let end = Rc::new(RefCell::new(End {
            output: None,
            waker: None,
        }));
        let task = Task {
            end: Rc::clone(&end),
        };
        self.start(Box::pin(async move {
            let output = work.await;
            let waker = {
                let mut end = end.borrow_mut();
                end.output = Some(output);
                end.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }));
        task
    }

    /// Runs until no task is left, for at most `limit` of virtual time. Tasks that are stuck stay where they are.
    pub fn run(&self, limit: Duration) -> Result<(), Stuck> {
        self.run_until(limit, || self.living() == 0)
    }

    /// Runs `work` to its end, with every other task beside it, and returns what it gives.
    ///
    /// # Panics
    /// When it never ends: a test that hangs must fail with a reason.
    #[expect(clippy::panic, reason = "a test that hangs must fail with a reason")]
    pub fn block_on<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> T {
        let task = self.spawn(work);
        let outcome = self.run_until(MAX_BLOCKED, || task.is_over());
        match (task.take(), outcome) {
            (Some(output), _) => output,
            (None, Err(stuck)) => panic!("{stuck}"),
            (None, Ok(())) => panic!("the task ended without a result"),
        }
    }

    fn run_until(&self, limit: Duration, is_over: impl Fn() -> bool) -> Result<(), Stuck> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let end = self.now().plus_ms(limit_ms);
        let mut polls = 0;
        while !is_over() {
            if let Some(task) = self.inner.ready.pop() {
                polls += 1;
                if polls > MAX_POLLS_AT_ONCE {
                    return Err(Stuck::Spinning { at: self.now() });
                }
                self.poll(task);
                continue;
            }
            let next = self.inner.timers.borrow_mut().pop_first();
            let Some(((deadline, number), waker)) = next else {
                return Err(Stuck::Asleep {
                    tasks: self.living(),
                    at: self.now(),
                });
            };
            if deadline > end {
                let mut timers = self.inner.timers.borrow_mut();
                timers.insert((deadline, number), waker);
                return Err(Stuck::TooLate {
                    tasks: self.living(),
                    at: end,
                });
            }
            if deadline > self.now() {
                self.inner.now.set(deadline);
                polls = 0;
            }
            waker.wake();
        }
        Ok(())
    }

    fn start(&self, work: Work) {
        let inner = &*self.inner;
        let mut tasks = inner.tasks.borrow_mut();
        let task = inner.free.borrow_mut().pop().unwrap_or(tasks.len());
        let waker = Arc::new(TaskWaker {
            task,
            is_queued: AtomicBool::new(false),
            ready: Arc::clone(&inner.ready),
        });
        waker.wake_by_ref();
        let slot = Slot {
            work: Some(work),
            waker,
        };
        match tasks.get_mut(task) {
            Some(place) => *place = slot,
            None => tasks.push(slot),
        }
        inner.living.set(inner.living.get() + 1);
    }

    fn poll(&self, task: usize) {
        let taken = {
            let mut tasks = self.inner.tasks.borrow_mut();
            tasks
                .get_mut(task)
                .and_then(|slot| Some((slot.work.take()?, Arc::clone(&slot.waker))))
        };
        // A task that has ended may still be woken by what it waited for beside its end.
        let Some((mut work, waker)) = taken else {
            return;
        };
        // It is no longer in the queue, so a wake from inside its own poll must put it back.
        waker.is_queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(waker);
        let is_over = work
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready();
        if is_over {
            // What a task owns may wake or spawn others while it is dropped.
            drop(work);
            self.inner.free.borrow_mut().push(task);
            self.inner.living.set(self.inner.living.get() - 1);
        } else if let Some(slot) = self.inner.tasks.borrow_mut().get_mut(task) {
            slot.work = Some(work);
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Executor")
            .field("now", &self.now())
            .field("living", &self.living())
            .finish_non_exhaustive()
    }
}

/// A task's handle: the task's result, once it is there.
pub struct Task<T> {
    end: Rc<RefCell<End<T>>>,
}

struct End<T> {
    output: Option<T>,
    waker: Option<Waker>,
}

impl<T> Task<T> {
    /// Whether its result can be taken.
    pub fn is_over(&self) -> bool {
        self.end.borrow().output.is_some()
    }

    /// Its result, once, if it is over.
    pub fn take(&self) -> Option<T> {
        self.end.borrow_mut().output.take()
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut end = self.end.borrow_mut();
        if let Some(output) = end.output.take() {
            return Poll::Ready(output);
        }
        end.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Task").finish_non_exhaustive()
    }
}

/// A wait for a point in virtual time.
#[derive(Debug)]
pub struct Sleep {
    executor: Executor,
    deadline: Timestamp,
    timer: Option<u64>,
}

impl Sleep {
    fn forget(&mut self) {
        if let Some(number) = self.timer.take() {
            let mut timers = self.executor.inner.timers.borrow_mut();
            timers.remove(&(self.deadline, number));
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.executor.now() >= self.deadline {
            self.forget();
            return Poll::Ready(());
        }
        let inner = Rc::clone(&self.executor.inner);
        let number = *self.timer.get_or_insert_with(|| {
            let number = inner.next_timer.get();
            inner.next_timer.set(number + 1);
            number
        });
        let mut timers = inner.timers.borrow_mut();
        timers.insert((self.deadline, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests;
