//! The library's side of `agent.sock`: what a running agent knows of messages and blasts.
//!
//! A thin client: the agent decides, here is asked and read. `docs/agent-socket.md` has what is spoken.

mod client;
mod status;

pub(crate) use client::AgentClient;
pub use status::{
    BlastState, BlastStatus, SpoolEvent, SpoolEventKind, SpoolRecipient, SpoolState, SpoolStatus,
};
