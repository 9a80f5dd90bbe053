//! What a caller may see of a copy while it runs.

/// Told how far a copy is. The methods return at once: the copy waits for them.
pub trait Progress {
    /// The file begins; its size, where it is known.
    fn begin(&mut self, size_bytes: Option<u64>);

    /// So many bytes of the file are at the target. Between two servers it is told about once a
    /// second, where they can tell.
    fn at(&mut self, bytes: u64);

    /// Still at it: called a few times a second while two servers copy among themselves.
    fn waiting(&mut self) {}
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl Progress for Unseen {
    fn begin(&mut self, _: Option<u64>) {}
    fn at(&mut self, _: u64) {}
}
