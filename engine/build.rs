//! Tells cargo that the migrations are compiled in, so that a changed one rebuilds the crate.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
