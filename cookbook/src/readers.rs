use fairgate::{Semaphore, SemaphorePermit};

/// Many readers, or one writer.
pub struct ReadersAndWriter {
    max_readers: usize,
    permits: Semaphore,
}

impl ReadersAndWriter {
    pub const fn new(max_readers: usize) -> Self {
        Self { max_readers, permits: Semaphore::new(max_readers) }
    }

    pub async fn read(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("never closed")
    }

    pub async fn write(&self) -> SemaphorePermit<'_> {
        self.permits.acquire_many(self.max_readers).await.expect("never closed")
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use smol::future::{block_on, poll_once};

    use super::*;

    /// The bound: a writer waits only for the readers and writers before it.
    #[test]
    fn a_writer_is_alone_and_is_not_starved_by_readers() {
        let lock = ReadersAndWriter::new(1000);
        let readers = [block_on(lock.read()), block_on(lock.read())];
        let mut writer = pin!(lock.write());
        assert!(block_on(poll_once(writer.as_mut())).is_none());
        let mut later = [(); 3].map(|()| Box::pin(lock.read()));
        for reader in &mut later {
            assert!(block_on(poll_once(reader)).is_none(), "a later reader overtakes the writer");
        }
        drop(readers);
        let written = block_on(poll_once(writer)).expect("no reader is left");
        for reader in &mut later {
            assert!(block_on(poll_once(reader)).is_none(), "a reader runs beside the writer");
        }
        drop(written);
        let together: Vec<_> =
            later.iter_mut().map(|reader| block_on(poll_once(reader)).unwrap()).collect();
        assert_eq!(together.len(), 3);
    }
}
