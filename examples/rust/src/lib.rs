//! The examples are the programs in src/bin.
