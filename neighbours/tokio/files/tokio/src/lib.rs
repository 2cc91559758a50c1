//! Holds tokio's tests of its internal semaphore, with fairgate underneath.
#![cfg(test)]

/// The modules by the names under which those tests import them.
#[macro_use]
mod sync {
    pub(crate) mod batch_semaphore;
    pub(crate) use fairgate::Semaphore;
    /// Not the crate itself: a glob import of it would bring its module `futures` into conflict with the crate.
    pub(crate) mod semaphore {
        pub(crate) use fairgate::{OwnedSemaphorePermit, Semaphore};
    }

    /// Pins a local variable, like the macro of that name in tokio.
    #[cfg(feature = "models")]
    macro_rules! pin {
        ($name:ident) => {
            let $name = std::pin::pin!($name);
        };
    }

    mod tests {
        #[cfg(feature = "models")]
        mod loom_semaphore_batch;
        #[cfg(not(feature = "models"))]
        mod semaphore_batch;
    }
}
