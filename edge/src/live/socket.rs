//! What a live connection's bytes travel by: a bare socket, or the same under TLS.
//!
//! Both are tried and never waited for inside: reading and writing say `WouldBlock`, and
//! the driver waits for the socket beneath. So TLS costs no task either, though what it
//! keeps for a connection is some twenty times what a bare socket costs.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use parterre_gate::admission::Place;
use parterre_gate::stream::{Socket, Stream};
use rustls::ServerConnection;
use socket2::SockRef;
use tokio::net::TcpStream;

use parterre_domain::limits;

/// A live connection's socket.
pub(crate) struct LiveSocket {
    tcp: TcpStream,
    tls: Option<Box<RefCell<Encrypted>>>,
    /// Given back with the socket.
    _place: Place,
}

/// The state of TLS.
struct Encrypted {
    connection: ServerConnection,
    /// Bytes that were encrypted while the socket was full, and not reported as written.
    accepted: usize,
}

/// Bytes that are encrypted at once: what one record of TLS takes.
const RECORD_BYTES: usize = 16 << 10;

impl LiveSocket {
    /// Takes a connection over from HTTP.
    ///
    /// # Errors
    ///
    /// When it is gone already.
    pub(crate) fn new(stream: Stream) -> io::Result<Self> {
        let (tcp, tls) = match stream.socket {
            Socket::Plain(tcp) => (tcp, None),
            Socket::Tls(stream) => {
                let (tcp, connection) = stream.into_inner();
                let encrypted = Encrypted {
                    connection,
                    accepted: 0,
                };
                (tcp, Some(Box::new(RefCell::new(encrypted))))
            }
        };
        configure(&tcp)?;
        Ok(Self {
            tcp,
            tls,
            _place: stream.place,
        })
    }

    /// Whether bytes may have come that the socket beneath knows nothing of any more.
    pub(crate) fn may_hold_bytes(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits until a read is worth trying.
    pub(crate) fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.tcp.readable()
    }

    /// Waits until a write is worth trying.
    pub(crate) fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.tcp.writable()
    }

    /// Reads what has come; 0 at the end.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            None => self.tcp.try_read(buffer),
            Some(tls) => tls.borrow_mut().read(&self.tcp, buffer),
        }
    }

    /// Writes what fits. After `WouldBlock` it must be asked with the same bytes again.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tls {
            None => self.tcp.try_write(bytes),
            Some(tls) => tls.borrow_mut().write(&self.tcp, bytes),
        }
    }

    /// The socket itself, if bytes can be sent by it as they are.
    pub(crate) fn plain(&self) -> Option<BorrowedFd<'_>> {
        self.tls.is_none().then(|| self.tcp.as_fd())
    }

    /// Ends the connection, which wakes whoever waits for its socket.
    pub(crate) fn end(&self) {
        self.say_goodbye();
        ignore_unconnected(SockRef::from(&self.tcp).shutdown(Shutdown::Both));
    }

    /// Says that nothing more is sent.
    pub(crate) fn finish(&self) {
        self.say_goodbye();
        ignore_unconnected(SockRef::from(&self.tcp).shutdown(Shutdown::Write));
    }

    /// Ends the connection and forgets what wasn't sent.
    pub(crate) fn cut(&self) {
        let socket = SockRef::from(&self.tcp);
        ignore_unconnected(socket.set_linger(Some(Duration::ZERO)));
        ignore_unconnected(socket.shutdown(Shutdown::Both));
    }

    /// Tells the client's TLS that the end is meant; if the socket is full, it isn't told.
    fn say_goodbye(&self) {
        if let Some(tls) = &self.tls {
            let mut tls = tls.borrow_mut();
            tls.connection.send_close_notify();
            drop(tls.flush(&self.tcp));
        }
    }
}

impl Encrypted {
    fn read(&mut self, tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An end without a goodbye is an end too.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            if self.connection.read_tls(&mut Tried(tcp))? == 0 {
                return Ok(0);
            }
            let processed = self.connection.process_new_packets();
            // A new key, or why the connection ends.
            drop(self.flush(tcp));
            processed.map_err(io::Error::other)?;
        }
    }

    fn write(&mut self, tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(tcp)?;
        let accepted = std::mem::take(&mut self.accepted);
        if accepted > 0 {
            return Ok(accepted);
        }
        let record = bytes.get(..RECORD_BYTES).unwrap_or(bytes);
        let accepted = self.connection.writer().write(record)?;
        let flushed = self.flush(tcp);
        if let Err(error) = flushed {
            self.accepted = accepted;
            return Err(error);
        }
        Ok(accepted)
    }

    fn flush(&mut self, tcp: &TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Tried(tcp))?;
        }
        Ok(())
    }
}

/// A socket as the standard library's traits see it.
struct Tried<'a>(&'a TcpStream);

impl Read for Tried<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Tried<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Small frames leave at once; what a client doesn't take stays with us, where it can be
/// merged, and not in the kernel; a client that has vanished is noticed.
fn configure(socket: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    // Elsewhere the edge runs too, but holds more in the kernel for a slow client.
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_notsent_lowat(limits::LIVE_UNSENT_BYTES)?;
        socket.set_tcp_user_timeout(Some(limits::SLOW_CLIENT * 2))?;
    }
    Ok(())
}

/// A socket that the client has closed already can't be shut, and needn't be.
fn ignore_unconnected(_: io::Result<()>) {}
