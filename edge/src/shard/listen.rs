//! One port, a listener a shard.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use parterre_domain::limits;

/// Binds one listener a shard, all to one port; to a free one if the port is 0.
///
/// # Errors
///
/// When the address can't be bound, as when another process listens there.
pub fn bind(listen: SocketAddr, shards: usize) -> io::Result<Vec<TcpListener>> {
    if listen.port() != 0 {
        // Two processes of one user may share a port by `SO_REUSEPORT`, and would
        // unnoticed: ask once without it.
        let probe = socket(listen)?;
        probe.bind(&SockAddr::from(listen))?;
    }
    let mut listeners = vec![listener(listen)?];
    let bound = listeners[0].local_addr()?;
    for _ in 1..shards.max(1) {
        listeners.push(listener(bound)?);
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

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(limits::BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn all_shards_listen_on_one_free_port() {
        let listeners = bind(free(), 3).unwrap();
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
        let listeners = bind(free(), 2).unwrap();
        let taken = listeners[0].local_addr().unwrap();
        let error = bind(taken, 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listeners);
        bind(taken, 2).unwrap();
    }
}
