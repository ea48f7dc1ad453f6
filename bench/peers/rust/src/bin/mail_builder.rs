//! mail-builder, composing only; with `FREESMTP_BENCH=anew` each message has a buffer of its own, else one is kept.

use std::hint::black_box;

use bench_peers::{Meter, Work};
use mail_send::mail_builder::MessageBuilder;

fn main() {
    let work = Work::from_args();
    // What a program has at hand before it composes.
    let given = work.given();
    let next = given.iter().cycle().take(work.count);
    let anew = std::env::var("FREESMTP_BENCH").is_ok_and(|how| how == "anew");
    let meter = Meter::new();
    let mut bytes = Vec::new();
    for (recipient, subject) in next {
        let message = MessageBuilder::new()
            .from("sender@example.test")
            .to(recipient.as_str())
            .subject(subject.as_str())
            .text_body(work.text.as_str());
        if anew {
            drop(black_box(message.write_to_vec().expect("composed")));
        } else {
            bytes.clear();
            message.serialize(&mut bytes);
            black_box(&bytes);
        }
    }
    meter.report(work.count);
}
