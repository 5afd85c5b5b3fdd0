//! Turns: what an instance computes between an answer of the host and its next call. Owns the reading of the clock,
//! which is a call to the host: it is made once per turn, as event loops do (libuv's `uv_now`, nginx's
//! `ngx_current_msec`). A request reads the time more than ten times, in three or four turns.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{SystemTime, UNIX_EPOCH};

use gateway_core::units::Timestamp;

/// The state of the clock.
#[derive(Clone, Copy)]
enum Time {
    /// No turn is in progress, and the time of the last host call is unknown.
    Unbound,
    /// Not read yet in this turn.
    Unread,
    /// The time of this turn.
    Read(Timestamp),
}

thread_local! {
    static TIME: Cell<Time> = const { Cell::new(Time::Unbound) };
}

/// The time of its first read in this turn; outside of turns, the current time.
pub fn now() -> Timestamp {
    TIME.with(|time| match time.get() {
        Time::Read(now) => now,
        Time::Unread => {
            let now = read();
            time.set(Time::Read(now));
            now
        }
        Time::Unbound => read(),
    })
}

fn read() -> Timestamp {
    // A clock before 1970 is invalid; zero makes everything look fresh instead of failing.
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Does `work` so that each of its steps between two waits is a turn.
pub async fn in_turns<Work: Future>(work: Work) -> Work::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        TIME.set(Time::Unread);
        let step = work.as_mut().poll(context);
        TIME.set(Time::Unbound);
        step
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Longer than the clock's unit.
    const A_WHILE: Duration = Duration::from_millis(3);

    #[test]
    fn the_clock_is_past_the_year_2020() {
        assert!(now().unix_seconds() > 1_577_836_800);
    }

    #[test]
    fn time_stops_in_a_turn_and_goes_on_with_the_next() {
        let mut times = Vec::new();
        {
            let times = &mut times;
            let mut steps = 0;
            let work = poll_fn(move |_| {
                steps += 1;
                times.push(now());
                thread::sleep(A_WHILE);
                times.push(now());
                if steps == 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            let mut work = pin!(in_turns(work));
            let mut context = Context::from_waker(Waker::noop());
            assert!(work.as_mut().poll(&mut context).is_pending());
            assert!(work.as_mut().poll(&mut context).is_ready());
        }
        assert_eq!(times[0], times[1]);
        assert_eq!(times[2], times[3]);
        assert!(times[1] < times[2], "{times:?}");
    }

    #[test]
    fn time_goes_on_outside_of_turns() {
        let mut work = pin!(in_turns(async { now() }));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(inside) = work.as_mut().poll(&mut context) else {
            panic!("nothing to wait for");
        };
        thread::sleep(A_WHILE);
        let outside = now();
        assert!(inside < outside);
        thread::sleep(A_WHILE);
        assert!(outside < now());
    }
}
