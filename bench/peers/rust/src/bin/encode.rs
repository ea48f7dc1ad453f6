//! What base64-simd and memcpy do with the same content, in megabytes for each second of the processor.

use std::hint::black_box;

use bench_peers::Meter;

const SIZE: usize = 4 << 20;

fn main() {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let bytes: Vec<u8> = noise.take(SIZE).collect();
    // Without lines, which mail needs and it does not write.
    println!("base64-simd={:.0}", throughput(|| base64_simd::STANDARD.encode_type::<Vec<u8>>(&bytes)));
    println!("memcpy={:.0}", throughput(|| bytes.clone()));
}

fn throughput(encode: impl Fn() -> Vec<u8>) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..12 {
        let meter = Meter::new();
        drop(black_box(encode()));
        best = best.max(meter.megabytes(SIZE));
    }
    best
}
