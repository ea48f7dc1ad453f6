//! What tests of the spool have in common: reading it whole, and submitting from processes that can be killed.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses a part; a failure has failed the test"
)]

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use freesmtp_core::spool::{
    Body, Durability, Envelope, Id, Message, Next, Recipient, Record, SegmentReader, Spool, read_message,
};

pub(crate) fn to(email: &str) -> Envelope {
    Envelope {
        reverse_path: "sender@example.com".into(),
        recipients: vec![Recipient::new(email)],
        ..Envelope::default()
    }
}

pub(crate) fn segments(spool: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(spool.join("incoming")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
    found.sort();
    found
}

/// Everything that a segment gives, up to its end.
pub(crate) fn read(segment: &Path) -> (Vec<Record>, Vec<Next>) {
    let mut reader = SegmentReader::open(segment, 0).unwrap();
    let (mut records, mut others) = (Vec::new(), Vec::new());
    loop {
        match reader.next().unwrap() {
            Next::Record(record) => records.push(*record),
            bad @ Next::Bad { .. } => others.push(bad),
            end => {
                others.push(end);
                return (records, others);
            }
        }
    }
}

pub(crate) fn text(spool: &Path, segment: &Path, body: &Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    read_message(spool, segment, body).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Every message by its id; none is there twice, and none differs from what was submitted under that number.
pub(crate) fn read_all(spool: &Path) -> HashMap<Id, Vec<u8>> {
    let mut all = HashMap::new();
    for segment in segments(spool) {
        for record in read(&segment).0 {
            let bytes = text(spool, &segment, &record.body);
            assert!(all.insert(record.id, bytes).is_none(), "{} is there twice", record.id);
        }
    }
    all
}

/// A message that can be told from every other one, and from a part of it.
pub(crate) fn message(n: u64) -> Vec<u8> {
    let length = match n % 40 {
        0 => 1_200_000,
        n => [10, 700, 5_000, 40_000][usize::try_from(n % 4).unwrap()],
    };
    let mut bytes = format!("Message-ID: <{n}@x>\r\n\r\n").into_bytes();
    while bytes.len() < length {
        bytes.extend_from_slice(format!("{n} {}\r\n", bytes.len()).as_bytes());
    }
    bytes
}

/// The number of a message, which has to be whole.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    let n = text.strip_prefix("Message-ID: <").and_then(|rest| rest.split('@').next()?.parse().ok());
    let n: u64 = n.unwrap_or_else(|| panic!("no message: {text:?}"));
    assert!(bytes == message(n), "message {n} is not what was submitted");
    n
}

/// What a process does, in the words of its environment.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// Messages, or no end.
    pub(crate) count: Option<u64>,
    pub(crate) threads: u64,
    /// Messages of a group, after each single one; 0 for none.
    pub(crate) group: u64,
    pub(crate) durability: Durability,
    /// The user and group it runs as.
    pub(crate) user: Option<u32>,
}

/// A process that submits, and tells the id of each message when it has it.
pub(crate) struct Submitter {
    pub(crate) process: Child,
    ids: mpsc::Receiver<String>,
}

impl Submitter {
    pub(crate) fn start(spool: &Path, work: Work) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
            .env("SPOOL_CHILD", spool)
            .env("SPOOL_COUNT", work.count.unwrap_or(u64::MAX).to_string())
            .env("SPOOL_THREADS", work.threads.to_string())
            .env("SPOOL_GROUP", work.group.to_string())
            .env("SPOOL_DURABILITY", work.durability.as_str())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(user) = work.user {
            command.uid(user).gid(user);
        }
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (send, ids) = mpsc::channel();
        // The pipe is read as it fills, or the process would stand still.
        thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        Self { process, ids }
    }

    /// What it has told and was not asked for yet: all of it when it has ended, else until it is silent for a moment.
    pub(crate) fn told(&self, ended: bool) -> Vec<(Id, u64)> {
        let next = || {
            if ended { self.ids.recv().ok() } else { self.ids.recv_timeout(Duration::from_millis(50)).ok() }
        };
        std::iter::from_fn(next).filter_map(|line| parse(&line)).collect()
    }

    /// Waits until it has told so much.
    pub(crate) fn wait_for_ids(&self, count: usize) -> Vec<(Id, u64)> {
        let lines = std::iter::from_fn(|| self.ids.recv_timeout(Duration::from_secs(60)).ok());
        let told: Vec<_> = lines.filter_map(|line| parse(&line)).take(count).collect();
        assert_eq!(told.len(), count, "nothing comes any more");
        told
    }

    /// All lines that it still says.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.ids.iter().collect()
    }

    pub(crate) fn kill(mut self) -> Vec<(Id, u64)> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.told(true)
    }

    pub(crate) fn end(mut self) -> Vec<(Id, u64)> {
        let told = self.told(true);
        assert!(self.process.wait().unwrap().success());
        told
    }
}

