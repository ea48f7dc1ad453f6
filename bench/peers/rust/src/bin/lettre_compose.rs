//! lettre, composing only.

use std::hint::black_box;

use bench_peers::{Meter, Work};
use lettre::{Message, message::header::ContentType};

fn main() {
    let work = Work::from_args();
    let given = work.given();
    let next = given.iter().cycle().take(work.count);
    let meter = Meter::new();
    for (recipient, subject) in next {
        let message = Message::builder()
            .from("sender@example.test".parse().expect("an address"))
            .to(recipient.parse().expect("an address"))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(work.text.clone())
            .expect("composed");
        drop(black_box(message.formatted()));
    }
    meter.report(work.count);
}
