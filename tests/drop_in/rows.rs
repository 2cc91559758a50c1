// `main.rs` includes this file twice, with the types of tokio and with those of fairgate. Each test is a row of
// `docs/migrating.md` that says "the same".

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use futures_lite::future::{block_on, poll_once};

/// The output of a future that is ready at its first poll. Panics instead of waiting.
fn now<T>(future: impl Future<Output = T>) -> T {
    block_on(poll_once(future)).expect("ready at the first poll")
}

fn panics<T>(run: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}

#[test]
fn a_semaphore_may_be_static() {
    static POOL: Semaphore = Semaphore::const_new(3);
    assert_eq!(POOL.available_permits(), 3);
}

#[test]
fn more_permits_than_the_maximum_panic() {
    assert!(panics(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)));
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert!(panics(|| semaphore.add_permits(1)));
}

#[test]
fn permits_are_added_and_available_ones_forgotten() {
    let semaphore = Semaphore::new(1);
    semaphore.add_permits(2);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(10), 3);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn dropping_a_permit_releases_it() {
    let semaphore = Semaphore::new(5);
    let one = now(semaphore.acquire()).unwrap();
    let three = now(semaphore.acquire_many(3)).unwrap();
    assert_eq!(semaphore.available_permits(), 1);
    drop((one, three));
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn a_request_for_zero_permits_never_waits_and_fails_when_closed() {
    let semaphore = Semaphore::new(0);
    let mut waiting = pin!(semaphore.acquire());
    assert!(block_on(poll_once(waiting.as_mut())).is_none());
    assert_eq!(now(semaphore.acquire_many(0)).unwrap().num_permits(), 0);
    assert_eq!(semaphore.try_acquire_many(0).unwrap().num_permits(), 0);
    semaphore.close();
    assert!(now(semaphore.acquire_many(0)).is_err());
    assert!(matches!(semaphore.try_acquire_many(0), Err(TryAcquireError::Closed)));
}

#[test]
fn a_failed_try_returns_the_reason() {
    let semaphore = Semaphore::new(2);
    assert!(matches!(semaphore.try_acquire_many(3), Err(TryAcquireError::NoPermits)));
    let two = semaphore.try_acquire_many(2).unwrap();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(two);
    semaphore.close();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
}

#[test]
fn owned_permits_move_to_other_threads() {
    let semaphore = Arc::new(Semaphore::new(4));
    let permits = [
        now(semaphore.clone().acquire_owned()).unwrap(),
        now(semaphore.clone().acquire_many_owned(1)).unwrap(),
        semaphore.clone().try_acquire_owned().unwrap(),
        semaphore.clone().try_acquire_many_owned(1).unwrap(),
    ];
    assert_eq!(semaphore.available_permits(), 0);
    std::thread::spawn(move || drop(permits)).join().unwrap();
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn threads_can_block_on_permits() {
    let semaphore = Arc::new(Semaphore::new(0));
    let thread = {
        let semaphore = semaphore.clone();
        std::thread::spawn(move || {
            drop(semaphore.blocking_acquire().unwrap());
            drop(semaphore.blocking_acquire_many(2).unwrap());
            drop(semaphore.clone().blocking_acquire_owned().unwrap());
            semaphore.blocking_acquire_many_owned(2).unwrap().forget();
        })
    };
    semaphore.add_permits(2);
    thread.join().unwrap();
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn closing_fails_pending_and_later_acquires() {
    let semaphore = Arc::new(Semaphore::new(1));
    let held = semaphore.try_acquire().unwrap();
    let mut waiting = pin!(semaphore.acquire());
    let mut waiting_owned = pin!(semaphore.clone().acquire_owned());
    assert!(block_on(poll_once(waiting.as_mut())).is_none());
    assert!(block_on(poll_once(waiting_owned.as_mut())).is_none());
    assert!(!semaphore.is_closed());
    semaphore.close();
    semaphore.close();
    assert!(semaphore.is_closed());
    let failed: AcquireError = now(waiting).unwrap_err();
    assert_eq!(failed.to_string(), "semaphore closed");
    assert!(now(waiting_owned).is_err());
    assert!(now(semaphore.acquire()).is_err());
    assert!(semaphore.blocking_acquire().is_err());
    drop(held);
    assert_eq!(semaphore.available_permits(), 1, "permits are released to a closed semaphore");
}

#[test]
fn waiters_are_granted_in_order_and_not_overtaken() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let (mut first, mut second) = (pin!(semaphore.acquire()), pin!(semaphore.acquire()));
    assert!(block_on(poll_once(first.as_mut())).is_none());
    assert!(block_on(poll_once(second.as_mut())).is_none());
    drop(held);
    assert!(semaphore.try_acquire().is_err(), "the permit is granted to the first");
    assert!(block_on(poll_once(second.as_mut())).is_none());
    let first = now(first).unwrap();
    drop(first);
    now(second).unwrap().forget();
}

#[test]
fn a_large_front_request_keeps_small_ones_waiting() {
    let semaphore = Semaphore::new(1);
    let (mut large, mut small) = (pin!(semaphore.acquire_many(2)), pin!(semaphore.acquire()));
    assert!(block_on(poll_once(large.as_mut())).is_none());
    assert!(block_on(poll_once(small.as_mut())).is_none());
    semaphore.add_permits(1);
    assert!(block_on(poll_once(small.as_mut())).is_none());
    drop(now(large).unwrap());
    drop(now(small).unwrap());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn dropping_a_granted_future_passes_its_permit_on() {
    let semaphore = Semaphore::new(0);
    let mut second = pin!(semaphore.acquire());
    {
        let mut first = pin!(semaphore.acquire());
        assert!(block_on(poll_once(first.as_mut())).is_none());
        assert!(block_on(poll_once(second.as_mut())).is_none());
        semaphore.add_permits(1); // granted to the first, which is dropped without a poll
    }
    drop(now(second).unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_permit_is_split_merged_and_forgotten() {
    let (semaphore, other) = (Semaphore::new(5), Semaphore::new(5));
    let mut permit = semaphore.try_acquire_many(3).unwrap();
    assert!(std::ptr::eq(permit.semaphore(), &semaphore));
    assert!(permit.split(4).is_none());
    let two = permit.split(2).unwrap();
    assert_eq!((permit.num_permits(), two.num_permits()), (1, 2));
    permit.merge(two);
    assert_eq!(permit.split(3).unwrap().num_permits(), 3);
    assert_eq!(permit.num_permits(), 0);
    assert!(panics(|| permit.merge(other.try_acquire().unwrap())));
    assert_eq!(other.available_permits(), 5);
    semaphore.try_acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn an_owned_permit_is_split_merged_and_forgotten() {
    let (semaphore, other) = (Arc::new(Semaphore::new(5)), Arc::new(Semaphore::new(5)));
    let mut permit = semaphore.clone().try_acquire_many_owned(3).unwrap();
    assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
    assert!(permit.split(4).is_none());
    let two = permit.split(2).unwrap();
    permit.merge(two);
    assert_eq!(permit.num_permits(), 3);
    assert!(panics(|| permit.merge(other.clone().try_acquire_owned().unwrap())));
    assert_eq!(other.available_permits(), 5);
    permit.forget();
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn the_errors_display_and_debug_the_same() {
    fn is_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let semaphore = Semaphore::new(0);
    let none = semaphore.try_acquire().unwrap_err();
    semaphore.close();
    let closed = semaphore.try_acquire().unwrap_err();
    let failed = now(semaphore.acquire()).unwrap_err();
    let mutex = Mutex::new(0);
    let _held = mutex.try_lock().unwrap();
    let locked: TryLockError = mutex.try_lock().unwrap_err();
    is_error(&none);
    is_error(&failed);
    is_error(&locked);
    assert_eq!(format!("{none:?} {closed:?}"), "NoPermits Closed");
    assert_eq!(format!("{locked:?}"), "TryLockError(())");
    assert_eq!(none.to_string(), "no permits available");
    assert_eq!(closed.to_string(), "semaphore closed");
    assert_eq!(failed.to_string(), "semaphore closed");
    assert_eq!(locked.to_string(), "operation would block");
}

/// Types in fields, in signatures and with user-defined traits.
#[allow(dead_code, reason = "compiling is the test")]
mod types {
    use super::*;

    pub(super) struct Slots<'a> {
        borrowed: SemaphorePermit<'a>,
        owned: OwnedSemaphorePermit,
        why: Result<AcquireError, TryAcquireError>,
    }

    pub(super) struct Guards<'a, T> {
        borrowed: MutexGuard<'a, T>,
        owned: OwnedMutexGuard<T>,
        mapped: MappedMutexGuard<'a, u8>,
        owned_mapped: OwnedMappedMutexGuard<T, u8>,
        owned_whole: OwnedMappedMutexGuard<T>,
        why: TryLockError,
    }

    trait Ticket {}
    impl Ticket for SemaphorePermit<'_> {}
    impl Ticket for OwnedSemaphorePermit {}
    impl<T> Ticket for MutexGuard<'_, T> {}
    impl<T> Ticket for OwnedMutexGuard<T> {}
    impl<T> Ticket for MappedMutexGuard<'_, T> {}
    impl<T, U> Ticket for OwnedMappedMutexGuard<T, U> {}

    /// The lifetime can shrink.
    fn shorter<'a>(permit: SemaphorePermit<'static>) -> SemaphorePermit<'a> {
        permit
    }

    fn first<'a>(guard: MutexGuard<'a, Vec<u8>>) -> MappedMutexGuard<'a, u8> {
        MutexGuard::map(guard, |list| &mut list[0])
    }

    async fn boxed(semaphore: &Semaphore) -> Result<SemaphorePermit<'_>, Box<dyn std::error::Error + '_>> {
        Ok(semaphore.acquire_many(2).await?)
    }
}

#[test]
fn the_types_are_send_and_sync_as_before() {
    fn everything<T: Send + Sync + Unpin>() {}
    fn send_and_sync<T: Send + Sync>(_: &T) {}
    everything::<Semaphore>();
    everything::<types::Slots<'_>>();
    everything::<Mutex<u8>>();
    everything::<types::Guards<'_, u8>>();
    let (semaphore, mutex) = (Arc::new(Semaphore::new(1)), Arc::new(Mutex::new(1)));
    send_and_sync(&semaphore.acquire());
    send_and_sync(&semaphore.clone().acquire_owned());
    send_and_sync(&mutex.lock());
    send_and_sync(&mutex.clone().lock_owned());
}

#[test]
fn a_mutex_is_created_and_consumed() {
    static COUNT: Mutex<u8> = Mutex::const_new(1);
    assert_eq!(*COUNT.try_lock().unwrap(), 1);
    let mut mutex = Mutex::new(vec![1]);
    mutex.get_mut().push(2);
    assert_eq!(mutex.into_inner(), [1, 2]);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
    assert_eq!(Mutex::from(7).into_inner(), 7);
}

#[test]
fn a_mutex_is_locked_in_every_way() {
    let mutex = Arc::new(Mutex::new(0));
    *now(mutex.lock()) += 1;
    *mutex.try_lock().unwrap() += 1;
    *now(mutex.clone().lock_owned()) += 1;
    *mutex.clone().try_lock_owned().unwrap() += 1;
    *mutex.blocking_lock() += 1;
    *mutex.clone().blocking_lock_owned() += 1;
    let guard = now(mutex.lock());
    assert!(mutex.try_lock().is_err());
    assert!(mutex.clone().try_lock_owned().is_err());
    assert_eq!(*guard, 6);
}

#[test]
fn a_lock_is_handed_off_in_order() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock().unwrap();
    let (mut first, mut second) = (pin!(mutex.lock()), pin!(mutex.lock()));
    assert!(block_on(poll_once(first.as_mut())).is_none());
    assert!(block_on(poll_once(second.as_mut())).is_none());
    drop(held);
    assert!(mutex.try_lock().is_err());
    assert!(block_on(poll_once(second.as_mut())).is_none());
    drop(now(first));
    drop(now(second));
}

