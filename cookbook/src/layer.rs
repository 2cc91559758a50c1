use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fairgate::Semaphore;
use tower::{Layer, Service};

#[derive(Clone)]
pub struct LimitLayer(pub Arc<Semaphore>);

/// Acquires a permit when a request is sent, not when the service is asked whether it is ready.
#[derive(Clone)]
pub struct Limit<S>(S, Arc<Semaphore>);

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit(inner, self.0.clone())
    }
}

impl<R, S> Service<R> for Limit<S>
where
    R: Send + 'static,
    S: Service<R, Future: Send> + Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Self(mut inner, slots) = self.clone();
        Box::pin(async move {
            let _slot = slots.acquire().await.expect("never closed");
            poll_fn(|cx| inner.poll_ready(cx)).await?;
            inner.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use smol::LocalExecutor;
    use smol::future::{block_on, poll_once, yield_now};
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::simulation::run_until_idle;

    /// The bound: at most as many requests are in the inner service as there are permits, and every permit is available
    /// while no request is.
    #[test]
    fn a_permit_is_held_exactly_while_a_request_is_served() {
        let (slots, inside) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
        let serve = {
            let (slots, inside) = (slots.clone(), inside.clone());
            move |n: u32| {
                let (slots, inside) = (slots.clone(), inside.clone());
                async move {
                    assert!(inside.fetch_add(1, SeqCst) < 3, "more requests are served than permits exist");
                    assert!(slots.available_permits() < 3);
                    yield_now().await;
                    inside.fetch_sub(1, SeqCst);
                    Ok::<_, Infallible>(n + 1)
                }
            }
        };
        let service = ServiceBuilder::new().layer(LimitLayer(slots.clone())).service(service_fn(serve));

        let mut idle: Vec<_> = (0..100).map(|_| service.clone()).collect();
        for service in &mut idle {
            block_on(ServiceExt::<u32>::ready(service)).unwrap();
        }
        assert_eq!(slots.available_permits(), 3, "a service that is ready and idle holds no permit");

        let executor = LocalExecutor::new();
        let calls: Vec<_> = (0..20).map(|n| executor.spawn(service.clone().oneshot(n))).collect();
        run_until_idle(&executor);
        for (n, call) in (0..).zip(calls) {
            assert_eq!(block_on(call), Ok(n + 1));
        }
        assert_eq!(slots.available_permits(), 3);
    }

    #[test]
    fn a_caller_that_cancels_loses_no_permit() {
        let slots = Arc::new(Semaphore::new(1));
        let pending = service_fn(|()| std::future::pending::<Result<(), Infallible>>());
        let service = LimitLayer(slots.clone()).layer(pending);
        let mut calls = [(); 3].map(|()| Some(Box::pin(service.clone().oneshot(()))));
        for call in calls.iter_mut().flatten() {
            assert!(block_on(poll_once(call)).is_none());
        }
        assert_eq!((slots.available_permits(), slots.waiters()), (0, 2));
        // The first is being served. The second is granted its permit, and cancelled before it is polled.
        calls[0] = None;
        calls[1] = None;
        assert!(block_on(poll_once(calls[2].as_mut().unwrap())).is_none());
        assert_eq!((slots.available_permits(), slots.waiters()), (0, 0));
        calls[2] = None;
        assert_eq!(slots.available_permits(), 1);
    }
}
