//! Scenarios: load as people make it, measured so that an operator can trust it before a
//! sale begins.
//!
//! A scenario ([`browse`], [`watch`], [`onsale`], [`mixed`], [`storm`]) is a plan; the
//! [`engine`] runs it. [`arrivals`] says when things are due, and everything is timed from
//! when it was due: load is open, so a server that stalls doesn't slow down who measures
//! it. The [`crowd`] lives in one or several processes, each with its [`people`], and
//! gives what it recorded ([`recorder`]) to the parent. The parent makes the changes
//! ([`changer`]) that were drawn before ([`drawn`]), looks at the server ([`sampler`]), has
//! smoke's audit done, and reports ([`report`]).

mod args;
pub(crate) mod arrivals;
mod browse;
mod ceiling;
mod changer;
mod crowd;
mod drawn;
mod engine;
mod latencies;
mod mixed;
mod null;
mod onsale;
pub(crate) mod outcome;
pub(crate) mod pace;
mod people;
mod plan;
mod programme;
mod progress;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod sampler;
mod storm;
mod watch;
mod zipf;

pub use args::{
    BrowseArgs, EventsArgs, MixedArgs, NullArgs, OnSaleArgs, RunArgs, Scenario, StormArgs,
    WatchArgs,
};

use std::path::Path;

use crate::args::{Outcome, read_token};
use crowd::{Lines, Mouth};
use null::Null;
use plan::{Events, Plan};
use report::Report;

/// Runs a scenario, or what belongs to it.
///
/// # Errors
///
/// One line that says why it couldn't begin: exit 2.
pub(crate) async fn run(scenario: Scenario) -> Result<Outcome, String> {
    let plan = match scenario {
        Scenario::Browse(args) => browse::plan(args),
        Scenario::Watch(args) => watch::plan(args),
        Scenario::OnSale(args) => onsale::plan(args),
        Scenario::Mixed(args) => mixed::plan(args),
        Scenario::Storm(args) => storm::plan(args),
        Scenario::Null(args) => return null(&args).await,
        Scenario::Worker => return worker().await,
    };
    reported(plan).await
}

async fn reported(plan: Plan) -> Result<Outcome, String> {
    let (json, html) = (plan.run.json.clone(), plan.run.html.clone());
    // Who only looks at what is there needs no token.
    let token = match (&plan.events, plan.writes()) {
        (Events::Existing(_), false) => String::new(),
        _ => read_token(&plan.run.server.token_file)?,
    };
    let report = engine::run(plan, token).await;
    let report = report.map_err(|failure| format!("the test can't begin: {failure}"))?;
    Ok(published(&report, json.as_deref(), html.as_deref()))
}

/// A report as text, and written to the files that were asked for.
pub(crate) fn published(report: &Report, json: Option<&Path>, html: Option<&Path>) -> Outcome {
    let mut outcome = Outcome {
        text: report.to_string(),
        agrees: report.agrees(),
    };
    let files = [
        json.map(|path| (path, report.json())),
        html.map(|path| (path, report.html())),
    ];
    for (path, text) in files.into_iter().flatten() {
        if let Err(error) = std::fs::write(path, text) {
            let said = format!(
                "\nThe report can't be written to {}: {error}",
                path.display()
            );
            outcome.text.push_str(&said);
            outcome.agrees = false;
        }
    }
    outcome
}

/// Serves nothing until interrupted, or until whoever started it is gone.
async fn null(args: &NullArgs) -> Result<Outcome, String> {
    let null = Null::start(args.listen, args.bytes, args.frames).await;
    let null = null.map_err(|error| format!("can't listen on {}: {error}", args.listen))?;
    let outcome = Outcome {
        text: String::new(),
        agrees: true,
    };
    if args.held {
        ceiling::hold(null.address()).await?;
        return Ok(outcome);
    }
    eprintln!("a null server listens on http://{}", null.address());
    let interrupted = tokio::signal::ctrl_c().await;
    interrupted.map_err(|error| error.to_string())?;
    Ok(outcome)
}

/// Plays a part for the process that started this one.
async fn worker() -> Result<Outcome, String> {
    let (from, to) = (tokio::io::stdin(), tokio::io::stdout());
    crowd::serve(Lines::new(from), Mouth::new(to)).await?;
    Ok(Outcome {
        text: String::new(),
        agrees: true,
    })
}
