//! What the server does when its disk fails, and what outlives it.

mod chaos;
mod disk;
