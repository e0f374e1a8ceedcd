//! The floor under every read: one thread that waits for sockets that have something to
//! read, reads it, and sends bytes that lie ready. It doesn't look at what it is asked.

use std::io::{self, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Sockets looked at between two calls of the kernel's.
const AT_ONCE: usize = 1_024;
/// Bytes of the longest request it takes, which comes in one piece.
const REQUEST_BYTES: usize = 8 << 10;
/// Names the listener; clients are named by their places.
const DOOR: Token = Token(usize::MAX);

/// Answers every request with the same bytes, for ever.
///
/// # Errors
///
/// When the kernel doesn't let it wait or accept.
pub(super) fn serve(listener: std::net::TcpListener, answer: &[u8]) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, DOOR, Interest::READABLE)?;
    let mut events = Events::with_capacity(AT_ONCE);
    let mut clients = Vec::new();
    let mut request = [0; REQUEST_BYTES];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == DOOR {
                admit(&listener, &poll, &mut clients)?;
            } else if let Some(client) = clients.get_mut(event.token().0)
                && answered(client, &mut request, answer).is_err()
            {
                *client = None;
            }
        }
    }
}

fn admit(
    listener: &TcpListener,
    poll: &Poll,
    clients: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    loop {
        let mut client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        client.set_nodelay(true)?;
        let place = Token(clients.len());
        poll.registry()
            .register(&mut client, place, Interest::READABLE)?;
        clients.push(Some(client));
    }
}

/// Reads once and answers once; an error when the client is gone.
fn answered(client: &mut Option<TcpStream>, request: &mut [u8], answer: &[u8]) -> io::Result<()> {
    let Some(client) = client else {
        return Ok(());
    };
    match client.read(request) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => client.write_all(answer),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{Connection, get};

    #[tokio::test]
    async fn it_answers_whoever_asks_and_lets_go_who_leaves() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            serve(listener, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        });
        for _ in 0..3 {
            let mut one = Connection::open(address).await.unwrap();
            let mut other = Connection::open(address).await.unwrap();
            for _ in 0..5 {
                for client in [&mut one, &mut other] {
                    let request = get("floor", "/any", &[]);
                    let answer = client.call(&request).await.unwrap();
                    assert_eq!((answer.status, answer.body), (200, &b"hi"[..]));
                }
            }
        }
    }
}
