//! The helpers that sqlx's tests import from a package that is not published.

use sqlx::{Connection, Database, Pool, pool::PoolOptions};

fn url() -> String {
    std::env::var("DATABASE_URL").expect("neighbours/run sets DATABASE_URL")
}

/// Lets `Any` find the SQLite driver.
pub fn setup_if_needed() {
    sqlx::any::install_default_drivers();
}

/// A connection to the database of the tests.
pub async fn new<DB: Database>() -> sqlx::Result<DB::Connection> {
    setup_if_needed();
    DB::Connection::connect(&url()).await
}

/// A pool of connections to that database.
pub async fn pool<DB: Database>() -> sqlx::Result<Pool<DB>> {
    setup_if_needed();
    PoolOptions::new().min_connections(0).max_connections(5).connect(&url()).await
}
