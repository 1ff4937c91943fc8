//! Links the shim at a fixed address.
//!
//! A position-independent program has its 400 KiB of pointers relocated at start, which makes them
//! private memory of every single process. There is one shim per pod, so that was two thirds of what
//! each of them cost. Libraries, heap and stack are still placed at random.

fn main() {
    println!("cargo:rustc-link-arg-bins=-no-pie");
    println!("cargo:rerun-if-changed=build.rs");
}
