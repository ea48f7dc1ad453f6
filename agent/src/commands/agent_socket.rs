//! The commands' side of `agent.sock`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsRawFd,
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use freesmtp_core::spool::Spool;
use serde_json::{Value, json};

use super::{Exit, complain, print};
use crate::control::{SOCKET, VERSION};

/// The longest path that every system takes as the address of a socket.
const LONGEST: usize = 100;

/// Which spool, and how to answer.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpoolArguments {
    /// The folder of the spool [default: as `FREESMTP_SPOOL` says, or the usual one]
    #[arg(long, global = true, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// Print the answer as JSON on standard output, and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl SpoolArguments {
    pub(crate) fn path(&self) -> PathBuf {
        self.spool.clone().unwrap_or_else(Spool::default_path)
    }

    /// Connects to the agent of the spool.
    pub(crate) fn connect(&self) -> Result<AgentSocket, Failure> {
        AgentSocket::connect(&self.path())
    }

    /// Prints an answer, as JSON or as `text` has it, or a failure; and says how the command ends.
    pub(crate) fn finish(
        &self,
        answer: Result<Value, Failure>,
        text: impl FnOnce(&Value) -> String,
    ) -> ExitCode {
        match answer {
            Ok(answer) if self.json => {
                print(&format!("{:#}\n", ok(&answer)));
                Exit::Done.into()
            }
            Ok(answer) => {
                print(&text(&answer));
                Exit::Done.into()
            }
            Err(failure) => self.fail(&failure),
        }
    }

    /// Prints a failure.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        if self.json {
            let error = json!({ "code": failure.code, "message": failure.message, "remedy": failure.remedy });
            print(&format!("{:#}\n", json!({ "ok": false, "error": error })));
        } else {
            complain(&format!("freesmtp: {}\n{}\n", clean(&failure.message), clean(&failure.remedy)));
        }
        failure.exit().into()
    }
}

/// An answer as `--json` gives it: its members, and that it is one.
pub(crate) fn ok(answer: &Value) -> Value {
    let mut whole = json!({ "ok": true });
    if let (Some(whole), Some(answer)) = (whole.as_object_mut(), answer.as_object()) {
        whole.extend(answer.clone());
    }
    whole
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), remedy: remedy.into() }
    }

    /// Nobody answers at the socket of the spool.
    pub(crate) fn no_agent(spool: &Path) -> Self {
        Self::new(
            "no-agent",
            format!("no agent runs for the spool {}", spool.display()),
            format!(
                "Start one with `freesmtp agent --spool {0}` (or `systemctl start freesmtp-agent`), or name another spool \
                 with --spool or FREESMTP_SPOOL.",
                spool.display()
            ),
        )
    }

    pub(crate) fn is_no_agent(&self) -> bool {
        self.code == "no-agent"
    }

    fn exit(&self) -> Exit {
        match self.code.as_str() {
            "bad-request" => Exit::Usage,
            "no-agent" | "ending" | "connection" | "queue" | "busy" => Exit::TryLater,
            _ => Exit::Refused,
        }
    }
}

impl From<crate::control::Refusal> for Failure {
    fn from(refusal: crate::control::Refusal) -> Self {
        Self::new(refusal.trouble.as_str(), refusal.text, refusal.remedy)
    }
}

/// A connection to an agent.
#[derive(Debug)]
pub(crate) struct AgentSocket {
    stream: BufReader<UnixStream>,
}

impl AgentSocket {
    fn connect(spool: &Path) -> Result<Self, Failure> {
        match open(spool) {
            Ok(stream) => Ok(Self { stream: BufReader::new(stream) }),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Err(Failure::no_agent(spool))
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Failure::new(
                "denied",
                format!("the agent of the spool {} does not let this user in", spool.display()),
                "Run the command as the owner of the spool, or as a member of its group where it has one.",
            )),
            Err(error) => Err(broken(&error)),
        }
    }

    /// Asks, and gives the answer.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value, Failure> {
        self.send(request)?;
        Ok(self.next()?.0)
    }

    /// Asks for what comes over time.
    pub(crate) fn send(&mut self, request: &Value) -> Result<(), Failure> {
        let mut request = request.clone();
        request["v"] = VERSION.into();
        match self.stream.get_mut().write_all(format!("{request}\n").as_bytes()) {
            // Who was sent away is told why: that is read next.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(broken(&error)),
            _ => Ok(()),
        }
    }

    /// The next answer, and whether others follow it.
    pub(crate) fn next(&mut self) -> Result<(Value, bool), Failure> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).map_err(|error| broken(&error))? == 0 {
            return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
        }
        let mut answer: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::new("connection", error.to_string(), UPDATE))?;
        if answer["ok"] == true {
            return Ok((answer["answer"].take(), answer["more"] == true));
        }
        let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
        Err(Failure { code: text("code"), message: text("message"), remedy: text("remedy") })
    }
}

const UPDATE: &str = "Use the command and the agent of the same version.";

fn broken(error: &io::Error) -> Failure {
    let message = format!("the agent did not answer: {error}");
    Failure::new("connection", message, "Look into its log; it may have been stopped.")
}

/// Connects, by way of the open folder where the path is too long for an address.
fn open(spool: &Path) -> io::Result<UnixStream> {
    let path = spool.join(SOCKET);
    if path.as_os_str().len() <= LONGEST {
        return UnixStream::connect(path);
    }
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let folder = File::options().read(true).custom_flags(flags).open(spool)?;
    UnixStream::connect(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(SOCKET))
}

/// A text of somebody else on a terminal: nothing in it drives the terminal.
pub(crate) fn clean(text: &str) -> String {
    text.split('\n').map(freesmtp_core::log::escape).collect::<Vec<_>>().join("\n")
}
