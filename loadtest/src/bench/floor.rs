//! The floor under every delivery: one thread that calls `send` for each socket and does
//! nothing else. No server of sockets can be cheaper without another kind of system call.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::program::{Launch, Program, free_address};
use super::stage::Stage;
use crate::args::FloorArgs;
use crate::process::SERVER_CORE;
use crate::raw::upgrade;
use crate::wire::{Broken, Failure};

/// How long it may take to send a frame to everybody.
const SENT: Duration = Duration::from_secs(20);
/// Bytes of the longest frame it takes.
const FRAME_BYTES: usize = 64 << 10;

/// Lets so many screens in, then one more connection, and from then on sends each screen
/// every frame that comes over that one; until it ends.
///
/// # Errors
///
/// When it can't listen, or anybody goes away.
pub(crate) fn floor(args: &FloorArgs) -> io::Result<()> {
    let listener = TcpListener::bind(args.listen)?;
    serve(&listener, args.watchers)
}

fn serve(listener: &TcpListener, watchers: usize) -> io::Result<()> {
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

/// The floor in a process of its own.
pub(crate) struct Floor {
    program: Program,
    pub(crate) address: SocketAddr,
    /// Connected at the first frame: by then all screens are in.
    publisher: Option<tokio::net::TcpStream>,
}

impl Floor {
    /// Starts it for so many screens.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub(crate) async fn start(stage: &Stage, watchers: usize) -> Result<Self, Failure> {
        let odd = |error: io::Error| Failure::Odd(format!("floor: {error}"));
        let folder = stage.folder("floor")?;
        let address = free_address()?;
        let arguments = format!("loadtest floor --listen {address} --watchers {watchers}");
        let launch = Launch {
            name: "floor",
            program: &std::env::current_exe().map_err(odd)?,
            arguments: arguments.split(' ').map(str::to_owned).collect(),
            cores: SERVER_CORE,
            account: None,
            stop: "KILL",
            folder: &folder,
        };
        let mut program = launch.start()?;
        program.listens(address).await?;
        Ok(Self {
            program,
            address,
            publisher: None,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Has a frame sent to every screen, and returns when that is done.
    ///
    /// # Errors
    ///
    /// When it isn't, or takes too long.
    pub(crate) async fn sends(&mut self, frame: &[u8]) -> Result<(), Failure> {
        match tokio::time::timeout(SENT, self.publish(frame)).await {
            Ok(sent) => sent.map_err(|error| Broken::Lost(error.to_string()).into()),
            Err(_) => Err(Failure::Odd(format!("nothing sent in {SENT:?}"))),
        }
    }

    async fn publish(&mut self, frame: &[u8]) -> io::Result<()> {
        let publisher = match &mut self.publisher {
            Some(publisher) => publisher,
            empty => empty.insert(tokio::net::TcpStream::connect(self.address).await?),
        };
        publisher.write_all(frame).await?;
        // It says when it is done, but the screens say that as well: only that it does
        // matters.
        publisher.read_u8().await?;
        Ok(())
    }
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
