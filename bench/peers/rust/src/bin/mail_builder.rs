//! mail-builder, composing only.

use std::hint::black_box;

use bench_peers::{Meter, Work};
use mail_send::mail_builder::MessageBuilder;

fn main() {
    let work = Work::from_args();
    let meter = Meter::new();
    for i in 0..work.count {
        let bytes = MessageBuilder::new()
            .from("sender@example.test")
            .to(format!("r{i}@example.test"))
            .subject(format!("Message {i}"))
            .text_body(work.text.as_str())
            .write_to_vec()
            .expect("composed");
        drop(black_box(bytes));
    }
    meter.report(work.count);
}
