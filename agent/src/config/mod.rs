//! What is set: one TOML file (`freesmtp agent --config FILE`), and flags over it.
//!
//! Every field is checked before anything starts; an error names it as it stands in the file, such as
//! `route[2].servers[0]`.

mod agent;
mod cluster;
mod duration;
mod events;
mod http;
mod listen;
mod mx;
mod route;
mod smtp;

pub use agent::{AgentSettings, DestinationLimits, RetrySettings};
pub use cluster::ClusterSettings;
pub use duration::Span;
pub use events::{EventSettings, WebhookSettings};
pub use http::{HealthSettings, HttpSettings};
use listen::{check_addresses, check_pair};
pub use mx::MxSettings;
pub use route::{RouteSettings, Via};
pub use smtp::SmtpSettings;
