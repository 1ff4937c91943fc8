//! Pods as rows of a table.

pub mod columns;
pub mod row;

pub use columns::{Columns, table};
pub use row::Row;