#[test]
fn a_panic_unlocks_without_poisoning() {
    let mutex = Mutex::new(1);
    assert!(panics(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("while it is locked");
    }));
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn unsized_values_can_be_locked() {
    let slice: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    slice.try_lock().unwrap()[0] = 7;
    assert_eq!(*slice.clone().try_lock_owned().unwrap(), [7, 2, 3]);
    let any: Arc<Mutex<dyn std::fmt::Debug + Send>> = Arc::new(Mutex::new("any"));
    assert_eq!(format!("{:?}", any.try_lock().unwrap()), "\"any\"");
}

#[test]
fn a_mutex_and_its_guards_show_the_value() {
    let mutex = Arc::new(Mutex::new(5));
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 5 }");
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
    let mapped = MutexGuard::map(guard, |value| value);
    assert_eq!(format!("{mapped:?} {mapped}"), "5 5");
    drop(mapped);
    let owned = mutex.clone().try_lock_owned().unwrap();
    assert_eq!(format!("{owned:?} {owned}"), "5 5");
    let mapped = OwnedMutexGuard::map(owned, |value| value);
    assert_eq!(format!("{mapped:?} {mapped}"), "5 5");
}

#[test]
fn a_guard_is_mapped_twice() {
    let mutex = Mutex::new((vec![1, 2], "two"));
    let guard = mutex.try_lock().unwrap();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    let list = MutexGuard::map(guard, |pair| &mut pair.0);
    let mut second = MappedMutexGuard::map(list, |list| &mut list[1]);
    *second += 1;
    let second = MappedMutexGuard::try_map(second, |_| None::<&mut ()>).unwrap_err();
    let whole = MappedMutexGuard::try_map(second, |part| Some(part)).unwrap();
    assert!(mutex.try_lock().is_err());
    drop(whole);
    let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |pair| pair.0.get_mut(7)).unwrap_err();
    assert_eq!(guard.0, [1, 3]);
    let first = MutexGuard::try_map(guard, |pair| pair.0.first_mut()).unwrap();
    assert_eq!(*first, 1);
}

