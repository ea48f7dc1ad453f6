//! A sink that offers CHUNKING, which `smtp-sink` does not: takes everything, keeps nothing. `PORT` on 127.0.0.1.

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = env::args().nth(1).ok_or("usage: PORT")?.parse()?;
    for socket in TcpListener::bind(("127.0.0.1", port))?.incoming() {
        let socket = socket?;
        // A client that goes away ends its own thread.
        thread::spawn(move || drop(serve(&socket)));
    }
    Ok(())
}

fn serve(socket: &TcpStream) -> Result<(), Box<dyn Error>> {
    socket.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::with_capacity(256 * 1024, socket), Vec::new());
    output.extend_from_slice(b"220 sink.test\r\n");
    let mut line = String::new();
    loop {
        // Replies leave when the client is waited for: one write for a group of commands.
        if input.buffer().is_empty() {
            (&mut &*socket).write_all(&output)?;
            output.clear();
        }
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_ascii_whitespace();
        let reply: &[u8] = match words.next().unwrap_or_default() {
            "EHLO" => b"250-sink.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n",
            "BDAT" => {
                let mut left: u64 = words.next().ok_or("no size")?.parse()?;
                while left > 0 {
                    let chunk = input.by_ref().take(left).fill_buf()?.len();
                    if chunk == 0 {
                        return Ok(());
                    }
                    input.consume(chunk);
                    left -= chunk as u64;
                }
                b"250 taken\r\n"
            }
            "QUIT" => {
                (&mut &*socket).write_all(&[&output[..], b"221 bye\r\n"].concat())?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        output.extend_from_slice(reply);
    }
}
