//! Lines on disk that wait to be told: written at one end, read and removed at the other.
//!
//! Files `0000000001.jsonl`, `0000000002.jsonl` … of some megabytes each; `cursor` says how far they are told. What was told
//! and not yet noted when the agent was killed is told again.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::lines::Lines;

/// A file is ended at this size.
const ROTATE: u64 = 4 << 20;

/// Where reading stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    file: u64,
    offset: u64,
}

/// Both ends.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    /// The file that is written.
    head: u64,
    lines: Lines,
    head_length: u64,
    /// Octets in all files.
    total: u64,
    limit: u64,
    /// What is told.
    told: Cursor,
}

impl Journal {
    /// Opens a folder, and makes it.
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        crate::os::create_private_folder(folder)?;
        let mut numbers: Vec<u64> = Vec::new();
        let mut total = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
            if let Some(number) = number {
                numbers.push(number);
                total += entry.metadata()?.len();
            }
        }
        // A new file: the last line of the one before may be half of one.
        let head = numbers.iter().max().map_or(1, |last| last + 1);
        let first = numbers.iter().min().copied().unwrap_or(head);
        let noted = fs::read_to_string(folder.join("cursor")).ok().and_then(|text| {
            let (file, offset) = text.trim().split_once(' ')?;
            Some(Cursor { file: file.parse().ok()?, offset: offset.parse().ok()? })
        });
        let told = noted.filter(|cursor| cursor.file >= first).unwrap_or(Cursor { file: first, offset: 0 });
        let told = if told.file > head { Cursor { file: head, offset: 0 } } else { told };
        let lines = Lines::new(&path(folder, head));
        Ok(Self { folder: folder.to_owned(), head, lines, head_length: 0, total, limit, told })
    }

    /// Appends whole lines; `false` when there is no room for them.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<bool> {
        let length = lines.len() as u64;
        if self.total + length > self.limit {
            return Ok(false);
        }
        if self.head_length > 0 && self.head_length + length > ROTATE {
            self.head += 1;
            self.lines = Lines::new(&path(&self.folder, self.head));
            self.head_length = 0;
        }
        self.lines.append(lines)?;
        self.head_length += length;
        self.total += length;
        Ok(true)
    }

    /// The next lines, at most `most`, and where they end; none when all is told.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<(Vec<String>, Cursor)> {
        loop {
            let (lines, cursor) = self.read(most)?;
            if !lines.is_empty() || self.told.file >= self.head {
                return Ok((lines, cursor));
            }
            // Nothing more comes in this one.
            self.remove(self.told.file)?;
            self.told = Cursor { file: self.told.file + 1, offset: 0 };
        }
    }

    fn read(&self, most: usize) -> io::Result<(Vec<String>, Cursor)> {
        let mut cursor = self.told;
        let mut lines = Vec::new();
        let mut file = match File::open(path(&self.folder, cursor.file)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((lines, cursor)),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(cursor.offset))?;
        let mut reader = BufReader::new(file);
        while lines.len() < most {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            cursor.offset += line.len() as u64 + 1;
            // What a crash made of a line is no line.
            lines.extend(String::from_utf8(line).ok().filter(|line| line.ends_with('}')));
        }
        Ok((lines, cursor))
    }

    /// Everything before the cursor is told.
    pub(super) fn told(&mut self, cursor: Cursor) -> io::Result<()> {
        self.told = cursor;
        if cursor.file == self.head && cursor.offset == self.head_length && self.head_length > 0 {
            // All of it: the next begins a new file, so that this one can go.
            self.remove(self.head)?;
            self.head += 1;
            self.lines = Lines::new(&path(&self.folder, self.head));
            self.head_length = 0;
            self.told = Cursor { file: self.head, offset: 0 };
        }
        let note = self.folder.join("cursor.new");
        fs::write(&note, format!("{} {}\n", self.told.file, self.told.offset))?;
        fs::rename(note, self.folder.join("cursor"))
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        let path = path(&self.folder, number);
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        self.total = self.total.saturating_sub(length);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> String {
        format!("{{\"n\":{number}}}")
    }

    fn lines(numbers: impl Iterator<Item = usize>) -> Vec<String> {
        numbers.map(line).collect()
    }

    #[test]
    fn what_is_written_is_told_once_in_order_and_then_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), 1 << 20).unwrap();
        assert_eq!(journal.peek(10).unwrap().0, lines(0..0));
        for number in 0..25 {
            assert!(journal.append(&(line(number) + "\n")).unwrap());
        }
        assert_eq!(journal.peek(10).unwrap(), journal.peek(10).unwrap(), "a look takes nothing");
        let mut told = 0;
        while let (some, cursor) = journal.peek(10).unwrap()
            && !some.is_empty()
        {
            assert_eq!(some, lines(told..(told + 10).min(25)));
            told += some.len();
            journal.told(cursor).unwrap();
        }
        assert_eq!((told, journal.total), (25, 0));
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files, ["cursor"]);
        assert!(journal.append("{}\n").unwrap());
        assert_eq!(journal.peek(10).unwrap().0, ["{}"]);
    }

    #[test]
    fn another_agent_goes_on_where_this_one_ended() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Journal::open(folder.path(), 1 << 20).unwrap();
        let mut journal = open();
        for number in 0..5 {
            assert!(journal.append(&(line(number) + "\n")).unwrap());
        }
        let (_, cursor) = journal.peek(2).unwrap();
        journal.told(cursor).unwrap();
        // Killed in the middle of a line.
        let file = fs::OpenOptions::new().append(true).open(path(folder.path(), 1)).unwrap();
        io::Write::write_all(&mut &file, b"{\"n\":").unwrap();
        let mut journal = open();
        journal.append(&(line(5) + "\n")).unwrap();
        let (some, cursor) = journal.peek(10).unwrap();
        assert_eq!(some, lines(2..5));
        journal.told(cursor).unwrap();
        let (some, cursor) = journal.peek(10).unwrap();
        assert_eq!(some, lines(5..6));
        journal.told(cursor).unwrap();
        assert!(open().peek(10).unwrap().0.is_empty());
    }

    #[test]
    fn files_rotate_and_the_whole_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), 3 * ROTATE).unwrap();
        let block = (line(1) + "\n").repeat(100_000);
        let mut written = 0;
        while journal.append(&block).unwrap() {
            written += 100_000;
        }
        assert!(journal.head > 2 && journal.total <= 3 * ROTATE);
        let mut told = 0;
        while let (some, cursor) = journal.peek(1_000).unwrap()
            && !some.is_empty()
        {
            told += some.len();
            journal.told(cursor).unwrap();
        }
        assert_eq!((told, journal.total), (written, 0));
        assert!(journal.append(&block).unwrap());
    }
}
