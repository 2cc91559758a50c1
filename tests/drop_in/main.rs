//! Code written for tokio, async-lock or asyncio, with ours in place of theirs: `docs/migrating.md` as tests.
//! Where the page says "the same", one source runs on both; where it names a difference, both sides of it are
//! shown.

/// Code as it is.
mod on_tokio {
    use tokio::sync::*;

    include!("rows.rs");
}

/// The same code, its `use` line changed.
mod on_fairgate {
    use fairgate::*;

    include!("rows.rs");
}

mod differences;
mod from_async_lock;
mod from_asyncio;
