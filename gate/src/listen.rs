//! Listeners of every role, with a queue as long as a rush: [`tokio`]'s own bind makes one
//! of 128, and whoever finds it full is heard a second later, when the kernel asks again.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use parterre_domain::limits;

/// Binds a listener.
///
/// # Errors
///
/// When the address can't be bound, as when another process listens there.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listening(socket(address)?, address)
}

/// Binds one listener a shard, all to one port; to a free one if the port is 0.
///
/// # Errors
///
/// When the address can't be bound, as when another process listens there.
pub fn bind_sharded(listen: SocketAddr, shards: usize) -> io::Result<Vec<TcpListener>> {
    if listen.port() != 0 {
        // Two processes of one user may share a port by `SO_REUSEPORT`, and would
        // unnoticed: ask once without it.
        let probe = socket(listen)?;
        probe.bind(&SockAddr::from(listen))?;
    }
    let mut listeners = vec![sharing(listen)?];
    let bound = listeners[0].local_addr()?;
    for _ in 1..shards.max(1) {
        listeners.push(sharing(bound)?);
    }
    Ok(listeners)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // An address that the last process left in TIME_WAIT is free.
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn sharing(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    listening(socket, address)
}

fn listening(socket: Socket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(limits::BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    fn free() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn a_rush_waits_in_the_queue_of_a_listener_that_is_slow_to_accept() {
        /// Shorter than the kernel waits until it asks a full queue again.
        const PATIENCE: Duration = Duration::from_millis(500);
        /// Twice as many as a plain bind has room for.
        const RUSH: usize = 256;
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
        let most = most.map_or(0, |text| text.trim().parse().unwrap());
        if most < RUSH {
            return println!("skipped: this system queues {most} connections at most");
        }
        let listeners = [
            bind(free()).unwrap(),
            bind_sharded(free(), 1).unwrap().remove(0),
        ];
        for listener in listeners {
            let address = listener.local_addr().unwrap();
            let rush = (0..RUSH).map(|_| TcpStream::connect_timeout(&address, PATIENCE));
            rush.collect::<io::Result<Vec<_>>>().unwrap();
        }
    }

    #[test]
    fn all_shards_listen_on_one_free_port() {
        let listeners = bind_sharded(free(), 3).unwrap();
        let addresses: Vec<_> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap())
            .collect();
        assert_eq!(addresses.len(), 3);
        assert_ne!(addresses[0].port(), 0);
        assert!(addresses.iter().all(|address| *address == addresses[0]));
    }

    #[test]
    fn a_port_in_use_is_refused_though_its_user_would_share_it() {
        let listeners = bind_sharded(free(), 2).unwrap();
        let taken = listeners[0].local_addr().unwrap();
        let error = bind_sharded(taken, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listeners);
        bind_sharded(taken, 2).unwrap();
    }
}
