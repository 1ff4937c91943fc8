//! Between the messages of the API and the types of the rules.

pub(crate) mod event;
pub(crate) mod extra;
pub(crate) mod meta;
pub(crate) mod name;
pub(crate) mod spec_in;
pub(crate) mod spec_out;
pub(crate) mod status;
pub(crate) mod time;
pub(crate) mod transition;
