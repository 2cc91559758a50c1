//! A mutex is unlocked once, when the last of its guard is dropped, whatever the guard was turned into.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use fairgate::{Guard, MappedGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

/// Makes each test three: of a mutex that is borrowed, shared, and of one thread alone. `$owner()` leads to a mutex of
/// a pair, and `$free()` says whether it is unlocked; it panics if two can lock it.
macro_rules! for_each_handle {
    ($($(#[$doc:meta])* fn $test:ident($owner:ident, $free:ident) $body:block)*) => {
        for_each_handle! { @ borrowed, |mutex| &mutex; $($test $owner $free $body)* }
        for_each_handle! { @ owned, |mutex| Arc::new(mutex); $($test $owner $free $body)* }
        for_each_handle! { @ local, |mutex| Rc::new(mutex); $($test $owner $free $body)* }
    };
    (@ $module:ident, |$mutex:ident| $lead:expr; $($test:ident $owner:ident $free:ident $body:block)*) => {
        mod $module {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let $mutex = Mutex::new((1, "one".to_string()));
                    let lead = $lead;
                    #[allow(clippy::clone_on_copy, reason = "one of them is a reference")]
                    let $owner = || lead.clone();
                    let $free = || {
                        let guard = Mutex::try_lock_from($owner());
                        assert!(Mutex::try_lock_from($owner()).is_err(), "two have locked it");
                        guard.is_ok()
                    };
                    $body
                }
            )*
        }
    };
}

fn panics<R>(what: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(what)).is_err()
}

for_each_handle! {
    /// P16: a guard was dropped twice, or not at all, when the closure panicked.
    fn a_map_that_panics_unlocks_once(owner, free) {
        let guard = Mutex::try_lock_from(owner()).unwrap();
        assert!(panics(|| Guard::map(guard, |_| -> &mut () { panic!("the closure's own") })));
        assert!(free());
        let guard = Mutex::try_lock_from(owner()).unwrap();
        assert!(panics(|| Guard::try_map(guard, |_| -> Option<&mut ()> { panic!("the closure's own") })));
        assert!(free());
    }

    /// P16: of a mapped guard, too.
    fn a_map_of_a_part_that_panics_unlocks_once(owner, free) {
        let part = || Guard::map(Mutex::try_lock_from(owner()).unwrap(), |pair| &mut pair.0);
        let guard = part();
        assert!(panics(|| MappedGuard::map(guard, |_| -> &mut () { panic!("the closure's own") })));
        assert!(free());
        let guard = part();
        assert!(panics(|| MappedGuard::try_map(guard, |_| -> Option<&mut ()> { panic!("its own") })));
        assert!(free());
    }

    /// P16: a part that is not there leaves the guard as it was.
    fn a_try_map_that_finds_nothing_returns_the_same_guard(owner, free) {
        let guard = Mutex::try_lock_from(owner()).unwrap();
        let mut guard = Guard::try_map(guard, |_| None::<&mut i32>).unwrap_err();
        guard.0 += 1;
        assert!(!free());
        let part = Guard::try_map(guard, |pair| Some(&mut pair.1)).unwrap();
        let mut part = MappedGuard::try_map(part, |_| None::<&mut u8>).unwrap_err();
        part.push('!');
        assert!(!free());
        drop(part);
        assert!(free());
        assert_eq!(*Mutex::try_lock_from(owner()).unwrap(), (2, "one!".to_string()));
    }

    fn a_part_of_a_part_keeps_the_mutex_locked_and_hands_it_on(owner, free) {
        let guard = Mutex::try_lock_from(owner()).unwrap();
        let part = MappedGuard::map(Guard::map(guard, |pair| &mut pair.1), |text| text.as_mut_str());
        let mut next = pin!(Mutex::lock_from(owner()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert_eq!(&*part, "one");
        drop(part);
        assert!(!free(), "it was handed on");
        assert!(next.as_mut().poll(&mut cx).is_ready());
        assert!(free());
    }

    /// P29: a lock poisoned by a panic in its critical section. Nothing is poisoned, the value is as the panic left it.
    fn a_panic_while_it_is_locked_unlocks_and_poisons_nothing(owner, free) {
        let doomed = || {
            let mut guard = Mutex::try_lock_from(owner()).unwrap();
            guard.0 = 7;
            let _part = Guard::map(guard, |pair| &mut pair.1);
            panic!("in the critical section");
        };
        assert!(panics(doomed));
        assert!(free());
        assert_eq!(Mutex::try_lock_from(owner()).unwrap().0, 7);
    }
}

#[test]
fn guards_lead_back_to_their_mutex() {
    let mutex = Mutex::new(1);
    assert!(std::ptr::eq(MutexGuard::mutex(&mutex.try_lock().unwrap()), &mutex));
    let mutex = Arc::new(Mutex::new((1, 2)));
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    let part = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
    assert!(Arc::ptr_eq(OwnedMappedMutexGuard::mutex(&part), &mutex));
}

/// P15: what the guard owns keeps the value alive, and drops it with the last.
#[test]
fn an_owned_part_keeps_the_whole_alive() {
    let value = Arc::new(());
    let mutex = Arc::new(Mutex::new((value.clone(), 5)));
    let mut part = OwnedMutexGuard::map(mutex.clone().try_lock_owned().unwrap(), |pair| &mut pair.1);
    drop(mutex);
    assert_eq!(Arc::strong_count(&value), 2);
    *part += 1;
    assert_eq!(*part, 6);
    drop(part);
    assert_eq!(Arc::strong_count(&value), 1);
}
