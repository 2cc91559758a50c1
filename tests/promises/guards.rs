//! A mutex is unlocked exactly once, when its guard is dropped, even if the guard was mapped.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use crate::common::panics;
use fairgate::{Guard, MappedGuard, Mutex, OwnedMutexGuard};

/// Instantiates each test three times, for a mutex that is borrowed, in an `Arc` and in an `Rc`. `$handle()`
/// returns a handle to a mutex around a pair. `$is_unlocked()` returns whether it is unlocked, and panics if it
/// can be locked twice.
macro_rules! for_each_handle {
    ($($(#[$doc:meta])* fn $test:ident($handle:ident, $is_unlocked:ident) $body:block)*) => {
        for_each_handle! { @ borrowed, |mutex| &mutex; $($test $handle $is_unlocked $body)* }
        for_each_handle! { @ arc, |mutex| Arc::new(mutex); $($test $handle $is_unlocked $body)* }
        for_each_handle! { @ rc, |mutex| Rc::new(mutex); $($test $handle $is_unlocked $body)* }
    };
    (@ $module:ident, |$mutex:ident| $original_handle:expr; $($test:ident $handle:ident $is_unlocked:ident $body:block)*) => {
        mod $module {
            use super::*;
            $(
                #[test]
                fn $test() {
                    let $mutex = Mutex::new((1, "one".to_string()));
                    let original_handle = $original_handle;
                    #[allow(clippy::clone_on_copy, reason = "one of them is a reference")]
                    let $handle = || original_handle.clone();
                    let $is_unlocked = || {
                        let guard = Mutex::lock_from($handle()).try_wait();
                        assert!(Mutex::lock_from($handle()).try_wait().is_err(), "it is locked twice");
                        guard.is_ok()
                    };
                    $body
                }
            )*
        }
    };
}

for_each_handle! {
    /// P16: a guard was dropped twice, or not at all, if the closure panicked.
    fn map_unlocks_once_if_its_closure_panics(handle, is_unlocked) {
        let guard = Mutex::lock_from(handle()).try_wait().unwrap();
        assert!(panics(|| Guard::map(guard, |_| -> &mut () { panic!("the closure panics") })));
        assert!(is_unlocked());
        let guard = Mutex::lock_from(handle()).try_wait().unwrap();
        assert!(panics(|| Guard::try_map(guard, |_| -> Option<&mut ()> { panic!("the closure panics") })));
        assert!(is_unlocked());
    }

    /// P16: the same for a mapped guard.
    fn map_of_a_mapped_guard_unlocks_once_if_its_closure_panics(handle, is_unlocked) {
        let mapped = || Guard::map(Mutex::lock_from(handle()).try_wait().unwrap(), |pair| &mut pair.0);
        let guard = mapped();
        assert!(panics(|| MappedGuard::map(guard, |_| -> &mut () { panic!("the closure panics") })));
        assert!(is_unlocked());
        let guard = mapped();
        assert!(panics(|| MappedGuard::try_map(guard, |_| -> Option<&mut ()> { panic!("the closure panics") })));
        assert!(is_unlocked());
    }

    /// P16: the guard stays as it was.
    fn try_map_returns_the_same_guard_if_its_closure_returns_none(handle, is_unlocked) {
        let guard = Mutex::lock_from(handle()).try_wait().unwrap();
        let mut guard = Guard::try_map(guard, |_| None::<&mut i32>).unwrap_err();
        guard.0 += 1;
        assert!(!is_unlocked());
        let mapped = Guard::try_map(guard, |pair| Some(&mut pair.1)).unwrap();
        let mut mapped = MappedGuard::try_map(mapped, |_| None::<&mut u8>).unwrap_err();
        mapped.push('!');
        assert!(!is_unlocked());
        drop(mapped);
        assert!(is_unlocked());
        assert_eq!(*Mutex::lock_from(handle()).try_wait().unwrap(), (2, "one!".to_string()));
    }

    fn a_guard_mapped_twice_keeps_the_mutex_locked_and_then_hands_it_off(handle, is_unlocked) {
        let guard = Mutex::lock_from(handle()).try_wait().unwrap();
        let mapped = MappedGuard::map(Guard::map(guard, |pair| &mut pair.1), |text| text.as_mut_str());
        let mut next = pin!(Mutex::lock_from(handle()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert_eq!(&*mapped, "one");
        drop(mapped);
        assert!(!is_unlocked(), "it is handed off");
        assert!(next.as_mut().poll(&mut cx).is_ready());
        assert!(is_unlocked());
    }

    /// P29: a panic in the critical section poisoned the lock. Here the value stays as the panic left it.
    fn a_panic_in_the_critical_section_unlocks_without_poisoning(handle, is_unlocked) {
        let panicking_section = || {
            let mut guard = Mutex::lock_from(handle()).try_wait().unwrap();
            guard.0 = 7;
            let _part = Guard::map(guard, |pair| &mut pair.1);
            panic!("in the critical section");
        };
        assert!(panics(panicking_section));
        assert!(is_unlocked());
        assert_eq!(Mutex::lock_from(handle()).try_wait().unwrap().0, 7);
    }
}

/// P15: the guard keeps the value alive, and the last handle drops it.
#[test]
fn an_owned_mapped_guard_keeps_the_value_alive() {
    let value = Arc::new(());
    let mutex = Arc::new(Mutex::new((value.clone(), 5)));
    let mut mapped = OwnedMutexGuard::map(mutex.clone().try_lock_owned().unwrap(), |pair| &mut pair.1);
    drop(mutex);
    assert_eq!(Arc::strong_count(&value), 2);
    *mapped += 1;
    assert_eq!(*mapped, 6);
    drop(mapped);
    assert_eq!(Arc::strong_count(&value), 1);
}
