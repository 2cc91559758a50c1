use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use fairgate::{OwnedSemaphorePermit, Semaphore};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower::Service;

/// Limits the requests that are served. As a layer: `tower::layer::layer_fn(move |inner| Limit { inner, .. })`.
#[derive(Clone)]
pub struct Limit<S> {
    pub inner: S,
    pub slots: Arc<Semaphore>,
    /// Refuses a request with status 503 if as many are queued already.
    pub max_waiters: usize,
    /// Whether a slot is held until the body of the response has been sent, or only until its head is there.
    pub with_body: bool,
}

/// A body that holds its slot until it is dropped: by the server, once it has been sent or the client has gone away.
pub struct Sending<B> {
    body: B,
    _slot: Option<OwnedSemaphorePermit>,
}

impl<R, S, B> Service<R> for Limit<S>
where
    R: Send + 'static,
    S: Service<R, Response = Response<B>, Future: Send> + Clone + Send + 'static,
    B: Default,
{
    type Response = Response<Sending<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let Self { mut inner, slots, max_waiters, with_body } = self.clone();
        Box::pin(async move {
            let Ok(slot) = slots.acquire_owned().max_waiters(max_waiters).await else {
                let mut refused = Response::new(Sending { body: B::default(), _slot: None });
                *refused.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                return Ok(refused);
            };
            poll_fn(|cx| inner.poll_ready(cx)).await?;
            let response = inner.call(request).await?;
            Ok(response.map(|body| Sending { body, _slot: with_body.then_some(slot) }))
        })
    }
}

impl<B: Body + Unpin> Body for Sending<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

    /// A body of a few bytes, sent one by one.
    #[derive(Default)]
    struct Bytes(u8);

    impl Body for Bytes {
        type Data = &'static [u8];
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<&'static [u8]>, Infallible>>> {
            if self.0 == 0 {
                return Poll::Ready(None);
            }
            self.0 -= 1;
            Poll::Ready(Some(Ok(Frame::data(b"."))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.into())
        }
    }

    fn limit<S>(inner: S, slots: &Arc<Semaphore>, with_body: bool) -> Limit<S> {
        Limit { inner, slots: slots.clone(), max_waiters: 100, with_body }
    }

    async fn three_bytes(_: u32) -> Result<Response<Bytes>, Infallible> {
        yield_now().await;
        Ok(Response::new(Bytes(3)))
    }

    /// The bound: a slot is held while the request is served, and with `with_body` until the body is dropped.
    #[test]
    fn a_body_that_is_being_sent_holds_its_slot() {
        let slots = Arc::new(Semaphore::new(2));
        let service = limit(service_fn(three_bytes), &slots, true);
        let mut first = block_on(service.clone().oneshot(1)).unwrap().into_body();
        let second = block_on(service.clone().oneshot(2)).unwrap();
        assert_eq!(first.size_hint().exact(), Some(3));
        let mut third = Box::pin(service.clone().oneshot(3));
        assert!(block_on(poll_once(&mut third)).is_none());
        assert!(block_on(poll_fn(|cx| Pin::new(&mut first).poll_frame(cx))).is_some());
        assert!(
            block_on(poll_once(&mut third)).is_none(),
            "the head and a byte are not the whole response"
        );
        drop(second); // the client has gone away
        let third = block_on(third).unwrap();
        while block_on(poll_fn(|cx| Pin::new(&mut first).poll_frame(cx))).is_some() {}
        drop((first, third));
        assert_eq!(slots.available_permits(), 2);

        let heads = limit(service_fn(three_bytes), &slots, false);
        let responses: Vec<_> = (0..10).map(|n| block_on(heads.clone().oneshot(n)).unwrap()).collect();
        assert_eq!((responses.len(), slots.available_permits()), (10, 2));
    }

    /// The bound: at most as many requests are in the inner service as there are permits.
    #[test]
    fn a_service_that_is_ready_holds_no_slot() {
        let (slots, inside) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
        let serve = {
            let inside = inside.clone();
            move |n: u32| {
                let inside = inside.clone();
                async move {
                    assert!(inside.fetch_add(1, SeqCst) < 3, "more requests are served than permits exist");
                    let response = three_bytes(n).await;
                    inside.fetch_sub(1, SeqCst);
                    response
                }
            }
        };
        let layer = tower::layer::layer_fn(|inner| limit(inner, &slots, true));
        let service = ServiceBuilder::new().layer(layer).service(service_fn(serve));
        let mut idle: Vec<_> = (0..100).map(|_| service.clone()).collect();
        for service in &mut idle {
            block_on(ServiceExt::<u32>::ready(service)).unwrap();
        }
        assert_eq!(slots.available_permits(), 3);

        let executor = LocalExecutor::new();
        let calls: Vec<_> = (0..20).map(|n| executor.spawn(service.clone().oneshot(n))).collect();
        for call in calls {
            drop(block_on(executor.run(call)));
        }
        run_until_idle(&executor);
        assert_eq!((slots.available_permits(), inside.load(SeqCst)), (3, 0));
    }

    #[test]
    fn a_caller_that_cancels_loses_no_permit() {
        let slots = Arc::new(Semaphore::new(1));
        let pending = service_fn(|()| std::future::pending::<Result<Response<Bytes>, Infallible>>());
        let service = limit(pending, &slots, true);
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

    #[test]
    fn a_full_queue_and_a_close_are_answered_with_503() {
        let slots = Arc::new(Semaphore::new(1));
        let service = Limit { max_waiters: 0, ..limit(service_fn(three_bytes), &slots, true) };
        let first = block_on(service.clone().oneshot(1)).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(block_on(service.clone().oneshot(2)).unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        slots.close();
        assert_eq!(block_on(service.oneshot(3)).unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
