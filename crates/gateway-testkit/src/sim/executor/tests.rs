//! The executor: order, time, and runs that cannot end.

use std::cell::RefCell;
use std::future::{pending, poll_fn};

use super::*;

fn executor() -> Executor {
    Executor::starting_at(Timestamp(1_000))
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines_and_cost_no_time() {
    let executor = executor();
    let story: Rc<RefCell<Vec<(u64, &str)>>> = Rc::default();
    for (name, wait_ms) in [
        ("late", 3_600_000),
        ("soon", 5),
        ("at once", 0),
        ("soon too", 5),
    ] {
        let (own, story) = (executor.clone(), Rc::clone(&story));
        executor.spawn(async move {
            own.sleep_ms(wait_ms).await;
            story.borrow_mut().push((own.now().0, name));
        });
    }
    executor.run(Duration::from_hours(2)).unwrap();
    assert_eq!(
        *story.borrow(),
        [
            (1_000, "at once"),
            (1_005, "soon"),
            (1_005, "soon too"),
            (3_601_000, "late")
        ]
    );
}

#[test]
fn a_task_waits_for_another_and_gets_its_result() {
    let executor = executor();
    let own = executor.clone();
    let sum = executor.block_on(async move {
        let (first, second) = (own.clone(), own.clone());
        let first = own.spawn(async move {
            first.sleep_ms(10).await;
            2
        });
        let second = own.spawn(async move {
            second.sleep_ms(20).await;
            3
        });
        first.await + second.await
    });
    assert_eq!((sum, executor.now()), (5, Timestamp(1_020)));
}

#[test]
fn a_dropped_sleep_does_not_hold_up_the_end() {
    let executor = executor();
    drop(executor.sleep_ms(10));
    let own = executor.clone();
    executor.spawn(async move {
        let mut long = Box::pin(own.sleep_ms(1_000_000));
        poll_fn(|context| {
            assert!(long.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    });
    executor.run(Duration::from_secs(1)).unwrap();
    assert_eq!(executor.now(), Timestamp(1_000));
}

#[test]
fn a_task_that_wakes_itself_goes_on() {
    let executor = executor();
    let mut left = 10;
    executor.spawn(poll_fn(move |context| {
        left -= 1;
        if left == 0 {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    executor.run(Duration::ZERO).unwrap();
}

#[test]
fn a_run_that_cannot_end_tells_why() {
    let executor = executor();
    executor.spawn(pending::<()>());
    assert_eq!(
        executor.run(Duration::from_secs(1)),
        Err(Stuck::Asleep {
            tasks: 1,
            at: Timestamp(1_000)
        })
    );

    let executor = self::executor();
    executor.spawn(executor.sleep_ms(2_000));
    let too_late = executor.run(Duration::from_secs(1)).unwrap_err();
    assert_eq!(
        too_late,
        Stuck::TooLate {
            tasks: 1,
            at: Timestamp(2_000)
        }
    );
    executor
        .run(Duration::from_secs(3))
        .expect("nothing was lost by the limit");

    let executor = self::executor();
    executor.spawn(poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    assert_eq!(
        executor.run(Duration::from_secs(1)),
        Err(Stuck::Spinning {
            at: Timestamp(1_000)
        })
    );
}
