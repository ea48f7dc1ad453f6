//! mail-send with mail-builder on tokio, one task for each connection.

use std::sync::Arc;

use bench_peers::{Meter, Work};
use mail_send::{SmtpClientBuilder, mail_builder::MessageBuilder};

#[tokio::main]
async fn main() {
    let work = Arc::new(Work::from_args());
    let meter = Meter::new();
    let tasks: Vec<_> =
        (0..work.connections).map(|i| tokio::spawn(connection(Arc::clone(&work), i))).collect();
    for task in tasks {
        task.await.expect("a connection");
    }
    meter.report(work.count);
}

async fn connection(work: Arc<Work>, number: usize) {
    let builder = SmtpClientBuilder::new("127.0.0.1", work.port).expect("a client").implicit_tls(false);
    let mut client = builder.connect_plain().await.expect("a connection");
    for i in work.share(number) {
        let mut message = MessageBuilder::new()
            .from("sender@example.test")
            .to(format!("r{i}@example.test"))
            .subject(format!("Message {i}"))
            .text_body(work.text.as_str());
        if let Some(path) = &work.attachment {
            let bytes = tokio::fs::read(path).await.expect("the attachment");
            message = message.attachment("application/octet-stream", "attachment.bin", bytes);
        }
        client.send(message).await.expect("taken");
    }
    let _ = client.quit().await;
}
