//! Prints the description of the agent's web API: `make headers` writes it to `docs/openapi.json`.

fn main() {
    print!("{}", freesmtp_agent::openapi());
}
