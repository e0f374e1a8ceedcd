//! The floors: what the kernel takes for what a server does, and nothing on top of it. They
//! are no products, and nobody can be much cheaper by the same system calls.

mod deliveries;
mod reads;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::program::{Launch, Program, free_address};
use super::stage::Stage;
use crate::args::FloorArgs;
use crate::process::SERVER_CORE;
use crate::wire::{Broken, Failure};

/// How long it may take to send a frame to everybody.
const SENT: Duration = Duration::from_secs(20);

/// Answers every request with the bytes of a file, or lets screens in and sends them what
/// comes.
///
/// # Errors
///
/// When it can't listen, or can't go on.
pub(crate) fn floor(args: &FloorArgs) -> io::Result<()> {
    let listener = TcpListener::bind(args.listen)?;
    match &args.answer {
        Some(file) => reads::serve(listener, &std::fs::read(file)?),
        None => deliveries::serve(&listener, args.watchers.unwrap_or_default()),
    }
}

/// A floor in a process of its own.
pub(crate) struct Floor {
    program: Program,
    pub(crate) address: SocketAddr,
    /// Connected at the first frame: by then all screens are in.
    publisher: Option<tokio::net::TcpStream>,
}

impl Floor {
    /// Tells so many screens what it is told.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub(crate) async fn of_deliveries(stage: &Stage, watchers: usize) -> Result<Self, Failure> {
        let folder = stage.folder("floor")?;
        Self::start(&folder, "--watchers", watchers.to_string()).await
    }

    /// Answers every request with these bytes.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub(crate) async fn of_reads(stage: &Stage, answer: &[u8]) -> Result<Self, Failure> {
        let folder = stage.folder("floor")?;
        let file = folder.join("answer");
        std::fs::write(&file, answer).map_err(odd)?;
        Self::start(&folder, "--answer", file.display().to_string()).await
    }

    async fn start(folder: &Path, option: &str, value: String) -> Result<Self, Failure> {
        let address = free_address()?;
        let listen = format!("loadtest floor --listen {address} {option}");
        let arguments = listen.split(' ').map(str::to_owned);
        let launch = Launch {
            name: "floor",
            program: &std::env::current_exe().map_err(odd)?,
            arguments: arguments.chain([value]).collect(),
            cores: SERVER_CORE,
            account: None,
            stop: "KILL",
            folder,
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

fn odd(error: io::Error) -> Failure {
    Failure::Odd(format!("floor: {error}"))
}
