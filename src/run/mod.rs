//! What each role does.

mod admin;
mod check;
mod check_ticket;
mod core;
mod edge;
mod standalone;

use std::process::ExitCode;

use crate::cli::{Admin, Cli, Role};

/// Why a process ends otherwise than well.
#[derive(Debug)]
pub(crate) struct Ended {
    code: u8,
    why: Option<String>,
}

impl Ended {
    /// It can't begin or go on: one line that says what and how to mend it.
    pub(crate) fn cannot(why: impl Into<String>) -> Self {
        Self {
            code: 2,
            why: Some(why.into()),
        }
    }

    /// It did its work and found something wrong, which has been said.
    pub(crate) fn found() -> Self {
        Self { code: 1, why: None }
    }

    /// Says it.
    pub(crate) fn exit(self) -> ExitCode {
        if let Some(why) = self.why {
            eprintln!("error: {why}");
        }
        ExitCode::from(self.code)
    }
}

impl From<prometheus::Error> for Ended {
    fn from(error: prometheus::Error) -> Self {
        Self::cannot(error.to_string())
    }
}

impl From<parterre_core::StartError> for Ended {
    fn from(error: parterre_core::StartError) -> Self {
        Self::cannot(error.0)
    }
}

impl From<parterre_edge::StartError> for Ended {
    fn from(error: parterre_edge::StartError) -> Self {
        Self::cannot(error.to_string())
    }
}

impl From<parterre_gate::tls::BadTls> for Ended {
    fn from(error: parterre_gate::tls::BadTls) -> Self {
        Self::cannot(error.to_string())
    }
}

impl From<parterre_core::store::Failure> for Ended {
    fn from(failure: parterre_core::store::Failure) -> Self {
        Self::cannot(failure.0)
    }
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), Ended> {
    match cli.role {
        Role::Standalone(standalone) => standalone::run(standalone).await,
        Role::Core(core) => core::run(core).await,
        Role::Edge(edge) => edge::run(edge).await,
        Role::Admin(Admin::Import(import)) => admin::import(import).await,
        Role::Admin(Admin::Token(token)) => admin::token(&token),
        Role::Admin(Admin::Epoch(epoch)) => admin::epoch(epoch).await,
        Role::Admin(Admin::Copy(copy)) => admin::copy(copy).await,
        Role::Check(check) => check::run(check).await,
        Role::CheckTicket(args) => check_ticket::run(&args).await,
        Role::Loadtest(args) => match parterre_loadtest::run(args).await {
            Ok(outcome) => {
                println!("{}", outcome.text);
                if outcome.agrees {
                    Ok(())
                } else {
                    Err(Ended::found())
                }
            }
            Err(error) => Err(Ended::cannot(error)),
        },
    }
}
