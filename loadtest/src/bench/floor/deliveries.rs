//! The floor under every delivery: one thread that calls `send` for each socket and does
//! nothing else. No server of sockets can be cheaper without another kind of system call.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::raw::upgrade;

/// Bytes of the longest frame it takes.
const FRAME_BYTES: usize = 64 << 10;

/// Lets so many screens in, then one more connection, and from then on sends each screen
/// every frame that comes over that one; until it ends.
///
/// # Errors
///
/// When anybody goes away.
pub(super) fn serve(listener: &TcpListener, watchers: usize) -> io::Result<()> {
    let mut screens = Vec::with_capacity(watchers);
    while screens.len() < watchers {
        let (mut screen, _) = listener.accept()?;
        if welcomed(&mut screen)? {
            screens.push(screen);
        }
    }
    let (mut publisher, _) = listener.accept()?;
    let mut frame = vec![0; FRAME_BYTES];
    loop {
        // A frame is short enough to come at once, and the next comes when this is done.
        let length = publisher.read(&mut frame)?;
        if length == 0 {
            return Ok(());
        }
        for screen in &mut screens {
            screen.write_all(&frame[..length])?;
        }
        publisher.write_all(b".")?;
    }
}

/// Answers a handshake; false when whoever came only looked whether anybody listens.
fn welcomed(screen: &mut TcpStream) -> io::Result<bool> {
    screen.set_nodelay(true)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut some = [0; 512];
        let read = screen.read(&mut some)?;
        if read == 0 {
            return Ok(false);
        }
        head.extend_from_slice(&some[..read]);
    }
    screen.write_all(upgrade().as_bytes())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::raw::{Door, Frame, Screens, Seen};

    #[tokio::test]
    async fn it_sends_each_screen_what_is_published() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || serve(&listener, 3));
        // Somebody looks whether it listens.
        drop(TcpStream::connect(address).unwrap());
        let door = Door {
            address,
            path: "/".to_owned(),
            subprotocol: None,
            says: None,
            source: Some(Ipv4Addr::new(127, 0, 0, 8).into()),
        };
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let seen: Arc<Seen> = Arc::new(move |frame: Frame<'_>, _| {
            assert_eq!(frame.payload, b"delta");
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let screens = Screens::open(&door, 3, &seen).await.unwrap();
        let mut publisher = TcpStream::connect(address).unwrap();
        for times in 1..=2 {
            publisher.write_all(b"\x81\x05delta").unwrap();
            let mut done = [0];
            publisher.read_exact(&mut done).unwrap();
            while count.load(Ordering::Relaxed) < 3 * times {
                tokio::task::yield_now().await;
            }
        }
        drop(publisher);
        server.join().unwrap().unwrap();
        drop(screens);
    }
}
