//! lettre's blocking transport with its pool, one thread for each connection.

use std::{fs, thread};

use bench_peers::{Meter, Work};
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Attachment, MultiPart, SinglePart, header::ContentType},
    transport::smtp::PoolConfig,
};

fn main() {
    let work = Work::from_args();
    let meter = Meter::new();
    let pool = PoolConfig::new().max_size(u32::try_from(work.connections).expect("a count"));
    let transport = SmtpTransport::builder_dangerous("127.0.0.1").port(work.port).pool_config(pool).build();
    thread::scope(|scope| {
        for connection in 0..work.connections {
            let (work, transport) = (&work, &transport);
            scope.spawn(move || {
                for i in work.share(connection) {
                    transport.send(&message(work, i)).expect("taken");
                }
            });
        }
    });
    drop(transport);
    meter.report(work.count);
}

fn message(work: &Work, i: usize) -> Message {
    let builder = Message::builder()
        .from("sender@example.test".parse().expect("an address"))
        .to(format!("r{i}@example.test").parse().expect("an address"))
        .subject(format!("Message {i}"));
    let message = match &work.attachment {
        None => builder.header(ContentType::TEXT_PLAIN).body(work.text.clone()),
        Some(path) => {
            let bytes = fs::read(path).expect("the attachment");
            let kind = ContentType::parse("application/octet-stream").expect("a type");
            builder.multipart(
                MultiPart::mixed()
                    .singlepart(SinglePart::plain(work.text.clone()))
                    .singlepart(Attachment::new("attachment.bin".to_owned()).body(bytes, kind)),
            )
        }
    };
    message.expect("a message")
}
