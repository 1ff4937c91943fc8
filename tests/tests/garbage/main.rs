//! Clients that mean harm, or know no better: the server stays up, its memory bounded, and says
//! what is wrong.

mod fields;
mod noise;
mod requests;
mod watches;
