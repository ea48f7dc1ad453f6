//! lettre, composing only.

use std::hint::black_box;

use bench_peers::{Meter, Work};
use lettre::{Message, message::header::ContentType};

fn main() {
    let work = Work::from_args();
    let meter = Meter::new();
    for i in 0..work.count {
        let message = Message::builder()
            .from("sender@example.test".parse().expect("an address"))
            .to(format!("r{i}@example.test").parse().expect("an address"))
            .subject(format!("Message {i}"))
            .header(ContentType::TEXT_PLAIN)
            .body(work.text.clone())
            .expect("composed");
        drop(black_box(message.formatted()));
    }
    meter.report(work.count);
}
