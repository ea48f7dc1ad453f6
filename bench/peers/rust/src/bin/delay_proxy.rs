//! A relay on this machine that makes every byte late by the same time, and limits nothing else.
//!
//! `delay_proxy LISTEN_PORT TARGET_PORT ONE_WAY_MS`

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u16>().expect("a number"));
    let mut next = || args.next().expect("usage: LISTEN_PORT TARGET_PORT ONE_WAY_MS");
    let (listen, target, delay) = (next(), next(), Duration::from_millis(next().into()));
    let listener = TcpListener::bind(("127.0.0.1", listen)).await.expect("a free port");
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        tokio::spawn(relay(client, target, delay));
    }
}

async fn relay(client: TcpStream, target: u16, delay: Duration) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    client.set_nodelay(true).expect("TCP");
    server.set_nodelay(true).expect("TCP");
    let ((client_read, client_write), (server_read, server_write)) =
        (client.into_split(), server.into_split());
    tokio::join!(pump(client_read, server_write, delay), pump(server_read, client_write, delay));
}

/// Reads at once and writes later, so that bytes that came together arrive together.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut queue) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65536];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    while let Some((due, bytes)) = queue.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
