//! How fast attachments and texts take their form on the wire, in megabytes of content for each second of the processor.
//!
//! What is measured is composing as a program asks for it: the look at the content, the encoding in lines, the message.

use std::{error::Error, hint::black_box};

use freesmtp_bench::Meter;
use freesmtp_core::message::{BodyPart, BodyPartEncoding, EmailMessage};

/// Octets of content in one message.
const SIZE: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut attached = message();
    // Noise, so that nothing but base64 brings it back.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    attached.attach_bytes("noise.bin", noise.take(SIZE).collect::<Vec<u8>>());
    println!("base64={:.0}", throughput(&attached)?);

    for (name, line) in [
        ("ascii", "A line of a text in English, with 72 letters, that is easily written so.\r\n"),
        ("german", "Eine Zeile mit dem, was im Deutschen üblich ist: äöü, 72 Zeichen zusammen\r\n"),
    ] {
        let mut text = message();
        let mut part = BodyPart::plain(line.repeat(SIZE / line.len()));
        part.encoding = BodyPartEncoding::QuotedPrintable;
        text.body_parts.push(part);
        println!("quoted-printable-{name}={:.0}", throughput(&text)?);
    }
    Ok(())
}

fn message() -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = "sender@example.test".into();
    message.add_recipient("recipient@example.test");
    message
}

/// The best of some runs: what others do on the machine only makes it slower.
fn throughput(message: &EmailMessage) -> Result<f64, Box<dyn Error>> {
    let mut best = 0.0_f64;
    for _ in 0..12 {
        let meter = Meter::new();
        drop(black_box(message.to_bytes()?));
        best = best.max(meter.megabytes(SIZE));
    }
    Ok(best)
}