#[test]
fn an_owned_guard_is_mapped_twice() {
    let mutex = Arc::new(Mutex::new((vec![1, 2], "two")));
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    let list = OwnedMutexGuard::map(guard, |pair| &mut pair.0);
    let mut second = OwnedMappedMutexGuard::map(list, |list| &mut list[1]);
    *second += 1;
    let second = OwnedMappedMutexGuard::try_map(second, |_| None::<&mut ()>).unwrap_err();
    let whole = OwnedMappedMutexGuard::try_map(second, |part| Some(part)).unwrap();
    assert!(mutex.try_lock().is_err());
    drop(whole);
    let guard = mutex.clone().try_lock_owned().unwrap();
    let guard = OwnedMutexGuard::try_map(guard, |pair| pair.0.get_mut(7)).unwrap_err();
    assert_eq!(guard.0, [1, 3]);
    let first = OwnedMutexGuard::try_map(guard, |pair| pair.0.first_mut()).unwrap();
    assert_eq!(*first, 1);
}

#[test]
fn a_map_whose_closure_panics_unlocks() {
    let mutex = Mutex::new(1);
    fn broken(_: &mut u8) -> &mut u8 {
        panic!("no part")
    }
    assert!(panics(|| drop(MutexGuard::map(mutex.try_lock().unwrap(), broken))));
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn tasks_share_a_semaphore_and_a_mutex() {
    let (slots, total) = (Arc::new(Semaphore::new(2)), Arc::new(Mutex::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let job = |n| {
            let (slots, total) = (slots.clone(), total.clone());
            async move {
                let _slot = slots.acquire_owned().await.expect("never closed");
                tokio::task::yield_now().await;
                *total.lock().await += n;
            }
        };
        let tasks: Vec<_> = (1..=10).map(|n| tokio::spawn(job(n))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*total.try_lock().unwrap(), 55);
    assert_eq!(slots.available_permits(), 2);
}

/// As libraries store it.
#[test]
fn a_future_may_be_boxed() {
    type Turn =
        std::pin::Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send + Sync>>;
    let semaphore = Arc::new(Semaphore::new(1));
    let mut turn: Turn = Box::pin(semaphore.clone().acquire_owned());
    drop(now(turn.as_mut()).unwrap());
    turn = Box::pin(semaphore.clone().acquire_many_owned(1));
    assert!(now(turn).is_ok());
}
