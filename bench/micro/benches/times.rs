//! The time of each case: `cargo bench -p gateway-micro`.

use divan::Bencher;
use gateway_micro::{CASES, Case};

fn main() {
    divan::main();
}

#[divan::bench(args = CASES)]
fn case(bencher: Bencher<'_, '_>, case: &Case) {
    bencher.bench_local((case.prepare)());
}
