//! What differs between operating systems, one subject a module; nothing else in the crate asks which system it is.

pub mod attention;
pub(crate) mod entropy;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod host;
pub(crate) mod local;
pub(crate) mod socket;
