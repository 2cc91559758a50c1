//! The real crate.

use std::any::Any;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use fairgate::futures::{Acquire as Request, Lock};
use fairgate::{Mutex, Semaphore};

use super::inside::quietly;
use super::{Acquire, Acquired, Closed, Gate, Permit, Waiting};

impl Gate for Semaphore {
    fn acquire(self: Rc<Self>, n: usize) -> Waiting {
        Box::pin(FairAcquire(Box::pin(Semaphore::acquire_from(self, n))))
    }

    fn add(&self, n: usize) {
        self.add_permits(n);
    }

    fn available(&self) -> usize {
        self.available_permits()
    }

    fn owed(&self) -> usize {
        self.owed()
    }

    fn inside(&self) -> String {
        format!("{self:?}")
    }
}

struct FairAcquire(Pin<Box<Request<Rc<Semaphore>>>>);

impl Future for FairAcquire {
    type Output = Acquired;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(|permit| match permit {
            Ok(permit) => Ok(Box::new(permit) as Box<dyn Permit>),
            Err(_) => Err(Closed),
        })
    }
}

impl Acquire for FairAcquire {
    fn is_granted(&self) -> bool {
        self.0.is_granted()
    }
}

impl Permit for fairgate::Permit<Rc<Semaphore>> {
    fn forget(self: Box<Self>) {
        (*self).forget();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The guard of a mutex that is reached through an `Rc`.
pub(crate) type MutexPermit<T> = fairgate::Guard<Rc<Mutex<T>>>;

impl<T: 'static> Gate for Mutex<T> {
    fn acquire(self: Rc<Self>, _: usize) -> Waiting {
        Box::pin(FairLock(Box::pin(Mutex::lock_from(self))))
    }

    /// A mutex has one permit for good.
    fn add(&self, _: usize) {}

    fn available(&self) -> usize {
        quietly(|| self.try_lock().is_ok().into())
    }

    fn inside(&self) -> String {
        let locked = quietly(|| self.try_lock().is_err());
        format!("Mutex {{ locked: {locked} }}")
    }
}

struct FairLock<T>(Pin<Box<Lock<Rc<Mutex<T>>>>>);

impl<T: 'static> Future for FairLock<T> {
    type Output = Acquired;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(|guard| Ok(Box::new(guard) as Box<dyn Permit>))
    }
}

impl<T: 'static> Acquire for FairLock<T> {
    fn is_granted(&self) -> bool {
        self.0.is_granted()
    }
}

impl<T: 'static> Permit for MutexPermit<T> {
    /// A mutex has no permits to use up: it stays locked.
    fn forget(self: Box<Self>) {
        std::mem::forget(self);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
