//! What stands before the records of a segment, and before the content of each. Numbers are little-endian.
//!
//! The checksum of a frame covers its segment and its place: bytes that were a frame elsewhere, such as those of a message
//! that holds a segment, are none here. Its length can be trusted when the checksum is right, so a record whose content was
//! damaged is skipped without a guess.

use super::Id;

/// The first octets of a segment.
pub(super) const MAGIC: [u8; 8] = *b"FSMTPSEG";
/// Octets before the first record.
pub(super) const HEAD: usize = 32;
/// Octets before the content of a record.
pub(super) const FRAME: usize = 16;
/// The most octets of a content.
pub(super) const LONGEST: usize = 32 << 20;

const VERSION: u8 = 1;
/// The next record belongs to the same group: either all of it counts, or nothing.
const MORE: u8 = 1;

/// The head of the segment of that id.
pub(super) fn head(id: Id) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&MAGIC);
    head[8] = VERSION;
    head[12..28].copy_from_slice(&id.number().to_be_bytes());
    let crc = crc32c::crc32c(&head[..28]);
    head[28..].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Reads the head of a segment.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read_head(head: &[u8; HEAD]) -> Result<Id, &'static str> {
    if head[..8] != MAGIC {
        return Err("it does not begin as a segment does");
    }
    if crc32c::crc32c(&head[..28]).to_le_bytes() != head[28..] {
        return Err("its head is damaged");
    }
    if head[8] != VERSION {
        return Err("it was written by a newer version");
    }
    let mut id = [0; 16];
    id.copy_from_slice(&head[12..28]);
    Ok(Id::from_number(u128::from_be_bytes(id)))
}

/// What stands before the content of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Octets of the content.
    pub(super) length: u32,
    /// CRC-32C of the content.
    pub(super) crc: u32,
    /// Whether the next record belongs to the same group.
    pub(super) more: bool,
    /// The version of the content.
    pub(super) version: u8,
}

impl Frame {
    pub(super) fn new(content: &[u8], more: bool) -> Self {
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        Self { length, crc: crc32c::crc32c(content), more, version: VERSION }
    }

    /// Its octets, at `offset` of that segment.
    pub(super) fn write(self, segment: Id, offset: u64) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.crc.to_le_bytes());
        bytes[8] = self.version;
        bytes[9] = if self.more { MORE } else { 0 };
        let crc = checksum(&bytes, segment, offset);
        bytes[12..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads it; `None` when it is none that was written there.
    pub(super) fn read(bytes: &[u8; FRAME], segment: Id, offset: u64) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, version, flags, ..] = *bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        let right = checksum(bytes, segment, offset).to_le_bytes() == bytes[12..];
        let possible = length > 0 && usize::try_from(length).is_ok_and(|length| length <= LONGEST);
        (right && possible).then(|| Self {
            length,
            crc: u32::from_le_bytes([e, f, g, h]),
            more: flags & MORE != 0,
            version,
        })
    }

    /// Whether this version of the program understands the content.
    pub(super) fn is_known(self) -> bool {
        self.version == VERSION
    }
}

fn checksum(frame: &[u8; FRAME], segment: Id, offset: u64) -> u32 {
    let crc = crc32c::crc32c(&segment.number().to_be_bytes());
    let crc = crc32c::crc32c_append(crc, &offset.to_le_bytes());
    crc32c::crc32c_append(crc, &frame[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_of_the_checksum() {
        // RFC 3720 appendix B.4.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn a_frame_counts_at_its_place_only() {
        let id = Id::from_number(77);
        let frame = Frame::new(b"content", true);
        let bytes = frame.write(id, 32);
        assert_eq!(Frame::read(&bytes, id, 32), Some(frame));
        assert_eq!(Frame::read(&bytes, id, 33), None);
        assert_eq!(Frame::read(&bytes, Id::from_number(78), 32), None);
        assert_eq!(Frame::read(&[0; FRAME], id, 32), None);
        for at in 0..FRAME {
            for bit in 0..8 {
                let mut flipped = bytes;
                flipped[at] ^= 1 << bit;
                assert_eq!(Frame::read(&flipped, id, 32), None, "{at}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let id = Id::from_number(77);
        let read = |frame: Frame| Frame::read(&frame.write(id, 32), id, 32);
        for more in [false, true] {
            let frame = Frame::new(b"content", more);
            assert_eq!(read(frame), Some(frame));
            assert!(frame.is_known());
        }
        let later = Frame { version: VERSION + 1, ..Frame::new(b"content", false) };
        assert_eq!(read(later), Some(later));
        assert!(!later.is_known());
        // Zeros are the end, and nobody holds so much in memory, however right its checksum is.
        assert_eq!(read(Frame::new(b"", false)), None);
        let longest = u32::try_from(LONGEST).unwrap();
        for (length, possible) in [(longest, true), (longest + 1, false)] {
            assert_eq!(read(Frame { length, ..later }).is_some(), possible);
        }
    }

    #[test]
    fn a_head_is_read_back_or_refused() {
        let id = Id::from_number(u128::MAX - 5);
        assert_eq!(read_head(&head(id)), Ok(id));
        for at in 0..HEAD {
            let mut flipped = head(id);
            flipped[at] ^= 0x40;
            assert!(read_head(&flipped).is_err(), "{at}");
        }
    }
}
