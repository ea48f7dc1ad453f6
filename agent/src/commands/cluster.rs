//! `freesmtp cluster`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use freesmtp_core::Error;
use serde_json::{Value, json};

use super::{Exit, complain, json as answers, person, print, table::Table};
use crate::{
    cluster::{Class, Cluster, Node, definitions},
    config::{AgentSettings, ClusterSettings},
};

/// Looks at the servers of the queue that agents on many machines share (NATS JetStream).
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Connects, makes what is missing of the queue, compares what is there, and says what was found
    ///
    /// Exit status: 0 when agents can use the servers, 2 when something must be changed first, 75 when the same check may
    /// end better later: servers are down, or without a leader.
    #[command(after_help = "Example:\n  freesmtp cluster check --cluster nats://10.0.0.1,10.0.0.2,10.0.0.3")]
    Check(CheckArguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// The settings of an agent, a TOML file with [cluster]; flags go before what it says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The servers: `nats://a,b,c` or `tls://a,b,c`
    #[arg(long, value_name = "URL[,HOST…]")]
    cluster: Option<String>,
    /// Print what was found as JSON on standard output, and nothing else
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Order::Check(arguments) = &arguments.order;
    match arguments.check() {
        Ok((settings, cluster)) => {
            if arguments.json {
                print(&format!("{:#}\n", found(&settings, &cluster)));
            } else {
                print(&text(&settings, &cluster));
            }
            Exit::Done.into()
        }
        Err(error) => {
            if arguments.json {
                print(&format!("{:#}\n", answers::error(&error)));
            } else {
                complain(&format!("freesmtp cluster: {}", person::error(&error)));
            }
            let exit = if error.is_temporary() { Exit::TryLater } else { Exit::Usage };
            exit.into()
        }
    }
}

impl CheckArguments {
    fn settings(&self) -> Result<ClusterSettings, Error> {
        let mut settings = match &self.config {
            Some(path) => AgentSettings::read(path)?.cluster,
            None => ClusterSettings::default(),
        };
        if let Some(text) = &self.cluster {
            settings.servers = ClusterSettings::list(text);
        }
        settings.check()?;
        if settings.is_on() {
            Ok(settings)
        } else {
            Err(Error::input(
                "cluster.servers",
                "is not set; say --cluster nats://a,b,c, or --config FILE with [cluster]",
            ))
        }
    }

    fn check(&self) -> Result<(ClusterSettings, Cluster), Error> {
        let settings = self.settings()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::input("cluster", format!("no threads could be started: {error}")))?;
        let cluster = runtime.block_on(Cluster::connect(&settings, "cluster check"))?;
        Ok((settings, cluster))
    }
}

fn found(settings: &ClusterSettings, cluster: &Cluster) -> Value {
    let node = |node: &Node| match &node.found {
        Ok(greeting) => json!({
            "address": node.address,
            "ok": true,
            "name": greeting.name,
            "version": greeting.version,
            "cluster": greeting.cluster,
            "max_payload": greeting.max_payload,
        }),
        Err(error) => json!({ "address": node.address, "ok": false, "error": error.message() }),
    };
    json!({
        "ok": true,
        "replicas": settings.replicas,
        "servers": cluster.nodes.iter().map(node).collect::<Vec<_>>(),
        "streams": definitions::streams(settings.replicas).iter().map(|stream| &stream.name).collect::<Vec<_>>(),
        "consumers": Class::ALL.map(Class::as_str),
    })
}

fn text(settings: &ClusterSettings, cluster: &Cluster) -> String {
    let mut table =
        Table::new(&[("SERVER", 40), ("NAME", 30), ("VERSION", 12), ("CLUSTER", 30), ("STATE", 300)]);
    for node in &cluster.nodes {
        match &node.found {
            Ok(greeting) => table.row(vec![
                node.address.clone(),
                greeting.name.clone(),
                greeting.version.clone(),
                greeting.cluster.clone().unwrap_or_default(),
                "up".to_owned(),
            ]),
            Err(error) => table.row(vec![
                node.address.clone(),
                String::new(),
                String::new(),
                String::new(),
                error.message().to_owned(),
            ]),
        }
    }
    let copies = match settings.replicas {
        1 => "one copy of each message: the loss of one disk loses mail".to_owned(),
        more => format!("{more} copies of each message: {} of the servers may be lost", (more - 1) / 2),
    };
    format!("{}\nThe queue is there and as agents need it; {copies}.\n", table.text())
}