fn parse(line: &str) -> Option<(Id, u64)> {
    let (id, n) = line.strip_prefix("id ")?.split_once(' ').unwrap();
    Some((id.parse().unwrap(), n.parse().unwrap()))
}

/// What the process does: the `child` test of each file calls it.
pub(crate) fn submit_as_told() {
    let Some(path) = env::var_os("SPOOL_CHILD") else { return };
    let number = |name: &str| env::var(name).unwrap().parse::<u64>().unwrap();
    let (count, threads, group) = (number("SPOOL_COUNT"), number("SPOOL_THREADS"), number("SPOOL_GROUP"));
    let durability: Durability = env::var("SPOOL_DURABILITY").unwrap().parse().unwrap();
    let spool = Spool::open(PathBuf::from(path)).unwrap_or_else(|error| {
        tell(&format!("failed: {error}\n"));
        std::process::exit(3);
    });
    let process = u64::from(std::process::id()) * 1_000_000_000;
    thread::scope(|scope| {
        for thread in 0..threads {
            let spool = &spool;
            scope.spawn(move || {
                let mut n = process + thread * 10_000_000;
                for _ in 0..count {
                    n += 1;
                    let id =
                        spool.submit(&to("a@b.example"), Message::Bytes(&message(n)), durability).unwrap();
                    tell(&format!("id {id} {n}\n"));
                    if group > 0 {
                        let mut all = spool.group(durability);
                        let numbers: Vec<_> = (n + 1..=n + group).collect();
                        for n in &numbers {
                            all.add(&to("a@b.example"), Message::Bytes(&message(*n))).unwrap();
                        }
                        n += group;
                        let ids = all.commit().unwrap();
                        tell(
                            &ids.iter()
                                .zip(numbers)
                                .map(|(id, n)| format!("id {id} {n}\n"))
                                .collect::<String>(),
                        );
                    }
                }
            });
        }
    });
}

/// In one write, so that a kill leaves no half line; past the capture of the test's own output.
fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    // What the test's own program says may end without a line end.
    out.write_all(format!("\n{text}").as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// Whether this is a machine where the test can mount; says why not.
pub(crate) fn can_mount() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    if !root {
        eprintln!("skipped: only root may mount the image of a disk");
    }
    root
}

/// A file system that is unmounted at the end.
pub(crate) struct Mounted(pub(crate) PathBuf);

impl Mounted {
    /// `None` when this machine does not mount (a container may not); says why.
    pub(crate) fn new(folder: PathBuf, arguments: &[&str]) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let done = Command::new("mount").args(arguments).arg(&folder).output().unwrap();
        if !done.status.success() {
            eprintln!("skipped: {}", String::from_utf8_lossy(&done.stderr));
            return None;
        }
        Some(Self(folder))
    }

    pub(crate) fn tmpfs(folder: PathBuf, size: &str) -> Option<Self> {
        Self::new(folder, &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    pub(crate) fn image(folder: PathBuf, image: &Path) -> Option<Self> {
        Self::new(folder, &["-o", "loop", image.to_str().unwrap()])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A process that is still there must not keep it for ever.
        let done = Command::new("umount").arg(&self.0).status();
        if !done.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
}
