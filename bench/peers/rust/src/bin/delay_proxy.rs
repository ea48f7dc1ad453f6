//! A relay on this machine that makes every byte late by the same time, and limits nothing else.
//!
//! `delay_proxy LISTEN_PORT TARGET_PORT ONE_WAY_MS`
//!
//! Threads, not tasks: the timers of an event loop count in whole milliseconds, which made a round trip of 40 ms one of
//! 43.5 ms.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u16>().expect("a number"));
    let mut next = || args.next().expect("usage: LISTEN_PORT TARGET_PORT ONE_WAY_MS");
    let (listen, target, delay) = (next(), next(), Duration::from_millis(next().into()));
    let listener = TcpListener::bind(("127.0.0.1", listen)).expect("a free port");
    for client in listener.incoming() {
        let client = client.expect("a connection");
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
        for (from, to) in [(&client, &server), (&server, &client)] {
            from.set_nodelay(true).expect("TCP");
            pump(from.try_clone().expect("a handle"), to.try_clone().expect("a handle"), delay);
        }
    }
}

/// Reads at once and writes later, so that bytes that came together arrive together.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, queue) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in queue {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
